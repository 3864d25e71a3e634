# Every bucket is private, encrypted, versioned and reached by TLS only.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_region_validation      = true
}

variables {
  name           = "the-bucket"
  arn            = "arn:aws:s3:::the-bucket"
  force_destroy  = false
  log_bucket     = "the-logs"
  multipart_days = 2
  noncurrent     = { days = 30, versions = 3 }
  expirations    = { "_staging/" = 7 }
  transitions    = { "bronze/" = { infrequent_days = 30, archive_days = 90 } }
}

run "a_bucket_is_private_encrypted_versioned_logged_and_owned" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "Public access is not blocked."
  }

  assert {
    condition     = one(aws_s3_bucket_versioning.this.versioning_configuration).status == "Enabled"
    error_message = "Replaced objects would be lost."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_server_side_encryption_configuration.this.rule :
      rule.bucket_key_enabled && one(rule.apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    ])
    error_message = "Not encrypted."
  }

  assert {
    condition     = one(aws_s3_bucket_ownership_controls.this.rule).object_ownership == "BucketOwnerEnforced"
    error_message = "Objects could belong to another account."
  }

  assert {
    condition     = aws_s3_bucket_logging.this[0].target_bucket == "the-logs" && aws_s3_bucket_logging.this[0].target_prefix == "s3-access/the-bucket/"
    error_message = "No access log."
  }

  assert {
    condition     = aws_s3_bucket.this.force_destroy == false
    error_message = "Could be removed with what it holds."
  }
}

run "requests_without_tls_are_denied" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(output.policy).Statement :
      statement.Effect == "Deny" && statement.Action == "s3:*" && statement.Condition.Bool["aws:SecureTransport"] == "false"
      && toset(statement.Resource) == toset(["arn:aws:s3:::the-bucket", "arn:aws:s3:::the-bucket/*"]) && statement.Principal.AWS == "*"
    ])
    error_message = "Requests without TLS are not denied."
  }
}

run "a_bucket_is_cleaned_up" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  assert {
    condition = {
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.id => rule.status
      } == {
      "abort-multipart-uploads" = "Enabled"
      "noncurrent-versions"     = "Enabled"
      "expire-staging"          = "Enabled"
      "archive-bronze"          = "Enabled"
    }
    error_message = "A rule is missing."
  }

  assert {
    condition = one(flatten([
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.abort_incomplete_multipart_upload[*].days_after_initiation
    ])) == 2
    error_message = "Uploads that were not completed stay."
  }

  assert {
    condition = { for transition in flatten([
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule : tolist(rule.transition) if rule.id == "archive-bronze"
    ]) : transition.storage_class => transition.days } == { STANDARD_IA = 30, GLACIER_IR = 90 }
    error_message = "Bronze does not become cheaper."
  }
}

run "a_key_of_ones_own_encrypts" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234"
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_server_side_encryption_configuration.this.rule :
      one(rule.apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
      && one(rule.apply_server_side_encryption_by_default).kms_master_key_id == "arn:aws:kms:eu-west-1:123456789012:key/1234"
    ])
    error_message = "The key is not used."
  }
}

run "logs_are_written_by_the_services_of_this_account_alone" {
  command = plan

  module {
    source = "./modules/storage"
  }

  variables {
    buckets     = { lake = "the-lake", code = "the-code", pipes = "the-pipes", results = "the-results", logs = "the-logs" }
    account     = "123456789012"
    partition   = "aws"
    region      = "eu-west-1"
    trail       = "lake-dev"
    kms_key_arn = ""
    periods = {
      bronze_infrequent_days = 30, bronze_archive_days = 90, noncurrent_days = 30, noncurrent_versions = 3, staging_days = 7
      pipes_days             = 1, results_days = 14, logs_days = 365, multipart_days = 2
    }
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.policies["logs"]).Statement :
      try(statement.Condition.StringEquals["aws:SourceAccount"], "") == "123456789012"
      || try(statement.Condition.StringEquals["aws:SourceArn"], "") == "arn:aws:cloudtrail:eu-west-1:123456789012:trail/lake-dev"
      if statement.Effect == "Allow"
    ])
    error_message = "Another account's service could write logs here."
  }

  assert {
    condition = alltrue([
      for purpose, policy in output.policies : purpose == "logs" || alltrue([for statement in jsondecode(policy).Statement : statement.Effect == "Deny"])
    ])
    error_message = "A bucket's policy lets somebody in: rights belong to roles."
  }
}
