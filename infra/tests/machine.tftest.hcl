# The machine of Dagster: nobody comes in, and it is set up by what the application is told.

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
  target = data.aws_ssm_parameter.image
  values = { insecure_value = "ami-0123456789abcdef0" }
}

override_resource {
  target          = aws_ebs_volume.data
  override_during = plan
  values          = { id = "vol-0123456789abcdef0" }
}

variables {
  name             = "lake-dev"
  region           = "eu-west-1"
  account          = "123456789012"
  partition        = "aws"
  type             = "t4g.large"
  data_gb          = 20
  subnet           = "subnet-1"
  zone             = "eu-west-1a"
  vpc              = "vpc-1"
  role             = "lake-dev-orchestrator"
  instance_profile = "lake-dev-orchestrator"
  settings         = { LAKE_NAME = "lake-dev", LAKE_ROLES = "{\"gold\":\"arn:aws:iam::123456789012:role/g\"}" }
  dagster_yaml     = "dagster.yaml"
  wheel_uri        = "s3://the-code/glue/1/lake_assets-1.0-py3-none-any.whl"
  code_bucket      = "the-code"
  logs_bucket      = "the-logs"
  kms_key_arn      = ""
  force_destroy    = false
}

run "the_machine_has_no_way_in" {
  command = plan

  module {
    source = "./modules/machine"
  }

  assert {
    condition     = aws_instance.this.subnet_id == "subnet-1"
    error_message = "The machine is elsewhere than in the private subnet, which gives no public address."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.tls.from_port == 443 && aws_vpc_security_group_egress_rule.tls.to_port == 443
    error_message = "More than TLS goes out."
  }

  assert {
    condition     = one(aws_instance.this.metadata_options).http_tokens == "required" && one(aws_instance.this.metadata_options).http_put_response_hop_limit == 1
    error_message = "The role's keys could be read by a forged request."
  }

  assert {
    condition     = one(aws_instance.this.root_block_device).encrypted && aws_ebs_volume.data.encrypted && aws_ebs_volume.data.final_snapshot
    error_message = "A disk is not encrypted, or could be lost."
  }
}

run "the_machine_may_be_reached_load_the_code_and_keep_its_output" {
  command = plan

  module {
    source = "./modules/machine"
  }

  assert {
    condition = {
      for statement in jsondecode(output.policy).Statement : statement.Sid => flatten([statement.Resource])
      } == {
      BeReached    = ["arn:aws:ec2:eu-west-1:123456789012:instance/*"]
      HoldSessions = ["*"]
      LoadCode     = ["arn:aws:s3:::the-code/glue/*"]
      KeepOutput   = ["arn:aws:s3:::the-logs/lake_assets/*"]
      FindOutput   = ["arn:aws:s3:::the-logs"]
    }
    error_message = "The machine may do something else."
  }

  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(output.policy).Statement : [for action in flatten([statement.Action]) : !strcontains(action, "*")]
    ]))
    error_message = "An action has a wildcard."
  }
}

run "the_machine_is_told_the_settings" {
  command = plan

  module {
    source = "./modules/machine"
  }

  assert {
    condition = alltrue([
      for line in [
        "LAKE_NAME='lake-dev'", "LAKE_ROLES='{\"gold\":\"arn:aws:iam::123456789012:role/g\"}'", "DAGSTER_HOME='/data/dagster'",
        "DAGSTER_LOGS_BUCKET='the-logs'", "AWS_REGION='eu-west-1'", "DAGSTER_PG_HOST='127.0.0.1'",
      ] : contains(split("\n", output.files["/etc/lake/lake.env"]), line)
    ])
    error_message = "A setting is missing."
  }

  assert {
    condition     = output.files["/etc/lake/machine.env"] == "WHEEL='s3://the-code/glue/1/lake_assets-1.0-py3-none-any.whl'\nVOLUME='vol-0123456789abcdef0'\n"
    error_message = "The machine would install something else."
  }

  assert {
    condition     = output.files["/etc/lake/dagster.yaml"] == file("dagster.yaml")
    error_message = "Dagster would be configured otherwise."
  }

  assert {
    condition     = length(aws_instance.this.user_data_base64) < 16384 * 4 / 3
    error_message = "More than EC2 takes as user data."
  }
}

run "another_architecture_has_another_image" {
  command = plan

  module {
    source = "./modules/machine"
  }

  variables {
    type = "m7i.large"
  }

  assert {
    condition     = endswith(data.aws_ssm_parameter.image.name, "-x86_64")
    error_message = "The image is of another architecture."
  }
}

run "a_private_subnet_has_a_way_out_through_nat_alone" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    cidr                = "10.20.0.0/20"
    zones               = ["a", "b"]
    way_out             = true
    interface_endpoints = false
    buckets             = ["the-lake"]
    source_bucket       = "files"
    log_days            = 365
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && aws_route.private[0].gateway_id == null && aws_route.public[0].destination_cidr_block == "0.0.0.0/0"
    error_message = "The private subnets reach the internet without NAT, or not at all."
  }

  assert {
    condition     = aws_subnet.public[0].cidr_block == "10.20.15.0/24" && !aws_subnet.public[0].map_public_ip_on_launch
    error_message = "What is in the public subnet would get an address."
  }
}
