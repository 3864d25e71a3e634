variable "name" {
  type        = string
  description = "Name of the bucket."
}

variable "arn" {
  type        = string
  description = "Its ARN, computed from the name, so that its policy is known when Terraform plans."
}

variable "force_destroy" {
  type        = bool
  description = "Whether it may be removed with what it holds."
}

variable "versioned" {
  type        = bool
  default     = true
  description = "Whether replaced and deleted objects are kept for a while."
}

variable "kms_key_arn" {
  type        = string
  default     = ""
  description = "KMS key; default: S3's own."
}

variable "policy" {
  type        = string
  default     = ""
  description = "Statements beside the one that demands TLS, as a policy document."
}

variable "log_bucket" {
  type        = string
  default     = ""
  description = "Bucket that takes the access logs; default: none are kept."
}

variable "multipart_days" {
  type        = number
  description = "Days after which an upload that was not completed is given up."
}

variable "noncurrent" {
  type        = object({ days = number, versions = number })
  default     = null
  description = "Replaced versions are kept for so many days, and the newest so many of them for ever."
}

variable "expirations" {
  type        = map(number)
  default     = {}
  description = "Days after which objects are removed, by prefix; the empty prefix is all of them."
}

variable "transitions" {
  type        = map(object({ infrequent_days = number, archive_days = number }))
  default     = {}
  description = "Days after which objects move to cheaper storage, by prefix."
}
