variable "buckets" {
  type        = object({ lake = string, code = string, pipes = string, results = string, logs = string })
  description = "Names of the buckets."
}

variable "account" {
  type        = string
  description = "AWS account."
}

variable "partition" {
  type        = string
  description = "First part of ARNs."
}

variable "region" {
  type        = string
  description = "Region of the buckets."
}

variable "trail" {
  type        = string
  description = "Name of the CloudTrail trail that may write to the log bucket."
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key, or empty for S3's own."
}

variable "force_destroy" {
  type        = bool
  description = "Whether buckets may be removed with what they hold."
}

variable "periods" {
  type = object({
    bronze_infrequent_days = number
    bronze_archive_days    = number
    noncurrent_days        = number
    noncurrent_versions    = number
    staging_days           = number
    pipes_days             = number
    results_days           = number
    logs_days              = number
    multipart_days         = number
  })
  description = "Days after which what the name says happens."
}
