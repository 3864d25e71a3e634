# The lake as a whole: what jobs, crawlers and queries are set up as, what the application is told, and what is refused.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_region_validation      = true
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

variables {
  environment    = "dev"
  enable_network = true
  budget_emails  = ["data@example.org"]
}

run "the_application_is_told_its_settings" {
  command = plan

  assert {
    condition = { for name, value in output.settings : name => value if !contains(["LAKE_ROOT", "LAKE_PIPES_BUCKET", "LAKE_ROLES"], name) } == {
      LAKE_ENVIRONMENT    = "aws"
      LAKE_NAME           = "lake-dev"
      LAKE_REGION         = "eu-west-1"
      LAKE_SOURCE         = "s3://redshift-downloads/TPC-DS/2.13/3TB/"
      LAKE_SOURCE_REGION  = "us-east-1"
      LAKE_SOURCE_ACCESS  = "signed"
      LAKE_EXPECTED_OWNER = "123456789012"
    }
    error_message = "Other settings."
  }

  assert {
    condition = jsondecode(output.settings.LAKE_ROLES) == {
      bronze = "arn:aws:iam::123456789012:role/lake-dev-bronze"
      silver = "arn:aws:iam::123456789012:role/lake-dev-silver"
      gold   = "arn:aws:iam::123456789012:role/lake-dev-gold"
    }
    error_message = "Other roles."
  }

  assert {
    condition     = output.buckets["lake"] == "lake-dev-lake-123456789012" && output.buckets["results"] == "lake-dev-athena-results-123456789012"
    error_message = "Other buckets."
  }
}

run "jobs_run_glue_6_with_logs_and_metrics_and_without_bookmarks" {
  command = plan

  module {
    source = "./modules/glue"
  }

  variables {
    name             = "lake-dev"
    lake_bucket      = "the-lake"
    code_bucket      = "the-code"
    script           = "../lake_assets/engine/glue_script.py"
    schemas          = { bronze = "b", silver = "s", gold = "g", quarantine = "q", quality = "y" }
    database_prefix  = "lake_dev"
    jobs             = { bronze = null, silver = { worker_type = "G.2X", workers = 40, autoscaling = true, flex = true, timeout_minutes = 60 }, gold = null }
    concurrent_runs  = 16
    crawler_schedule = ""
    role_arns = {
      bronze = "arn:aws:iam::123456789012:role/b", silver = "arn:aws:iam::123456789012:role/s"
      gold   = "arn:aws:iam::123456789012:role/g", crawler = "arn:aws:iam::123456789012:role/c"
    }
    kms_key_arn = ""
  }

  assert {
    condition = alltrue([
      for job in aws_glue_job.layer : alltrue([
        job.glue_version == "6.0",
        job.default_arguments["--enable-auto-scaling"] == "true",
        job.default_arguments["--enable-metrics"] == "true",
        job.default_arguments["--enable-continuous-cloudwatch-log"] == "true",
        job.default_arguments["--job-bookmark-option"] == "job-bookmark-disable",
        job.max_retries == 0,
        job.security_configuration == "lake-dev",
      ])
    ])
    error_message = "A job is set up otherwise."
  }

  assert {
    condition = { for layer, job in aws_glue_job.layer : layer => [job.name, job.role_arn, job.execution_class, job.worker_type] } == {
      bronze = ["lake-dev-bronze", "arn:aws:iam::123456789012:role/b", "STANDARD", "G.1X"]
      silver = ["lake-dev-silver", "arn:aws:iam::123456789012:role/s", "FLEX", "G.2X"]
      gold   = ["lake-dev-gold", "arn:aws:iam::123456789012:role/g", "STANDARD", "G.1X"]
    }
    error_message = "A job has another name, role or size."
  }

  assert {
    condition = alltrue([
      for layer, crawler in aws_glue_crawler.layer : alltrue([
        crawler.database_name == "lake_dev_discovered_${layer}",
        one(crawler.s3_target).path == "s3://the-lake/${layer}/",
        one(crawler.schema_change_policy).update_behavior == "LOG",
        one(crawler.schema_change_policy).delete_behavior == "LOG",
        crawler.schedule == null,
      ])
    ])
    error_message = "A crawler writes where it must not, or crawls by itself."
  }

  assert {
    condition     = length(aws_glue_catalog_database.schema) == 5 && length(aws_glue_catalog_database.discovered) == 3
    error_message = "Databases are missing."
  }
}

run "queries_are_cut_off_encrypted_and_cannot_choose_otherwise" {
  command = plan

  module {
    source = "./modules/athena"
  }

  variables {
    name            = "lake-dev"
    account         = "123456789012"
    results_bucket  = "the-results"
    cutoff_bytes    = 107374182400
    kms_key_arn     = ""
    database_prefix = "lake_dev"
    gold_database   = "lake_dev_gold"
    queries         = "../lake_assets/queries"
    force_destroy   = false
  }

  assert {
    condition = alltrue([
      one(aws_athena_workgroup.this.configuration).enforce_workgroup_configuration,
      one(aws_athena_workgroup.this.configuration).publish_cloudwatch_metrics_enabled,
      one(aws_athena_workgroup.this.configuration).bytes_scanned_cutoff_per_query == 107374182400,
      one(one(aws_athena_workgroup.this.configuration).engine_version).selected_engine_version == "Athena engine version 3",
      one(one(aws_athena_workgroup.this.configuration).result_configuration).expected_bucket_owner == "123456789012",
      one(one(one(aws_athena_workgroup.this.configuration).result_configuration).encryption_configuration).encryption_option == "SSE_S3",
    ])
    error_message = "The workgroup is set up otherwise."
  }

  assert {
    condition     = length(aws_athena_named_query.example) == length(fileset("../lake_assets/queries", "*.sql"))
    error_message = "An example query is missing."
  }

  assert {
    condition = alltrue([
      for query in aws_athena_named_query.example : !can(regex("\\b(FROM|JOIN) (gold|silver|bronze)\\.", query.query)) && strcontains(query.query, "lake_dev_")
    ])
    error_message = "An example query asks tables that are not this lake's."
  }
}

