# The machine on which Dagster runs for good: in a private subnet, under the orchestrator's role, without an open port. Its web
# server listens on 127.0.0.1 and is reached by a session of Systems Manager. What must outlive the machine (the database of
# Dagster, its home) lies on a volume of its own: a new version of the code is a new machine with the same volume.

locals {
  architecture = can(regex("^[a-z]+[0-9]+g", var.type)) ? "arm64" : "x86_64"
  # Where infra/dagster.yaml puts what runs print, and backups.sh the database.
  kept = "lake_assets"

  settings = merge(var.settings, {
    AWS_REGION          = var.region
    DAGSTER_HOME        = "/data/dagster"
    DAGSTER_LOGS_BUCKET = var.logs_bucket
    DAGSTER_PG_HOST     = "127.0.0.1"
    DAGSTER_PG_DB       = "dagster"
    DAGSTER_PG_USER     = "dagster"
  })

  files = merge(
    {
      "/etc/lake/dagster.yaml" = file(var.dagster_yaml)
      # Single quotes mean the same to systemd and to a shell; no setting holds one.
      "/etc/lake/lake.env"       = join("", [for name, value in local.settings : "${name}='${value}'\n"])
      "/etc/lake/machine.env"    = "WHEEL='${var.wheel_uri}'\nVOLUME='${aws_ebs_volume.data.id}'\n"
      "/etc/lake/workspace.yaml" = file("${path.module}/files/workspace.yaml")
    },
    { for name in fileset("${path.module}/files", "*.sh") : "/opt/lake/${name}" => file("${path.module}/files/${name}") },
    {
      for name in fileset("${path.module}/files", "*.{service,timer}") :
      "/etc/systemd/system/${name}" => file("${path.module}/files/${name}")
    },
  )

  cloud_config = {
    # The name by which Dagster knows the processes of this machine, also after it was replaced.
    hostname          = var.name
    preserve_hostname = false
    write_files = [
      for path, content in local.files :
      { path = path, content = content, permissions = endswith(path, ".sh") ? "0755" : "0644" }
    ]
    runcmd = [["/opt/lake/setup.sh"]]
  }
}

data "aws_ssm_parameter" "image" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${local.architecture}"
}

# ------------------------------------------------------------------------------------------------ rights

data "aws_iam_policy_document" "machine" {
  #checkov:skip=CKV_AWS_111: channels of Systems Manager have no names
  #checkov:skip=CKV_AWS_356: channels of Systems Manager have no names

  statement {
    sid       = "BeReached"
    actions   = ["ssm:UpdateInstanceInformation"]
    resources = ["arn:${var.partition}:ec2:${var.region}:${var.account}:instance/*"]
  }

  statement {
    sid = "HoldSessions"
    actions = [
      "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "LoadCode"
    actions   = ["s3:GetObject"]
    resources = ["arn:${var.partition}:s3:::${var.code_bucket}/glue/*"]
  }

  statement {
    sid       = "KeepOutput"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["arn:${var.partition}:s3:::${var.logs_bucket}/${local.kept}/*"]
  }

  statement {
    sid       = "FindOutput"
    actions   = ["s3:ListBucket"]
    resources = ["arn:${var.partition}:s3:::${var.logs_bucket}"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${local.kept}/*"]
    }
  }
}

resource "aws_iam_role_policy" "machine" {
  #checkov:skip=CKV_AWS_290: channels of Systems Manager have no names
  #checkov:skip=CKV_AWS_355: channels of Systems Manager have no names

  name   = "machine"
  role   = var.role
  policy = data.aws_iam_policy_document.machine.json
}

resource "aws_security_group" "machine" {
  name        = "${var.name}-machine"
  description = "Dagster: out by TLS, nothing in"
  vpc_id      = var.vpc
}

# To AWS, and to PyPI and the packages of the system when the machine is set up.
resource "aws_vpc_security_group_egress_rule" "tls" {
  security_group_id = aws_security_group.machine.id
  description       = "TLS"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# ------------------------------------------------------------------------------------------------ machine

resource "aws_ebs_volume" "data" {
  #checkov:skip=CKV_AWS_189: encrypted by KMS where kms_key_arn names a key; else by the account's own
  #checkov:skip=CKV2_AWS_9: the database is dumped to S3 every night, and a volume that is destroyed leaves a snapshot

  availability_zone = var.zone
  type              = "gp3"
  size              = var.data_gb
  encrypted         = true
  kms_key_id        = var.kms_key_arn == "" ? null : var.kms_key_arn
  final_snapshot    = !var.force_destroy

  tags = { Name = "${var.name}-data" }
}

resource "aws_instance" "this" {
  ami                         = data.aws_ssm_parameter.image.insecure_value
  instance_type               = var.type
  subnet_id                   = var.subnet # gives no public address
  vpc_security_group_ids      = [aws_security_group.machine.id]
  iam_instance_profile        = var.instance_profile
  monitoring                  = true
  ebs_optimized               = true
  user_data_base64            = base64gzip("#cloud-config\n${yamlencode(local.cloud_config)}")
  user_data_replace_on_change = true

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 16
    encrypted   = true
    kms_key_id  = var.kms_key_arn == "" ? null : var.kms_key_arn
  }

  tags = { Name = var.name }

  lifecycle {
    # A newer image alone is no reason to interrupt what runs; a new version of the code brings it along.
    ignore_changes = [ami]
  }

  depends_on = [aws_iam_role_policy.machine]
}

resource "aws_volume_attachment" "data" {
  device_name                    = "/dev/sdf"
  volume_id                      = aws_ebs_volume.data.id
  instance_id                    = aws_instance.this.id
  stop_instance_before_detaching = true
}
