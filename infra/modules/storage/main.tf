# The five buckets: what the lake holds, the code of its jobs, what jobs say, what queries answer, and the logs of all of it.

locals {
  arns = { for purpose, name in var.buckets : purpose => "arn:${var.partition}:s3:::${name}" }
}

module "lake" {
  source = "../bucket"

  name           = var.buckets["lake"]
  arn            = local.arns["lake"]
  force_destroy  = var.force_destroy
  kms_key_arn    = var.kms_key_arn
  log_bucket     = module.logs.name
  multipart_days = var.periods.multipart_days
  noncurrent     = { days = var.periods.noncurrent_days, versions = var.periods.noncurrent_versions }
  expirations    = { "_staging/" = var.periods.staging_days }
  transitions = {
    "bronze/" = {
      infrequent_days = var.periods.bronze_infrequent_days
      archive_days    = var.periods.bronze_archive_days
    }
  }
}

module "code" {
  source = "../bucket"

  name           = var.buckets["code"]
  arn            = local.arns["code"]
  force_destroy  = var.force_destroy
  kms_key_arn    = var.kms_key_arn
  log_bucket     = module.logs.name
  multipart_days = var.periods.multipart_days
  noncurrent     = { days = var.periods.noncurrent_days, versions = var.periods.noncurrent_versions }
}

module "pipes" {
  source = "../bucket"

  name           = var.buckets["pipes"]
  arn            = local.arns["pipes"]
  force_destroy  = var.force_destroy
  kms_key_arn    = var.kms_key_arn
  log_bucket     = module.logs.name
  multipart_days = var.periods.multipart_days
  expirations    = { "" = var.periods.pipes_days }
}

module "results" {
  source = "../bucket"

  name           = var.buckets["results"]
  arn            = local.arns["results"]
  force_destroy  = var.force_destroy
  versioned      = false
  kms_key_arn    = var.kms_key_arn
  log_bucket     = module.logs.name
  multipart_days = var.periods.multipart_days
  expirations    = { "" = var.periods.results_days }
}

module "logs" {
  source = "../bucket"

  name           = var.buckets["logs"]
  arn            = local.arns["logs"]
  force_destroy  = var.force_destroy
  multipart_days = var.periods.multipart_days
  expirations    = { "" = var.periods.logs_days }
  policy         = data.aws_iam_policy_document.logs.json
}

# Only the services that write logs may, and only those of this account.
data "aws_iam_policy_document" "logs" {
  statement {
    sid       = "AccessLogs"
    actions   = ["s3:PutObject"]
    resources = ["${local.arns["logs"]}/*"]

    principals {
      type        = "Service"
      identifiers = ["logging.s3.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account]
    }
  }

  statement {
    sid       = "TrailLooks"
    actions   = ["s3:GetBucketAcl"]
    resources = [local.arns["logs"]]

    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [local.trail_arn]
    }
  }

  statement {
    sid       = "TrailWrites"
    actions   = ["s3:PutObject"]
    resources = ["${local.arns["logs"]}/cloudtrail/AWSLogs/${var.account}/*"]

    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "s3:x-amz-acl"
      values   = ["bucket-owner-full-control"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [local.trail_arn]
    }
  }
}

locals {
  trail_arn = "arn:${var.partition}:cloudtrail:${var.region}:${var.account}:trail/${var.trail}"
}