run "every_call_and_every_object_is_watched" {
  command = plan

  module {
    source = "./modules/audit"
  }

  variables {
    name            = "lake-dev"
    logs_bucket     = "the-logs"
    lake_bucket_arn = "arn:aws:s3:::the-lake"
  }

  assert {
    condition     = aws_cloudtrail.this.enable_log_file_validation && aws_cloudtrail.this.is_multi_region_trail && aws_cloudtrail.this.enable_logging
    error_message = "The trail could be changed, or sees one region only."
  }

  assert {
    condition = anytrue(flatten([
      for selector in aws_cloudtrail.this.advanced_event_selector : [
        for field in selector.field_selector : field.field == "resources.ARN" && field.starts_with == tolist(["arn:aws:s3:::the-lake/"])
      ]
    ]))
    error_message = "Reads and writes of the lake are not watched."
  }
}

run "the_network_lets_nothing_in" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    name                = "lake-dev"
    region              = "eu-west-1"
    account             = "123456789012"
    partition           = "aws"
    cidr                = "10.20.0.0/20"
    zones               = ["a", "b"]
    interface_endpoints = true
    way_out             = false
    buckets             = ["the-lake"]
    source_bucket       = "files"
    log_days            = 365
    kms_key_arn         = ""
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.private : !subnet.map_public_ip_on_launch])
    error_message = "A subnet is public."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.endpoints[0].cidr_ipv4 == "10.20.0.0/20" && aws_vpc_security_group_ingress_rule.endpoints[0].from_port == 443
    error_message = "The endpoints are open to others."
  }

  assert {
    condition = alltrue([
      for endpoint in aws_vpc_endpoint.interface : jsondecode(endpoint.policy).Statement[0].Condition.StringEquals["aws:PrincipalAccount"] == "123456789012"
    ]) && length(aws_vpc_endpoint.interface) == 2
    error_message = "Other accounts could use the endpoints."
  }

  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_vpc_endpoint.s3.policy).Statement : [
        for resource in flatten([statement.Resource]) : startswith(resource, "arn:aws:s3:::the-lake") || (startswith(resource, "arn:aws:s3:::files") && !contains(flatten([statement.Action]), "s3:PutObject*"))
      ]
    ]))
    error_message = "Data could leave for another bucket."
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_internet_gateway.this) == 0
    error_message = "There is a way out that nobody asked for."
  }

  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL"
    error_message = "Traffic is not watched."
  }
}

run "an_unknown_environment_is_refused" {
  command = plan
  variables {
    environment = "qa"
  }
  expect_failures = [var.environment]
}

run "a_name_that_buckets_cannot_have_is_refused" {
  command = plan
  variables {
    name = "My_Lake"
  }
  expect_failures = [var.name]
}

run "an_invalid_bucket_name_is_refused" {
  command = plan
  variables {
    lake_bucket = "My.Bucket"
  }
  expect_failures = [var.lake_bucket]
}

run "a_cutoff_below_what_athena_allows_is_refused" {
  command = plan
  variables {
    athena_cutoff_gb = 0.001
  }
  expect_failures = [var.athena_cutoff_gb]
}

run "a_missing_wheel_is_refused" {
  command = plan
  variables {
    wheel = "nowhere/lake_assets-0.0.0-py3-none-any.whl"
  }
  expect_failures = [var.wheel]
}

run "a_star_as_principal_is_refused" {
  command = plan
  variables {
    analyst_principals      = ["*"]
    orchestrator_principals = ["*"]
  }
  expect_failures = [var.analyst_principals, var.orchestrator_principals]
}

run "a_layer_that_there_is_not_is_refused" {
  command = plan
  variables {
    glue = { platinum = {} }
  }
  expect_failures = [var.glue]
}

run "periods_that_s3_does_not_offer_are_refused" {
  command = plan
  variables {
    periods = { bronze_infrequent_days = 10 }
  }
  expect_failures = [var.periods]
}

run "endpoints_without_a_network_are_refused" {
  command = plan
  variables {
    enable_network             = false
    enable_interface_endpoints = true
  }
  expect_failures = [var.enable_interface_endpoints]
}

run "a_machine_without_a_network_is_refused" {
  command = plan
  variables {
    enable_network = false
    enable_machine = true
  }
  expect_failures = [var.enable_machine]
}

run "a_machine_that_could_not_take_its_role_is_refused" {
  command = plan
  variables {
    enable_machine        = true
    orchestrator_services = ["ecs-tasks.amazonaws.com"]
  }
  expect_failures = [var.enable_machine]
}

run "a_machine_too_small_for_runs_is_refused" {
  command = plan
  variables {
    machine_type = "t4g.micro"
  }
  expect_failures = [var.machine_type]
}
