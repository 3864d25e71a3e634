# Private subnets, one a zone, for a Dagster that runs in this account. There is no way in from outside, and a way out only where
# it is asked for. S3 is reached by a gateway endpoint, which costs nothing, and Glue and Athena by endpoints of their own where
# these are asked for.

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_hostnames = true
  enable_dns_support   = true

  tags = { Name = var.name }
}

# A resource that names no security group gets this one: it lets nothing through.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id
}

resource "aws_subnet" "private" {
  count = length(var.zones)

  vpc_id            = aws_vpc.this.id
  availability_zone = "${var.region}${var.zones[count.index]}"
  cidr_block        = cidrsubnet(var.cidr, 4, count.index)

  tags = { Name = "${var.name}-private-${count.index + 1}" }
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-private" }
}

resource "aws_route_table_association" "private" {
  count = length(var.zones)

  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private.id
}

# ------------------------------------------------------------------------------------------------ way out

resource "aws_subnet" "public" {
  count = var.way_out ? 1 : 0

  vpc_id            = aws_vpc.this.id
  availability_zone = "${var.region}${var.zones[0]}"
  cidr_block        = cidrsubnet(var.cidr, 4, 15)

  tags = { Name = "${var.name}-public" }
}

resource "aws_internet_gateway" "this" {
  count = var.way_out ? 1 : 0

  vpc_id = aws_vpc.this.id

  tags = { Name = var.name }
}

resource "aws_route_table" "public" {
  count = var.way_out ? 1 : 0

  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-public" }
}

resource "aws_route_table_association" "public" {
  count = var.way_out ? 1 : 0

  subnet_id      = aws_subnet.public[0].id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_route" "public" {
  count = var.way_out ? 1 : 0

  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_eip" "nat" {
  count = var.way_out ? 1 : 0

  domain = "vpc"

  tags = { Name = "${var.name}-nat" }
}

resource "aws_nat_gateway" "this" {
  count = var.way_out ? 1 : 0

  allocation_id = aws_eip.nat[0].id
  subnet_id     = aws_subnet.public[0].id

  tags = { Name = var.name }

  depends_on = [aws_internet_gateway.this]
}

resource "aws_route" "private" {
  count = var.way_out ? 1 : 0

  route_table_id         = aws_route_table.private.id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[0].id
}

# ------------------------------------------------------------------------------------------------ endpoints

data "aws_iam_policy_document" "s3_endpoint" {
  #checkov:skip=CKV_AWS_283: who comes from inside the VPC still needs rights of its own; the source may be read unsigned

  statement {
    sid     = "LakeOnly"
    actions = ["s3:GetObject*", "s3:PutObject*", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListBucket", "s3:GetBucketLocation"]
    resources = flatten([
      for bucket in var.buckets : ["arn:${var.partition}:s3:::${bucket}", "arn:${var.partition}:s3:::${bucket}/*"]
    ])

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalAccount"
      values   = [var.account]
    }
  }

  statement {
    sid     = "ReadSource"
    actions = ["s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation"]
    resources = [
      "arn:${var.partition}:s3:::${var.source_bucket}", "arn:${var.partition}:s3:::${var.source_bucket}/*",
    ]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
  }

  dynamic "statement" {
    # Amazon Linux keeps its packages in a bucket of the region.
    for_each = var.way_out ? ["arn:${var.partition}:s3:::al2023-repos-${var.region}-de612dc2/*"] : []

    content {
      sid       = "InstallPackages"
      actions   = ["s3:GetObject"]
      resources = [statement.value]

      principals {
        type        = "AWS"
        identifiers = ["*"]
      }
    }
  }
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  vpc_endpoint_type = "Gateway"
  service_name      = "com.amazonaws.${var.region}.s3"
  route_table_ids   = [aws_route_table.private.id]
  policy            = data.aws_iam_policy_document.s3_endpoint.json

  tags = { Name = "${var.name}-s3" }
}

locals {
  endpoint_actions = {
    glue   = ["glue:Get*", "glue:BatchGet*", "glue:List*", "glue:Start*", "glue:Stop*", "glue:Batch*", "glue:*Table", "glue:*Partition"]
    athena = ["athena:*Query*", "athena:*NamedQueries", "athena:GetWorkGroup"]
  }
}

data "aws_iam_policy_document" "endpoint" {
  for_each = local.endpoint_actions

  statement {
    sid     = "ThisAccount"
    actions = each.value
    resources = [
      "arn:${var.partition}:${each.key}:${var.region}:${var.account}:*",
    ]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalAccount"
      values   = [var.account]
    }
  }
}

resource "aws_security_group" "endpoints" {
  count = var.interface_endpoints ? 1 : 0

  name        = "${var.name}-endpoints"
  description = "TLS from the VPC to the endpoints of Glue and Athena"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  count = var.interface_endpoints ? 1 : 0

  security_group_id = aws_security_group.endpoints[0].id
  description       = "TLS from the VPC"
  cidr_ipv4         = var.cidr
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_endpoint" "interface" {
  for_each = var.interface_endpoints ? toset(keys(local.endpoint_actions)) : toset([])

  vpc_id              = aws_vpc.this.id
  vpc_endpoint_type   = "Interface"
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  subnet_ids          = aws_subnet.private[*].id
  security_group_ids  = [aws_security_group.endpoints[0].id]
  private_dns_enabled = true
  policy              = data.aws_iam_policy_document.endpoint[each.key].json

  tags = { Name = "${var.name}-${each.key}" }
}

# ------------------------------------------------------------------------------------------------ flow logs

resource "aws_cloudwatch_log_group" "flow" {
  #checkov:skip=CKV_AWS_338: the period is a variable, a year by default
  #checkov:skip=CKV_AWS_158: addresses and counts only; encrypted by KMS where kms_key_arn names a key

  name              = "/lake/${var.name}/flow"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn == "" ? null : var.kms_key_arn
}

data "aws_iam_policy_document" "flow_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["vpc-flow-logs.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account]
    }
  }
}

data "aws_iam_policy_document" "flow" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    resources = ["arn:${var.partition}:logs:${var.region}:${var.account}:log-group:/lake/${var.name}/flow:*"]
  }
}

resource "aws_iam_role" "flow" {
  name               = "${var.name}-flow-logs"
  description        = "Lets the VPC of ${var.name} write its flow log."
  assume_role_policy = data.aws_iam_policy_document.flow_trust.json
}

resource "aws_iam_role_policy" "flow" {
  name   = "logs"
  role   = aws_iam_role.flow.id
  policy = data.aws_iam_policy_document.flow.json
}

resource "aws_flow_log" "this" {
  vpc_id          = aws_vpc.this.id
  traffic_type    = "ALL"
  iam_role_arn    = aws_iam_role.flow.arn
  log_destination = aws_cloudwatch_log_group.flow.arn
}
