# The lake at 3 TB: everything watched, a private network for Dagster, workers for the size of the tables.

module "lake" {
  source = "../.."

  name                       = var.name
  environment                = "prod"
  wheel                      = local.wheel
  source_uri                 = var.source_uri
  source_region              = var.source_region
  kms_key_arn                = var.kms_key_arn
  orchestrator_principals    = var.orchestrator_principals
  analyst_principals         = var.analyst_principals
  force_destroy              = var.force_destroy
  enable_network             = true
  enable_interface_endpoints = true
  enable_machine             = true
  crawler_schedule           = "cron(0 3 ? * SUN *)"
  athena_cutoff_gb           = 1024
  monthly_budget_usd         = 500
  budget_emails              = var.budget_emails

  glue = {
    bronze = { worker_type = "G.1X", workers = 40, timeout_minutes = 240 }
    silver = { worker_type = "G.2X", workers = 40, timeout_minutes = 240 }
    gold   = { worker_type = "G.2X", workers = 40, timeout_minutes = 240 }
  }
}
