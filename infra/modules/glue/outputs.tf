output "databases" {
  description = "Names of the databases, by schema."
  value       = { for schema, database in aws_glue_catalog_database.schema : schema => database.name }
}

output "wheel_uri" {
  description = "Where the package lies."
  value       = "s3://${aws_s3_object.wheel.bucket}/${aws_s3_object.wheel.key}"
}
