# Who may do what. One role per layer, under which its Glue job runs and Dagster publishes; further ones for the crawlers,
# for Dagster itself (the orchestrator), and for people who ask (the analyst). Nobody may write a layer but its role.

locals {
  arn = { for purpose, name in var.buckets : purpose => "arn:${var.partition}:s3:::${name}" }

  source_bucket_arn = "arn:${var.partition}:s3:::${split("/", var.source_uri)[2]}"
  source_prefix     = trim(join("/", slice(split("/", var.source_uri), 3, length(split("/", var.source_uri)))), "/")
  source_arn        = local.source_prefix == "" ? "${local.source_bucket_arn}/*" : "${local.source_bucket_arn}/${local.source_prefix}/*"

  glue      = "arn:${var.partition}:glue:${var.region}:${var.account}"
  athena    = "arn:${var.partition}:athena:${var.region}:${var.account}"
  logs      = "arn:${var.partition}:logs:${var.region}:${var.account}"
  root      = "arn:${var.partition}:iam::${var.account}:root"
  workgroup = "${local.athena}:workgroup/${var.name}"

  role_arns = { for who, role in var.role_names : who => "arn:${var.partition}:iam::${var.account}:role/${role}" }

  on_ec2         = contains(var.orchestrator_services, "ec2.amazonaws.com")
  other_services = sort(setsubtract(var.orchestrator_services, ["ec2.amazonaws.com"]))

  # What a layer is built from, beside itself.
  inputs  = { bronze = [], silver = ["bronze"], gold = ["silver"] }
  schemas = ["bronze", "silver", "gold", "quarantine", "quality"]

  looks_at_catalog = ["glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:GetPartition", "glue:GetPartitions"]
  changes_catalog = [
    "glue:CreateTable", "glue:UpdateTable", "glue:DeleteTable",
    "glue:BatchCreatePartition", "glue:BatchUpdatePartition", "glue:BatchDeletePartition",
  ]
}

# ------------------------------------------------------------------------------------------------ trust

data "aws_iam_policy_document" "glue_trust" {
  statement {
    sid     = "Glue"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["glue.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account]
    }
  }
}

data "aws_iam_policy_document" "layer_trust" {
  source_policy_documents = [data.aws_iam_policy_document.glue_trust.json]

  statement {
    sid     = "Publishing"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = [local.role_arns["orchestrator"]]
    }
  }
}

data "aws_iam_policy_document" "orchestrator_trust" {
  # EC2 does not say for which account it asks, and need not: a role is only given to machines through an instance profile,
  # which belongs to the role's own account.
  dynamic "statement" {
    for_each = local.on_ec2 ? ["ec2.amazonaws.com"] : []

    content {
      sid     = "Machines"
      actions = ["sts:AssumeRole"]

      principals {
        type        = "Service"
        identifiers = [statement.value]
      }
    }
  }

  dynamic "statement" {
    for_each = length(local.other_services) > 0 ? [local.other_services] : []

    content {
      sid     = "Services"
      actions = ["sts:AssumeRole"]

      principals {
        type        = "Service"
        identifiers = statement.value
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [var.account]
      }
    }
  }

  dynamic "statement" {
    for_each = length(var.orchestrator_principals) > 0 ? [var.orchestrator_principals] : []

    content {
      sid     = "Named"
      actions = ["sts:AssumeRole"]

      principals {
        type        = "AWS"
        identifiers = statement.value
      }
    }
  }
}

data "aws_iam_policy_document" "analyst_trust" {
  statement {
    sid     = "People"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = length(var.analyst_principals) > 0 ? var.analyst_principals : [local.root]
    }
  }
}

# ------------------------------------------------------------------------------------------------ one role per layer

