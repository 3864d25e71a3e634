variable "name" {
  type        = string
  default     = "lake"
  description = "What the lake is called; every resource's name begins with <name>-<environment>."

  validation {
    # With the longest purpose and the account, the name of a bucket may have 63 characters.
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "name: 3 to 20 lower-case letters, digits and single hyphens; a letter first, no hyphen last."
  }
}

variable "environment" {
  type        = string
  description = "dev, staging or prod."

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment is one of dev, staging, prod."
  }
}

variable "wheel" {
  type        = string
  description = "File of the package as Glue jobs load it, which `make wheel` builds in dist."

  validation {
    condition     = endswith(var.wheel, ".whl") && fileexists(var.wheel)
    error_message = "wheel: there is no such .whl file. Build it with `make wheel`, and give its path."
  }
}

variable "lake_bucket" {
  type        = string
  default     = ""
  description = "Name of the lake's bucket; default: <name>-<environment>-lake-<account>."

  validation {
    condition     = var.lake_bucket == "" || can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.lake_bucket))
    error_message = "lake_bucket: 3 to 63 lower-case letters, digits and hyphens, none of them first or last. Dots break TLS."
  }
}

variable "source_uri" {
  type        = string
  default     = "s3://redshift-downloads/TPC-DS/2.13/3TB/"
  description = "Where the source files are, one folder per table."

  validation {
    condition     = can(regex("^s3://[a-z0-9][a-z0-9.-]+[a-z0-9](/.*)?$", var.source_uri))
    error_message = "source_uri: give s3://bucket/folder."
  }
}

variable "source_region" {
  type        = string
  default     = "us-east-1"
  description = "Region of the source's bucket."
}

variable "source_access" {
  type        = string
  default     = "signed"
  description = "signed, or anonymous for a public bucket that refuses signed requests."

  validation {
    condition     = contains(["signed", "anonymous"], var.source_access)
    error_message = "source_access is signed or anonymous."
  }
}

variable "kms_key_arn" {
  type        = string
  default     = ""
  description = "KMS key for everything at rest but access logs; default: S3's own keys (AES-256), which cost nothing."

  validation {
    condition     = var.kms_key_arn == "" || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:\\d{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn: give the ARN of a key (not of an alias)."
  }
}

variable "force_destroy" {
  type        = bool
  default     = false
  description = "Whether `terraform destroy` may remove buckets that hold something. Never for data that is worth keeping."
}

variable "periods" {
  type = object({
    bronze_infrequent_days = optional(number, 30)
    bronze_archive_days    = optional(number, 90)
    noncurrent_days        = optional(number, 30)
    noncurrent_versions    = optional(number, 3)
    staging_days           = optional(number, 7)
    pipes_days             = optional(number, 1)
    results_days           = optional(number, 14)
    logs_days              = optional(number, 365)
    multipart_days         = optional(number, 2)
    cloudwatch_days        = optional(number, 365)
  })
  default     = {}
  description = "Days after which what the name says happens: see modules/storage."

  validation {
    condition     = var.periods.bronze_infrequent_days >= 30 && var.periods.bronze_archive_days >= var.periods.bronze_infrequent_days + 30
    error_message = "periods: S3 moves objects to infrequent access after 30 days at the earliest, and to the archive 30 days later."
  }

  validation {
    condition     = alltrue([for days in values(var.periods) : days >= 1 && floor(days) == days])
    error_message = "periods: whole days, 1 at least."
  }

  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.periods.cloudwatch_days
    )
    error_message = "periods: cloudwatch_days must be a period that CloudWatch offers, e.g. 30, 90 or 365."
  }
}

variable "glue" {
  type = map(object({
    worker_type     = optional(string, "G.1X")
    workers         = optional(number, 10)
    gb_per_worker   = optional(number, 8)
    autoscaling     = optional(bool, true)
    flex            = optional(bool, false)
    timeout_minutes = optional(number, 120)
  }))
  default     = {}
  description = "Workers of the Glue jobs by layer, as in the setting LAKE_GLUE; a layer left out has the defaults."

  validation {
    condition     = alltrue([for layer in keys(var.glue) : contains(["bronze", "silver", "gold"], layer)])
    error_message = "glue: layers are bronze, silver and gold."
  }

  validation {
    condition = alltrue([
      for job in values(var.glue) :
      contains(["G.1X", "G.2X", "G.4X", "G.8X", "R.1X", "R.2X", "R.4X", "R.8X"], job.worker_type)
      && job.workers >= 2 && job.timeout_minutes >= 1 && job.gb_per_worker > 0
    ])
    error_message = "glue: worker_type is G.1X to G.8X or R.1X to R.8X, workers are 2 at least, timeout_minutes 1 at least."
  }

  validation {
    condition     = alltrue([for job in values(var.glue) : !job.flex || contains(["G.1X", "G.2X"], job.worker_type)])
    error_message = "glue: FLEX runs on workers G.1X and G.2X only."
  }
}

variable "glue_concurrent_runs" {
  type        = number
  default     = 16
  description = "Runs of one job at once; further ones are waited for by the orchestrator."

  validation {
    condition     = var.glue_concurrent_runs >= 1
    error_message = "glue_concurrent_runs is 1 at least."
  }
}

