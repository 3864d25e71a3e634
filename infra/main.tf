data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

# ARNs are computed from names instead of being read from resources: so every policy is known when Terraform plans, can be
# reviewed there, and can be tested without an account.
locals {
  name      = "${var.name}-${var.environment}"
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  layers    = ["bronze", "silver", "gold"]

  buckets = {
    lake    = var.lake_bucket != "" ? var.lake_bucket : "${local.name}-lake-${local.account}"
    code    = "${local.name}-code-${local.account}"
    pipes   = "${local.name}-pipes-${local.account}"
    results = "${local.name}-athena-results-${local.account}"
    logs    = "${local.name}-logs-${local.account}"
  }

  # As lake_assets.catalog.glue_tables names them.
  database_prefix = replace(local.name, "-", "_")
  schemas = {
    bronze     = "The source files, row by row as they were."
    silver     = "Typed, deduplicated and audited tables."
    gold       = "What analysts ask."
    quarantine = "Rows that broke a rule, each with the reason."
    quality    = "What every audit found."
  }

  role_names = merge(
    { for layer in local.layers : layer => "${local.name}-${layer}" },
    { for who in ["crawler", "orchestrator", "analyst"] : who => "${local.name}-${who}" },
  )
  role_arns = { for who, role in local.role_names : who => "arn:${local.partition}:iam::${local.account}:role/${role}" }

  # What the application reads, on a person's machine (`make infra-env`) and on ours.
  settings = merge(
    {
      LAKE_ENVIRONMENT    = "aws"
      LAKE_NAME           = local.name
      LAKE_REGION         = local.region
      LAKE_ROOT           = "s3://${module.storage.names["lake"]}"
      LAKE_SOURCE         = var.source_uri
      LAKE_SOURCE_REGION  = var.source_region
      LAKE_SOURCE_ACCESS  = var.source_access
      LAKE_PIPES_BUCKET   = module.storage.names["pipes"]
      LAKE_EXPECTED_OWNER = local.account
      LAKE_ROLES          = jsonencode({ for layer in local.layers : layer => module.access.role_arns[layer] })
    },
    var.kms_key_arn == "" ? {} : { LAKE_KMS_KEY = var.kms_key_arn },
    length(var.glue) == 0 ? {} : { LAKE_GLUE = jsonencode(var.glue) },
  )
}

module "storage" {
  source = "./modules/storage"

  buckets       = local.buckets
  account       = local.account
  partition     = local.partition
  region        = local.region
  trail         = local.name
  kms_key_arn   = var.kms_key_arn
  force_destroy = var.force_destroy
  periods       = var.periods
}

module "access" {
  source = "./modules/access"

  name                    = local.name
  account                 = local.account
  partition               = local.partition
  region                  = local.region
  buckets                 = local.buckets
  database_prefix         = local.database_prefix
  source_uri              = var.source_uri
  kms_key_arn             = var.kms_key_arn
  role_names              = local.role_names
  orchestrator_principals = var.orchestrator_principals
  orchestrator_services   = var.orchestrator_services
  analyst_principals      = var.analyst_principals
}

module "glue" {
  source = "./modules/glue"

  name             = local.name
  lake_bucket      = module.storage.names["lake"]
  code_bucket      = module.storage.names["code"]
  wheel            = var.wheel
  script           = "${path.module}/../lake_assets/engine/glue_script.py"
  schemas          = local.schemas
  database_prefix  = local.database_prefix
  jobs             = { for layer in local.layers : layer => try(var.glue[layer], null) }
  concurrent_runs  = var.glue_concurrent_runs
  crawler_schedule = var.crawler_schedule
  role_arns        = module.access.role_arns
  kms_key_arn      = var.kms_key_arn
}

module "athena" {
  source = "./modules/athena"

  name            = local.name
  account         = local.account
  results_bucket  = module.storage.names["results"]
  cutoff_bytes    = floor(var.athena_cutoff_gb * pow(1024, 3))
  kms_key_arn     = var.kms_key_arn
  database_prefix = local.database_prefix
  gold_database   = module.glue.databases["gold"]
  queries         = "${path.module}/../lake_assets/queries"
  force_destroy   = var.force_destroy
}

module "audit" {
  source = "./modules/audit"
  count  = var.enable_cloudtrail ? 1 : 0

  name            = local.name
  logs_bucket     = module.storage.names["logs"]
  lake_bucket_arn = "arn:${local.partition}:s3:::${local.buckets["lake"]}"
}

module "network" {
  source = "./modules/network"
  count  = var.enable_network ? 1 : 0

  name                = local.name
  region              = local.region
  account             = local.account
  partition           = local.partition
  cidr                = var.network_cidr
  zones               = var.network_zones
  way_out             = var.enable_machine
  interface_endpoints = var.enable_interface_endpoints
  buckets             = values(local.buckets)
  source_bucket       = split("/", var.source_uri)[2]
  log_days            = var.periods.cloudwatch_days
  kms_key_arn         = var.kms_key_arn
}

module "machine" {
  source = "./modules/machine"
  count  = var.enable_machine ? 1 : 0

  name             = local.name
  region           = local.region
  account          = local.account
  partition        = local.partition
  type             = var.machine_type
  data_gb          = var.machine_data_gb
  subnet           = module.network[0].ids.private_subnets[0]
  zone             = "${local.region}${var.network_zones[0]}"
  vpc              = module.network[0].ids.vpc
  role             = local.role_names["orchestrator"]
  instance_profile = module.access.instance_profile
  settings         = local.settings
  dagster_yaml     = "${path.module}/dagster.yaml"
  wheel_uri        = module.glue.wheel_uri
  code_bucket      = module.storage.names["code"]
  logs_bucket      = module.storage.names["logs"]
  kms_key_arn      = var.kms_key_arn
  force_destroy    = var.force_destroy
}

module "budget" {
  source = "./modules/budget"
  count  = length(var.budget_emails) > 0 ? 1 : 0

  name   = local.name
  usd    = var.monthly_budget_usd
  emails = var.budget_emails
}
