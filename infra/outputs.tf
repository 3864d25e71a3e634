output "settings" {
  description = "The settings of the application, by variable: `make infra-env` writes them to a file."
  value       = local.settings
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

output "machine" {
  description = "The machine of Dagster and the command that brings its web server to this one, or null."
  value       = one(module.machine[*].told)
}
