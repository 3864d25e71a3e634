# The workgroup in which every query runs, and the example queries, which its console offers.

locals {
  files = { for file in fileset(var.queries, "*.sql") : trimsuffix(file, ".sql") => file("${var.queries}/${file}") }
  # A query begins with comments: its title, the question, and how to read the answer, on lines that go on indented.
  parts = {
    for name, text in local.files : name => regex("(?s)^-- (?P<title>[^\n]*)\n-- Question: (?P<question>.*?)\n-- How to read: (?P<reading>.*?)\n(?P<sql>[^-].*)$", text)
  }
}

resource "aws_athena_workgroup" "this" {
  name          = var.name
  description   = "Queries of the lake ${var.name}."
  force_destroy = var.force_destroy

  configuration {
    bytes_scanned_cutoff_per_query     = var.cutoff_bytes
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location       = "s3://${var.results_bucket}/queries/"
      expected_bucket_owner = var.account

      encryption_configuration {
        encryption_option = var.kms_key_arn == "" ? "SSE_S3" : "SSE_KMS"
        kms_key_arn       = var.kms_key_arn == "" ? null : var.kms_key_arn
      }
    }
  }
}

# The same as `lake-assets query --deploy` makes of them, which finds nothing to do after this.
resource "aws_athena_named_query" "example" {
  for_each = local.files

  name      = "${var.name}/${each.key}"
  workgroup = aws_athena_workgroup.this.name
  database  = var.gold_database
  description = substr(format(
    "%s: %s How to read: %s",
    local.parts[each.key].title,
    replace(local.parts[each.key].question, "/\n--\\s+/", " "),
    replace(local.parts[each.key].reading, "/\n--\\s+/", " "),
  ), 0, 1024)
  query = trimsuffix(trimspace(replace(
    each.value, "/\\b(bronze|silver|gold|quarantine|quality)\\.([a-z_])/", "${var.database_prefix}_$1.$2"
  )), ";")
}
