output "settings" {
  description = "The settings of the application, by variable: `make infra-env` writes them to a file."
  value = merge(
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

output "buckets" {
  description = "Names of the buckets, by purpose."
  value       = module.storage.names
}

output "roles" {
  description = "ARNs of the roles: one per layer, and those of crawler, orchestrator and analyst."
  value       = module.access.role_arns
}

output "network" {
  description = "The VPC and its private subnets, or null."
  value       = one(module.network[*].ids)
}
