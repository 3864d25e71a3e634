# Who did what: every call of the account, and every read and write of the lake's objects.

resource "aws_cloudtrail" "this" {
  #checkov:skip=CKV_AWS_35: the log bucket has S3's own keys, because access logs cannot be written with KMS
  #checkov:skip=CKV2_AWS_10: logs lie in S3, where Athena can ask them; CloudWatch would cost as much again
  #checkov:skip=CKV_AWS_252: nobody has to be told of a new log file

  name                          = var.name
  s3_bucket_name                = var.logs_bucket
  s3_key_prefix                 = "cloudtrail"
  include_global_service_events = true
  is_multi_region_trail         = true
  enable_log_file_validation    = true

  advanced_event_selector {
    name = "every call"

    field_selector {
      field  = "eventCategory"
      equals = ["Management"]
    }
  }

  advanced_event_selector {
    name = "objects of the lake"

    field_selector {
      field  = "eventCategory"
      equals = ["Data"]
    }

    field_selector {
      field  = "resources.type"
      equals = ["AWS::S3::Object"]
    }

    field_selector {
      field       = "resources.ARN"
      starts_with = ["${var.lake_bucket_arn}/"]
    }
  }
}
