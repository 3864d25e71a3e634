# Databases, one job and one crawler per layer, and the code that the jobs load.

locals {
  layers = toset(["bronze", "silver", "gold"])
  # What `lake_assets.engine.glue_script` needs and Glue 6.0 does not bring; bounds as in setup.py.
  modules = "pydantic>=2.11,<3,pydantic-settings>=2.10,<3,isal>=1.7,<2,dagster-pipes>=1.13.27,<1.14"
  jobs = {
    for layer, job in var.jobs : layer => job != null ? job : {
      worker_type = "G.1X", workers = 10, autoscaling = true, flex = false, timeout_minutes = 120
    }
  }
}

resource "aws_glue_catalog_database" "schema" {
  for_each = var.schemas

  name        = "${var.database_prefix}_${each.key}"
  description = each.value
}

# A crawler writes tables wherever it may: each has a database of its own, which the lake compares with the contract.
resource "aws_glue_catalog_database" "discovered" {
  for_each = local.layers

  name        = "${var.database_prefix}_discovered_${each.key}"
  description = "What the crawler of the layer ${each.key} found; not for queries."
}

resource "aws_glue_security_configuration" "this" {
  #checkov:skip=CKV_AWS_99: encrypted by KMS where kms_key_arn names a key; else S3's own, and logs without personal data

  name = var.name

  encryption_configuration {
    cloudwatch_encryption {
      cloudwatch_encryption_mode = var.kms_key_arn == "" ? "DISABLED" : "SSE-KMS"
      kms_key_arn                = var.kms_key_arn == "" ? null : var.kms_key_arn
    }

    job_bookmarks_encryption {
      job_bookmarks_encryption_mode = var.kms_key_arn == "" ? "DISABLED" : "CSE-KMS"
      kms_key_arn                   = var.kms_key_arn == "" ? null : var.kms_key_arn
    }

    s3_encryption {
      s3_encryption_mode = var.kms_key_arn == "" ? "SSE-S3" : "SSE-KMS"
      kms_key_arn        = var.kms_key_arn == "" ? null : var.kms_key_arn
    }
  }
}

resource "aws_s3_object" "script" {
  bucket = var.code_bucket
  # A new version has a new address: a run that goes on keeps the code it began with.
  key         = "glue/${filemd5(var.script)}/glue_script.py"
  source      = var.script
  source_hash = filemd5(var.script)
}

resource "aws_s3_object" "wheel" {
  bucket      = var.code_bucket
  key         = "glue/${filemd5(var.wheel)}/${basename(var.wheel)}"
  source      = var.wheel
  source_hash = filemd5(var.wheel)
}

resource "aws_glue_job" "layer" {
  for_each = local.jobs

  name                   = "${var.name}-${each.key}"
  description            = "Builds tables of the layer ${each.key}; started by Dagster, one task a run."
  role_arn               = var.role_arns[each.key]
  glue_version           = "6.0"
  worker_type            = each.value.worker_type
  number_of_workers      = each.value.workers
  execution_class        = each.value.flex ? "FLEX" : "STANDARD"
  timeout                = each.value.timeout_minutes
  security_configuration = aws_glue_security_configuration.this.name
  # Dagster tries again, and knows what is worth it.
  max_retries = 0

  command {
    name            = "glueetl"
    python_version  = "3"
    script_location = "s3://${aws_s3_object.script.bucket}/${aws_s3_object.script.key}"
  }

  execution_property {
    max_concurrent_runs = var.concurrent_runs
  }

  default_arguments = {
    "--additional-python-modules"        = local.modules
    "--enable-auto-scaling"              = tostring(each.value.autoscaling)
    "--enable-continuous-cloudwatch-log" = "true"
    "--enable-metrics"                   = "true"
    "--enable-observability-metrics"     = "true"
    "--extra-py-files"                   = "s3://${aws_s3_object.wheel.bucket}/${aws_s3_object.wheel.key}"
    "--job-bookmark-option"              = "job-bookmark-disable"
  }
}

resource "aws_glue_crawler" "layer" {
  for_each = local.layers

  # As lake_assets.catalog.crawlers.crawler_input, which a test compares it with.
  name                   = "${var.name}-${each.key}"
  description            = "Verifies the layer ${each.key}; what it finds is compared with the contract."
  role                   = var.role_arns["crawler"]
  database_name          = aws_glue_catalog_database.discovered[each.key].name
  schedule               = var.crawler_schedule == "" ? null : var.crawler_schedule
  security_configuration = aws_glue_security_configuration.this.name

  s3_target {
    path       = "s3://${var.lake_bucket}/${each.key}/"
    exclusions = ["_staging/**", "_ledger/**"]
  }

  schema_change_policy {
    update_behavior = "LOG"
    delete_behavior = "LOG"
  }

  recrawl_policy {
    recrawl_behavior = "CRAWL_EVERYTHING"
  }

  configuration = jsonencode({
    Version = 1.0
    Grouping = {
      TableGroupingPolicy = "CombineCompatibleSchemas"
      # The bucket is level 1, the layer 2, its tables 3.
      TableLevelConfiguration = 3
    }
    CrawlerOutput = {
      Partitions = { AddOrUpdateBehavior = "InheritFromTable" }
    }
  })
}
