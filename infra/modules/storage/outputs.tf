output "names" {
  description = "Names of the buckets, by purpose."
  value = {
    lake    = module.lake.name
    code    = module.code.name
    pipes   = module.pipes.name
    results = module.results.name
    logs    = module.logs.name
  }
}

output "policies" {
  description = "Their policies, by purpose, as JSON."
  value = {
    lake    = module.lake.policy
    code    = module.code.policy
    pipes   = module.pipes.policy
    results = module.results.policy
    logs    = module.logs.policy
  }
}