data "aws_iam_policy_document" "layer" {
  for_each = local.inputs

  statement {
    sid     = "ReadInputs"
    actions = ["s3:GetObject", "s3:GetObjectTagging"]
    resources = concat(
      [for layer in concat(each.value, [each.key]) : "${local.arn["lake"]}/${layer}/*"],
      [
        "${local.arn["lake"]}/_ledger/*",
        "${local.arn["lake"]}/_staging/*/${each.key}.*",
        "${local.arn["lake"]}/quarantine/${each.key}/*",
        "${local.arn["lake"]}/quality/results/layer=${each.key}/*",
      ],
      each.key == "bronze" ? [local.source_arn] : [],
    )
  }

  statement {
    sid     = "WriteOwnLayer"
    actions = ["s3:PutObject", "s3:PutObjectTagging", "s3:AbortMultipartUpload"]
    resources = [
      "${local.arn["lake"]}/${each.key}/*",
      "${local.arn["lake"]}/_ledger/${each.key}/*",
      "${local.arn["lake"]}/_staging/*/${each.key}.*",
      "${local.arn["lake"]}/quarantine/${each.key}/*",
      "${local.arn["lake"]}/quality/results/layer=${each.key}/*",
    ]
  }

  # What is on record stays there: neither the ledger nor the history of quality is ever removed.
  statement {
    sid     = "RemoveFromOwnLayer"
    actions = ["s3:DeleteObject"]
    resources = [
      "${local.arn["lake"]}/${each.key}/*",
      "${local.arn["lake"]}/_staging/*/${each.key}.*",
      "${local.arn["lake"]}/quarantine/${each.key}/*",
    ]
  }

  # Without a condition on the prefix: S3 says that an object is not there only to who may list the bucket as a whole, and else
  # refuses to look. A first publication needs to be told so. Names tell no content.
  statement {
    sid       = "ListLake"
    actions   = ["s3:ListBucket"]
    resources = [local.arn["lake"]]
  }

  dynamic "statement" {
    for_each = each.key == "bronze" ? [local.source_bucket_arn] : []

    content {
      sid       = "ListSource"
      actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
      resources = [statement.value]
    }
  }

  statement {
    sid       = "LoadCode"
    actions   = ["s3:GetObject"]
    resources = ["${local.arn["code"]}/glue/*"]
  }

  statement {
    sid       = "Report"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${local.arn["pipes"]}/*"]
  }

  statement {
    sid       = "Locate"
    actions   = ["s3:GetBucketLocation"]
    resources = [local.arn["lake"], local.arn["code"], local.arn["pipes"]]
  }

  statement {
    sid     = "LookAtCatalog"
    actions = local.looks_at_catalog
    resources = flatten([
      "${local.glue}:catalog",
      [for schema in [each.key, "quarantine", "quality"] : [
        "${local.glue}:database/${var.database_prefix}_${schema}", "${local.glue}:table/${var.database_prefix}_${schema}/*",
      ]],
    ])
  }

  statement {
    sid     = "RegisterTables"
    actions = local.changes_catalog
    resources = [
      "${local.glue}:catalog",
      "${local.glue}:database/${var.database_prefix}_${each.key}",
      "${local.glue}:table/${var.database_prefix}_${each.key}/*",
      "${local.glue}:database/${var.database_prefix}_quarantine",
      "${local.glue}:table/${var.database_prefix}_quarantine/${each.key}_*",
      "${local.glue}:database/${var.database_prefix}_quality",
      "${local.glue}:table/${var.database_prefix}_quality/results",
    ]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:AssociateKmsKey"]
    resources = ["${local.logs}:log-group:/aws-glue/jobs*"]
  }

  statement {
    sid       = "WriteMetrics"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"] # has no resources; the namespace is what can be said

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["Glue"]
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == "" ? [] : [var.kms_key_arn]

    content {
      sid       = "UseKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "layer" {
  #checkov:skip=CKV_AWS_290: cloudwatch:PutMetricData takes no resource, and is limited by its namespace
  #checkov:skip=CKV_AWS_355: cloudwatch:PutMetricData takes no resource, and is limited by its namespace

  for_each = data.aws_iam_policy_document.layer

  name   = "lake"
  role   = aws_iam_role.layer[each.key].id
  policy = each.value.json
}

resource "aws_iam_role" "layer" {
  for_each = local.inputs

  name               = var.role_names[each.key]
  description        = "Builds and publishes the layer ${each.key} of ${var.name}."
  assume_role_policy = data.aws_iam_policy_document.layer_trust.json

  # IAM refuses a trust in a role that does not exist yet.
  depends_on = [aws_iam_role.orchestrator]
}

# ------------------------------------------------------------------------------------------------ crawlers

data "aws_iam_policy_document" "crawler" {
  statement {
    sid       = "ReadLayers"
    actions   = ["s3:GetObject"]
    resources = [for layer in keys(local.inputs) : "${local.arn["lake"]}/${layer}/*"]
  }

  statement {
    sid       = "ListLayers"
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [local.arn["lake"]]
  }

  statement {
    sid     = "WriteDiscoveries"
    actions = concat(local.looks_at_catalog, local.changes_catalog, ["glue:BatchGetPartition"])
    resources = flatten([
      "${local.glue}:catalog",
      [for layer in keys(local.inputs) : [
        "${local.glue}:database/${var.database_prefix}_discovered_${layer}",
        "${local.glue}:table/${var.database_prefix}_discovered_${layer}/*",
      ]],
    ])
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:AssociateKmsKey"]
    resources = ["${local.logs}:log-group:/aws-glue/crawlers*"]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == "" ? [] : [var.kms_key_arn]

    content {
      sid       = "UseKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "crawler" {
  name   = "lake"
  role   = aws_iam_role.crawler.id
  policy = data.aws_iam_policy_document.crawler.json
}

resource "aws_iam_role" "crawler" {
  name               = var.role_names["crawler"]
  description        = "Looks through the layers of ${var.name}, and writes what it finds to databases of its own."
  assume_role_policy = data.aws_iam_policy_document.glue_trust.json
}

# ------------------------------------------------------------------------------------------------ orchestrator

data "aws_iam_policy_document" "orchestrator" {
  statement {
    sid       = "ReadLakeAndSource"
    actions   = ["s3:GetObject", "s3:GetObjectTagging"]
    resources = ["${local.arn["lake"]}/*", local.source_arn]
  }

  # Without a condition on the prefix, for the reason that the layers' roles have.
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [local.arn["lake"], local.arn["pipes"], local.arn["results"], local.source_bucket_arn]
  }

  statement {
    sid       = "RegisterArrivals"
    actions   = ["s3:PutObject"]
    resources = ["${local.arn["lake"]}/_ledger/batches/*"]
  }

  # A probe tells a run that it can write before it begins.
  statement {
    sid       = "ProbeStaging"
    actions   = ["s3:PutObject"]
    resources = ["${local.arn["lake"]}/_staging/.write-probe-*"]
  }

  # Of attempts that died, of whichever layer.
  statement {
    sid       = "ClearStaging"
    actions   = ["s3:DeleteObject"]
    resources = ["${local.arn["lake"]}/_staging/*"]
  }

  statement {
    sid       = "TalkWithJobs"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${local.arn["pipes"]}/*"]
  }

  statement {
    sid       = "ReadAnswers"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["${local.arn["results"]}/*"]
  }

  statement {
    sid       = "Publish"
    actions   = ["sts:AssumeRole"]
    resources = [for layer in keys(local.inputs) : local.role_arns[layer]]
  }

  # A run has the role of its job, so that no role needs to be passed: that is for who makes or changes a job.
  statement {
    sid       = "RunJobs"
    actions   = ["glue:GetJob", "glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"]
    resources = [for layer in keys(local.inputs) : "${local.glue}:job/${var.name}-${layer}"]
  }

  statement {
    sid       = "RunCrawlers"
    actions   = ["glue:GetCrawler", "glue:StartCrawler", "glue:StopCrawler", "glue:ListCrawls"]
    resources = [for layer in keys(local.inputs) : "${local.glue}:crawler/${var.name}-${layer}"]
  }

  statement {
    sid     = "LookAtCatalog"
    actions = local.looks_at_catalog
    resources = flatten([
      "${local.glue}:catalog",
      [for schema in concat(local.schemas, [for layer in keys(local.inputs) : "discovered_${layer}"]) : [
        "${local.glue}:database/${var.database_prefix}_${schema}", "${local.glue}:table/${var.database_prefix}_${schema}/*",
      ]],
    ])
  }

  statement {
    sid     = "ForgetDiscoveries"
    actions = ["glue:BatchDeleteTable", "glue:DeleteTable"]
    resources = flatten([
      "${local.glue}:catalog",
      [for layer in keys(local.inputs) : [
        "${local.glue}:database/${var.database_prefix}_discovered_${layer}",
        "${local.glue}:table/${var.database_prefix}_discovered_${layer}/*",
      ]],
    ])
  }

  statement {
    sid = "Ask"
    actions = [
      "athena:GetWorkGroup", "athena:StartQueryExecution", "athena:StopQueryExecution", "athena:GetQueryExecution",
      "athena:GetQueryResults", "athena:GetQueryRuntimeStatistics", "athena:ListNamedQueries", "athena:GetNamedQuery",
      "athena:CreateNamedQuery", "athena:UpdateNamedQuery", "athena:DeleteNamedQuery",
    ]
    resources = [local.workgroup]
  }

  statement {
    sid       = "ReadLogsOfJobs"
    actions   = ["logs:GetLogEvents"]
    resources = ["${local.logs}:log-group:/aws-glue/jobs*"]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == "" ? [] : [var.kms_key_arn]

    content {
      sid       = "UseKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "orchestrator" {
  name   = "lake"
  role   = aws_iam_role.orchestrator.id
  policy = data.aws_iam_policy_document.orchestrator.json
}

resource "aws_iam_role" "orchestrator" {
  name               = var.role_names["orchestrator"]
  description        = "Dagster of ${var.name}: plans, starts jobs, and publishes under the roles of the layers."
  assume_role_policy = data.aws_iam_policy_document.orchestrator_trust.json
}

# By which a machine takes the role.
resource "aws_iam_instance_profile" "orchestrator" {
  count = local.on_ec2 ? 1 : 0

  name = aws_iam_role.orchestrator.name
  role = aws_iam_role.orchestrator.name
}

# ------------------------------------------------------------------------------------------------ analyst

data "aws_iam_policy_document" "analyst" {
  statement {
    sid       = "ReadGold"
    actions   = ["s3:GetObject"]
    resources = ["${local.arn["lake"]}/gold/*"]
  }

  statement {
    sid       = "ListGold"
    actions   = ["s3:ListBucket"]
    resources = [local.arn["lake"]]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["gold/*"]
    }
  }

  statement {
    sid       = "Locate"
    actions   = ["s3:GetBucketLocation"]
    resources = [local.arn["lake"], local.arn["results"]]
  }

  statement {
    sid       = "Answers"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["${local.arn["results"]}/queries/*"]
  }

  statement {
    sid     = "LookAtCatalog"
    actions = local.looks_at_catalog
    resources = [
      "${local.glue}:catalog",
      "${local.glue}:database/${var.database_prefix}_gold",
      "${local.glue}:table/${var.database_prefix}_gold/*",
    ]
  }

  statement {
    sid = "Ask"
    actions = [
      "athena:GetWorkGroup", "athena:StartQueryExecution", "athena:StopQueryExecution", "athena:GetQueryExecution",
      "athena:GetQueryResults", "athena:GetQueryRuntimeStatistics", "athena:ListNamedQueries", "athena:GetNamedQuery",
    ]
    resources = [local.workgroup]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == "" ? [] : [var.kms_key_arn]

    content {
      sid       = "UseKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "analyst" {
  name   = "lake"
  role   = aws_iam_role.analyst.id
  policy = data.aws_iam_policy_document.analyst.json
}

resource "aws_iam_role" "analyst" {
  name               = var.role_names["analyst"]
  description        = "Asks the gold layer of ${var.name} through its workgroup."
  assume_role_policy = data.aws_iam_policy_document.analyst_trust.json
}
