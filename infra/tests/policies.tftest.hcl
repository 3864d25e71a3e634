# What each role may do, read from the very documents that would be applied. The provider computes them without an account:
# its keys are wrong, and no call leaves the machine.

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
  name            = "lake-dev"
  account         = "123456789012"
  partition       = "aws"
  region          = "eu-west-1"
  database_prefix = "lake_dev"
  source_uri      = "s3://files/tpcds/"
  kms_key_arn     = ""
  buckets         = { lake = "the-lake", code = "the-code", pipes = "the-pipes", results = "the-results", logs = "the-logs" }
  role_names = {
    bronze  = "lake-dev-bronze", silver = "lake-dev-silver", gold = "lake-dev-gold"
    crawler = "lake-dev-crawler", orchestrator = "lake-dev-orchestrator", analyst = "lake-dev-analyst"
  }
  orchestrator_principals = []
  orchestrator_services   = ["ec2.amazonaws.com"]
  analyst_principals      = []
}

run "no_role_has_a_wildcard_where_names_are_possible" {
  command = plan

  module {
    source = "./modules/access"
  }

  assert {
    condition = alltrue(flatten([
      for policy in values(output.policies) : [
        for statement in jsondecode(policy).Statement : [for action in flatten([statement.Action]) : !strcontains(action, "*")]
      ]
    ]))
    error_message = "An action has a wildcard."
  }

  assert {
    condition = alltrue(flatten([
      for policy in values(output.policies) : [
        for statement in jsondecode(policy).Statement :
        !contains(flatten([statement.Resource]), "*") || flatten([statement.Action]) == ["cloudwatch:PutMetricData"]
      ]
    ]))
    error_message = "A resource is a star, and not of the one action that knows no resources."
  }

  assert {
    condition = alltrue(flatten([
      for policy in values(output.policies) : [for statement in jsondecode(policy).Statement : statement.Effect == "Allow"]
    ]))
    error_message = "A role's policy denies: what is not allowed is denied."
  }
}

run "a_layer_is_written_by_its_own_role_alone" {
  command = plan

  module {
    source = "./modules/access"
  }

  assert {
    condition = alltrue(flatten([
      for who, policy in output.policies : [
        for layer in ["bronze", "silver", "gold"] : [
          for statement in jsondecode(policy).Statement : [
            for resource in flatten([statement.Resource]) : who == layer || !(
              startswith(resource, "arn:aws:s3:::the-lake/${layer}/")
              || startswith(resource, "arn:aws:s3:::the-lake/_ledger/${layer}/")
              || startswith(resource, "arn:aws:s3:::the-lake/quarantine/${layer}/")
              || resource == "arn:aws:s3:::the-lake/*"
            )
          ] if length(setintersection(flatten([statement.Action]), ["s3:PutObject", "s3:DeleteObject"])) > 0
        ]
      ]
    ]))
    error_message = "A role may write the layer of another one."
  }

  assert {
    condition = alltrue([
      for layer in ["bronze", "silver", "gold"] : contains(flatten([
        for statement in jsondecode(output.policies[layer]).Statement : flatten([statement.Resource])
        if contains(flatten([statement.Action]), "s3:PutObject")
      ]), "arn:aws:s3:::the-lake/${layer}/*")
    ])
    error_message = "A layer's role may not write its layer."
  }
}

run "a_layer_is_read_by_those_built_from_it" {
  command = plan

  module {
    source = "./modules/access"
  }

  assert {
    condition = jsonencode({
      for who, policy in output.policies : who => sort(distinct([
        for resource in flatten([
          for statement in jsondecode(policy).Statement : flatten([statement.Resource]) if contains(flatten([statement.Action]), "s3:GetObject")
        ]) : split("/", resource)[1] if can(regex("^arn:aws:s3:::the-lake/(bronze|silver|gold)/", resource))
      ]))
      }) == jsonencode({
      bronze       = ["bronze"]
      silver       = ["bronze", "silver"]
      gold         = ["gold", "silver"]
      crawler      = ["bronze", "gold", "silver"]
      orchestrator = []
      analyst      = ["gold"]
    })
    error_message = "A role reads other layers than it should (the orchestrator reads the whole bucket, to plan)."
  }

  assert {
    condition = alltrue([
      for who, policy in output.policies : contains(["bronze", "orchestrator"], who) || !strcontains(policy, "arn:aws:s3:::files")
    ])
    error_message = "The source is for the bronze job, and for the orchestrator, which lists it."
  }

  assert {
    condition     = strcontains(output.policies["bronze"], "arn:aws:s3:::files/tpcds/*") && !strcontains(output.policies["bronze"], "arn:aws:s3:::files/*")
    error_message = "The source is read below its folder only."
  }
}

run "what_is_on_record_is_removed_by_nobody" {
  command = plan

  module {
    source = "./modules/access"
  }

  assert {
    condition = jsonencode({
      for who, policy in output.policies : who => sort(distinct(flatten([
        for statement in jsondecode(policy).Statement : flatten([statement.Resource]) if contains(flatten([statement.Action]), "s3:DeleteObject")
      ])))
      }) == jsonencode(merge(
      {
        for layer in ["bronze", "silver", "gold"] : layer => sort([
          "arn:aws:s3:::the-lake/${layer}/*", "arn:aws:s3:::the-lake/_staging/*/${layer}.*", "arn:aws:s3:::the-lake/quarantine/${layer}/*",
        ])
      },
      { crawler = [], analyst = [], orchestrator = ["arn:aws:s3:::the-lake/_staging/*", "arn:aws:s3:::the-pipes/*"] },
    ))
    error_message = "A role removes more than published objects, quarantine and staging of its layer, or what is left in staging."
  }
}

