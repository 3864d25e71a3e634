terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # The state of a team lies in S3, locked while somebody changes it. Make the bucket once (versioned, private), then:
  #   terraform init -backend-config=bucket=... -backend-config=region=...
  # after taking the comment signs away.
  # backend "s3" {
  #   key          = "lake/prod/terraform.tfstate"
  #   encrypt      = true
  #   use_lockfile = true
  # }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Lake        = "${var.name}-prod"
      Environment = "prod"
      ManagedBy   = "terraform"
    }
  }
}
