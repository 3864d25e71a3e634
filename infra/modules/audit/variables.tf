variable "name" {
  type        = string
  description = "Name of the trail."
}

variable "logs_bucket" {
  type        = string
  description = "Bucket of the trail's files."
}

variable "lake_bucket_arn" {
  type        = string
  description = "Bucket whose objects are watched."
}
