variable "name" {
  type        = string
  description = "Name of the deployment."
}

variable "region" {
  type        = string
  description = "Region."
}

variable "account" {
  type        = string
  description = "AWS account, whose identities may use the endpoints."
}

variable "partition" {
  type        = string
  description = "First part of ARNs."
}

variable "cidr" {
  type        = string
  description = "Addresses."
}

variable "zones" {
  type        = list(string)
  description = "Letters of the zones, one subnet in each."
}

variable "way_out" {
  type        = bool
  description = "Whether the private subnets reach the internet, through a NAT gateway."
}

variable "interface_endpoints" {
  type        = bool
  description = "Whether Glue and Athena have endpoints."
}

variable "buckets" {
  type        = list(string)
  description = "Buckets that may be reached through the endpoint of S3."
}

variable "source_bucket" {
  type        = string
  description = "Bucket that may be read through it."
}

variable "log_days" {
  type        = number
  description = "Days for which the flow log is kept."
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key, or empty for CloudWatch's own."
}
