variable "name" {
  type        = string
  description = "Name of the deployment, and of the machine."
}

variable "region" {
  type        = string
  description = "Region."
}

variable "account" {
  type        = string
  description = "AWS account."
}

variable "partition" {
  type        = string
  description = "First part of ARNs."
}

variable "type" {
  type        = string
  description = "Type of the instance."
}

variable "data_gb" {
  type        = number
  description = "Size of the volume with Dagster's database and home, in GB."
}

variable "subnet" {
  type        = string
  description = "Private subnet with a way out."
}

variable "zone" {
  type        = string
  description = "Its zone."
}

variable "vpc" {
  type        = string
  description = "Its VPC."
}

variable "role" {
  type        = string
  description = "Name of the orchestrator's role."
}

variable "instance_profile" {
  type        = string
  description = "Instance profile with that role."
}

variable "settings" {
  type        = map(string)
  description = "Settings of the application, by variable."
}

variable "dagster_yaml" {
  type        = string
  description = "File of the Dagster instance's configuration."
}

variable "wheel_uri" {
  type        = string
  description = "Where the package lies in S3."
}

variable "code_bucket" {
  type        = string
  description = "Bucket of the package."
}

variable "logs_bucket" {
  type        = string
  description = "Bucket for what runs print and for dumps of the database."
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key of the disks, or empty for the account's own."
}

variable "force_destroy" {
  type        = bool
  description = "Whether the data volume may be destroyed without a snapshot."
}