run "the_orchestrator_writes_arrivals_and_a_probe_to_the_lake" {
  command = plan

  module {
    source = "./modules/access"
  }

  assert {
    condition = toset([
      for resource in flatten([
        for statement in jsondecode(output.policies["orchestrator"]).Statement : flatten([statement.Resource]) if contains(flatten([statement.Action]), "s3:PutObject")
      ]) : resource if startswith(resource, "arn:aws:s3:::the-lake/")
    ]) == toset(["arn:aws:s3:::the-lake/_ledger/batches/*", "arn:aws:s3:::the-lake/_staging/.write-probe-*"])
    error_message = "The orchestrator writes other things to the lake."
  }
}

run "who_publishes_is_told_that_an_object_is_not_there" {
  command = plan

  module {
    source = "./modules/access"
  }

  assert {
    condition = alltrue([
      for who in ["bronze", "silver", "gold", "orchestrator"] : anytrue([
        for statement in jsondecode(output.policies[who]).Statement :
        contains(flatten([statement.Action]), "s3:ListBucket") && contains(flatten([statement.Resource]), "arn:aws:s3:::the-lake") && !can(statement.Condition)
      ])
    ])
    error_message = "S3 would refuse a role to look for an object that is not there: that needs ListBucket without a condition."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.policies["analyst"]).Statement : try(statement.Condition.StringLike["s3:prefix"], "") == "gold/*"
      if contains(flatten([statement.Action]), "s3:ListBucket")
    ])
    error_message = "The analyst lists more than gold."
  }
}

run "the_orchestrator_runs_named_jobs_and_nobody_passes_a_role" {
  command = plan

  module {
    source = "./modules/access"
  }

  assert {
    condition     = alltrue([for policy in values(output.policies) : !strcontains(policy, "iam:PassRole")])
    error_message = "A role is passed, which no call of the lake needs."
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(output.policies["orchestrator"]).Statement : flatten([statement.Resource]) if contains(flatten([statement.Action]), "glue:StartJobRun")
    ])) == toset([for layer in ["bronze", "silver", "gold"] : "arn:aws:glue:eu-west-1:123456789012:job/lake-dev-${layer}"])
    error_message = "Other jobs than the lake's can be started."
  }

  assert {
    condition = alltrue([
      for who, policy in output.policies : who == "orchestrator" || !strcontains(policy, "sts:AssumeRole")
    ])
    error_message = "Only the orchestrator takes roles."
  }
}

run "the_analyst_asks_gold_in_one_workgroup" {
  command = plan

  module {
    source = "./modules/access"
  }

  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(output.policies["analyst"]).Statement : [
        for action in flatten([statement.Action]) : !can(regex("Create|Update|Delete", action)) && (!startswith(action, "athena:") || flatten([statement.Resource]) == ["arn:aws:athena:eu-west-1:123456789012:workgroup/lake-dev"])
      ]
    ]))
    error_message = "The analyst changes something, or asks elsewhere."
  }

  assert {
    condition     = !strcontains(output.policies["analyst"], "lake_dev_silver") && !strcontains(output.policies["analyst"], "lake_dev_bronze")
    error_message = "The analyst sees tables that are not gold."
  }
}

run "roles_are_taken_by_services_of_this_account_only" {
  command = plan

  module {
    source = "./modules/access"
  }

  variables {
    orchestrator_services = ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]
  }

  # EC2 names no account; there the instance profile ties the role to this one.
  assert {
    condition = alltrue(flatten([
      for trust in values(output.trusts) : [
        for statement in jsondecode(trust).Statement : statement.Condition.StringEquals["aws:SourceAccount"] == "123456789012"
        if can(statement.Principal.Service) && try(statement.Principal.Service, "") != "ec2.amazonaws.com"
      ]
    ]))
    error_message = "A service of another account could take a role."
  }

  assert {
    condition     = aws_iam_instance_profile.orchestrator[0].role == "lake-dev-orchestrator"
    error_message = "No machine could take the orchestrator's role."
  }

  assert {
    condition     = alltrue([for trust in values(output.trusts) : !strcontains(trust, "\"*\"")])
    error_message = "Anybody could take a role."
  }

  assert {
    condition = alltrue([
      for layer in ["bronze", "silver", "gold"] : one([
        for statement in jsondecode(output.trusts[layer]).Statement : statement.Principal.AWS if can(statement.Principal.AWS)
      ]) == "arn:aws:iam::123456789012:role/lake-dev-orchestrator"
    ])
    error_message = "A layer's role is taken by somebody else than the orchestrator."
  }
}

run "a_key_is_used_by_every_role_that_reads_or_writes" {
  command = plan

  module {
    source = "./modules/access"
  }

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234"
  }

  assert {
    condition = alltrue([
      for policy in values(output.policies) : anytrue([
        for statement in jsondecode(policy).Statement : flatten([statement.Resource]) == ["arn:aws:kms:eu-west-1:123456789012:key/1234"] && toset(flatten([statement.Action])) == toset(["kms:Decrypt", "kms:GenerateDataKey"])
      ])
    ])
    error_message = "A role cannot use the key, or may more than use it."
  }
}
