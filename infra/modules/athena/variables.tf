variable "name" {
  type        = string
  description = "Name of the workgroup."
}

variable "account" {
  type        = string
  description = "AWS account, which must own the bucket of the results."
}

variable "results_bucket" {
  type        = string
  description = "Bucket of the results."
}

variable "cutoff_bytes" {
  type        = number
  description = "Bytes that a query may scan."
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key, or empty for S3's own."
}

variable "database_prefix" {
  type        = string
  description = "Databases are <prefix>_<schema>."
}

variable "gold_database" {
  type        = string
  description = "Database in which the example queries are offered."
}

variable "queries" {
  type        = string
  description = "Folder of the example queries."
}

variable "force_destroy" {
  type        = bool
  description = "Whether the workgroup may be removed with the history of its queries."
}
