# Known when the way out is there: a machine loads packages as soon as it runs.
output "ids" {
  description = "The VPC, and its private subnets."
  value = {
    vpc             = aws_vpc.this.id
    private_subnets = aws_subnet.private[*].id
  }
  depends_on = [aws_route.private, aws_route.public, aws_route_table_association.private, aws_vpc_endpoint.s3]
}
