variable "name" {
  type        = string
  default     = "lake"
  description = "What the lake is called."
}

variable "region" {
  type        = string
  default     = "us-east-1"
  description = "Region of the lake. The public source lies in us-east-1: from another region, reading it costs $0.02 per GB."
}

variable "source_uri" {
  type        = string
  default     = "s3://redshift-downloads/TPC-DS/2.13/3TB/"
  description = "Where the source files are."
}

variable "source_region" {
  type        = string
  default     = "us-east-1"
  description = "Region of the source's bucket."
}

variable "orchestrator_principals" {
  type        = list(string)
  default     = []
  description = "ARNs that may run Dagster under the orchestrator's role, e.g. your own while you try it."
}

variable "budget_emails" {
  type        = list(string)
  default     = []
  description = "Who is told before a month becomes expensive."
}

locals {
  version = regex("__version__ = \"([^\"]+)\"", file("${path.module}/../../../lake_assets/__init__.py"))[0]
  wheel   = "${path.module}/../../../dist/lake_assets-${local.version}-py3-none-any.whl"
}
