variable "name" {
  type        = string
  description = "Name of the deployment, the value of its tag Lake."
}

variable "usd" {
  type        = number
  description = "Dollars a month."
}

variable "emails" {
  type        = list(string)
  description = "Who is told."
}
