# Known only when the bucket's policy stands: whoever writes to it waits for that.
output "name" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.bucket
  depends_on  = [aws_s3_bucket_policy.this, aws_s3_bucket_ownership_controls.this]
}

output "policy" {
  description = "Its policy, as JSON."
  value       = data.aws_iam_policy_document.this.json
}