variable "crawler_schedule" {
  type        = string
  default     = ""
  description = "Cron expression by which Glue crawls by itself; default: only when Dagster asks. Each crawl bills 10 minutes at least."

  validation {
    condition     = var.crawler_schedule == "" || can(regex("^cron\\(.+\\)$", var.crawler_schedule))
    error_message = "crawler_schedule: give cron(...), e.g. cron(0 3 * * ? *)."
  }
}

variable "athena_cutoff_gb" {
  type        = number
  default     = 100
  description = "Gigabytes (2^30 bytes) that one query may scan before Athena ends it; 100 are about half a dollar."

  validation {
    condition     = var.athena_cutoff_gb >= 0.01
    error_message = "athena_cutoff_gb: Athena allows no cutoff below 10 MB, which is 0.01."
  }
}

variable "orchestrator_principals" {
  type        = list(string)
  default     = []
  description = "ARNs that may take the orchestrator's role: the machine's or container's role, or people's."

  validation {
    condition     = alltrue([for arn in var.orchestrator_principals : can(regex("^arn:aws[a-z-]*:(iam|sts)::\\d{12}:.+$", arn))])
    error_message = "orchestrator_principals: give ARNs of roles or users. A star would let everybody in."
  }
}

variable "orchestrator_services" {
  type        = list(string)
  default     = ["ec2.amazonaws.com"]
  description = "AWS services that may run Dagster under the orchestrator's role, e.g. ecs-tasks.amazonaws.com."

  validation {
    condition     = alltrue([for service in var.orchestrator_services : endswith(service, ".amazonaws.com")])
    error_message = "orchestrator_services: names of services end with .amazonaws.com."
  }
}

variable "analyst_principals" {
  type        = list(string)
  default     = []
  description = "ARNs that may take the analyst's role; default: whom this account's own policies allow to."

  validation {
    condition     = alltrue([for arn in var.analyst_principals : can(regex("^arn:aws[a-z-]*:(iam|sts)::\\d{12}:.+$", arn))])
    error_message = "analyst_principals: give ARNs of roles or users. A star would let everybody in."
  }
}

variable "enable_cloudtrail" {
  type        = bool
  default     = true
  description = "A trail of every call, and of every read and write of the lake's objects ($0.10 per 100,000)."
}

variable "enable_network" {
  type        = bool
  default     = false
  description = "A VPC with private subnets and a gateway endpoint for S3, for a Dagster that runs in this account."
}

variable "enable_interface_endpoints" {
  type        = bool
  default     = false
  description = "Endpoints for Glue and Athena in the VPC, about $15 a month each in two zones."

  validation {
    condition     = !var.enable_interface_endpoints || var.enable_network
    error_message = "enable_interface_endpoints needs enable_network."
  }
}

variable "enable_machine" {
  type        = bool
  default     = false
  description = "A machine in the VPC that runs Dagster, and a NAT gateway for its way out; about $90 a month."

  validation {
    condition     = !var.enable_machine || var.enable_network
    error_message = "enable_machine needs enable_network."
  }

  validation {
    condition     = !var.enable_machine || contains(var.orchestrator_services, "ec2.amazonaws.com")
    error_message = "enable_machine: orchestrator_services must contain ec2.amazonaws.com, else the machine cannot take its role."
  }
}

variable "machine_type" {
  type        = string
  default     = "t4g.large"
  description = "Type of that machine. It waits for Glue most of the time, but each run takes about 300 MB."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9]+$", var.machine_type)) && !can(regex("\\.(nano|micro|small)$", var.machine_type))
    error_message = "machine_type: give a type of instance with 4 GB of memory at least, e.g. t4g.large."
  }
}

variable "machine_data_gb" {
  type        = number
  default     = 20
  description = "Size of the volume with Dagster's database and home."

  validation {
    condition     = var.machine_data_gb >= 5 && floor(var.machine_data_gb) == var.machine_data_gb
    error_message = "machine_data_gb: whole gigabytes, 5 at least."
  }
}

variable "network_cidr" {
  type        = string
  default     = "10.20.0.0/20"
  description = "Addresses of the VPC."

  validation {
    condition     = can(cidrnetmask(var.network_cidr)) && tonumber(split("/", var.network_cidr)[1]) <= 24
    error_message = "network_cidr: give an IPv4 block of /24 or larger, e.g. 10.20.0.0/20."
  }
}

variable "network_zones" {
  type        = list(string)
  default     = ["a", "b"]
  description = "Letters of the zones with a subnet. Named, because a zone that AWS adds must not move the subnets."

  # The last sixteenth of the addresses is the NAT gateway's.
  validation {
    condition     = length(var.network_zones) >= 2 && length(var.network_zones) <= 6 && alltrue([for zone in var.network_zones : can(regex("^[a-f]$", zone))])
    error_message = "network_zones: 2 to 6 letters from a to f, e.g. [\"a\", \"b\"]."
  }
}

variable "monthly_budget_usd" {
  type        = number
  default     = 50
  description = "Dollars a month from which on budget_emails are told, at 80 % forecast and at 100 % spent."

  validation {
    condition     = var.monthly_budget_usd > 0
    error_message = "monthly_budget_usd is more than 0."
  }
}

variable "budget_emails" {
  type        = list(string)
  default     = []
  description = "Who is told; without anybody there is no budget."

  validation {
    condition     = alltrue([for address in var.budget_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", address))])
    error_message = "budget_emails: give e-mail addresses."
  }
}
