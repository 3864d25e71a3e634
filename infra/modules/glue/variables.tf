variable "name" {
  type        = string
  description = "Name of the deployment; jobs and crawlers are <name>-<layer>."
}

variable "lake_bucket" {
  type        = string
  description = "Bucket of the lake."
}

variable "code_bucket" {
  type        = string
  description = "Bucket that the jobs load their code from."
}

variable "wheel" {
  type        = string
  description = "File of the package."
}

variable "script" {
  type        = string
  description = "File of the script that a job starts with."
}

variable "schemas" {
  type        = map(string)
  description = "Schemas of the lake with what they hold."
}

variable "database_prefix" {
  type        = string
  description = "Databases are <prefix>_<schema>."
}

variable "jobs" {
  type = map(object({
    worker_type     = string
    workers         = number
    autoscaling     = bool
    flex            = bool
    timeout_minutes = number
  }))
  description = "Workers by layer; null for the defaults. Dagster gives each run its own, so that these are for runs by hand."
}

variable "concurrent_runs" {
  type        = number
  description = "Runs of one job at once."
}

variable "crawler_schedule" {
  type        = string
  description = "Cron expression, or empty for crawls on demand."
}

variable "role_arns" {
  type        = map(string)
  description = "Roles of the layers and of the crawler."
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key, or empty for S3's own."
}
