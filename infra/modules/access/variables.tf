variable "name" {
  type        = string
  description = "Name of the deployment: jobs and crawlers are <name>-<layer>, the workgroup is <name>."
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
  description = "Region of the lake."
}

variable "buckets" {
  type        = object({ lake = string, code = string, pipes = string, results = string, logs = string })
  description = "Names of the buckets."
}

variable "database_prefix" {
  type        = string
  description = "Databases are <prefix>_<schema>."
}

variable "source_uri" {
  type        = string
  description = "s3://bucket/folder of the source files."
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key, or empty for S3's own."
}

variable "role_names" {
  type        = map(string)
  description = "Names of the roles."
}

variable "orchestrator_principals" {
  type        = list(string)
  description = "ARNs that may take the orchestrator's role."
}

variable "orchestrator_services" {
  type        = list(string)
  description = "Services that may."
}

variable "analyst_principals" {
  type        = list(string)
  description = "ARNs that may take the analyst's role."
}
