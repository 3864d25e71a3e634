output "databases" {
  description = "Names of the databases, by schema."
  value       = { for schema, database in aws_glue_catalog_database.schema : schema => database.name }
}
