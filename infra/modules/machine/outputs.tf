output "told" {
  description = "The instance, and the command that brings its web server to http://127.0.0.1:3000."
  value = {
    instance = aws_instance.this.id
    connect = join(" ", [
      "aws ssm start-session --region ${var.region} --target ${aws_instance.this.id}",
      "--document-name AWS-StartPortForwardingSession --parameters portNumber=3000,localPortNumber=3000",
    ])
  }
}

output "policy" {
  description = "What the machine may do beside what the orchestrator may, as JSON."
  value       = data.aws_iam_policy_document.machine.json
}

output "files" {
  description = "What the machine finds when it starts, by path."
  value       = local.files
}
