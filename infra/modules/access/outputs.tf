# Known when the roles may do what they are for: whoever uses one waits for that.
output "role_arns" {
  description = "ARNs of the roles."
  value       = local.role_arns
  depends_on = [
    aws_iam_role_policy.layer, aws_iam_role_policy.crawler, aws_iam_role_policy.orchestrator, aws_iam_role_policy.analyst,
  ]
}

output "instance_profile" {
  description = "Instance profile with the orchestrator's role, or null where EC2 may not take it."
  value       = one(aws_iam_instance_profile.orchestrator[*].name)
}

output "policies" {
  description = "What each role may do, as JSON."
  value = merge(
    { for layer, document in data.aws_iam_policy_document.layer : layer => document.json },
    {
      crawler      = data.aws_iam_policy_document.crawler.json
      orchestrator = data.aws_iam_policy_document.orchestrator.json
      analyst      = data.aws_iam_policy_document.analyst.json
    },
  )
}

output "trusts" {
  description = "Who may take each role, as JSON."
  value = merge(
    { for layer in keys(local.inputs) : layer => data.aws_iam_policy_document.layer_trust.json },
    {
      crawler      = data.aws_iam_policy_document.glue_trust.json
      orchestrator = data.aws_iam_policy_document.orchestrator_trust.json
      analyst      = data.aws_iam_policy_document.analyst_trust.json
    },
  )
}
