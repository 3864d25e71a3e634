# A lake to try things on: a few dollars a month while nothing runs, small jobs, and `terraform destroy` takes it all away.

module "lake" {
  source = "../.."

  name                    = var.name
  environment             = "dev"
  wheel                   = local.wheel
  source_uri              = var.source_uri
  source_region           = var.source_region
  orchestrator_principals = var.orchestrator_principals
  force_destroy           = true
  enable_cloudtrail       = false
  athena_cutoff_gb        = 10
  monthly_budget_usd      = 20
  budget_emails           = var.budget_emails

  periods = {
    noncurrent_days     = 3
    noncurrent_versions = 1
    results_days        = 3
    logs_days           = 30
    cloudwatch_days     = 30
  }

  glue = {
    bronze = { workers = 4, flex = true, timeout_minutes = 60 }
    silver = { workers = 4, flex = true, timeout_minutes = 60 }
    gold   = { workers = 4, flex = true, timeout_minutes = 60 }
  }
}
