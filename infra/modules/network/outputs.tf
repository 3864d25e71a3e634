output "ids" {
  description = "The VPC, and its private subnets."
  value = {
    vpc             = aws_vpc.this.id
    private_subnets = aws_subnet.private[*].id
  }
}
