output "settings" {
  description = "The settings of the application, by variable."
  value       = module.lake.settings
}

output "buckets" {
  description = "Names of the buckets, by purpose."
  value       = module.lake.buckets
}

output "roles" {
  description = "ARNs of the roles."
  value       = module.lake.roles
}

output "network" {
  description = "The VPC and its private subnets, or null."
  value       = module.lake.network
}

output "machine" {
  description = "The machine of Dagster, and the command that brings its web server to this one."
  value       = module.lake.machine
}
