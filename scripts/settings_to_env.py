"""The settings that Terraform tells (`terraform output -json settings`, on standard input) as lines of a file for a shell."""

import json
import shlex
import sys

try:
    settings = json.load(sys.stdin)
except json.JSONDecodeError:
    sys.exit(
        "Terraform told no settings: apply the example first, and give its folder, e.g. EXAMPLE=infra/examples/prod."
    )
for name, value in sorted(settings.items()):
    sys.stdout.write(f"{name}={shlex.quote(value)}\n")
