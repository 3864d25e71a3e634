#!/usr/bin/env bash
# A PostgreSQL cluster in the folder $1 that listens on this machine only, and by TLS; its password for the user dagster, made
# here and known nowhere else, in the file $2. What is there already stays.
set -euo pipefail
cluster=$1 secret=$2

if [[ ! -e "$cluster/PG_VERSION" ]]; then
  install -d -o postgres -g postgres -m 0700 "$cluster"
  runuser -u postgres -- initdb --pgdata "$cluster" --encoding UTF8 --locale C.UTF-8 --data-checksums \
    --auth-local peer --auth-host scram-sha-256 >/dev/null
  runuser -u postgres -- openssl req -new -x509 -days 3650 -nodes -subj /CN=localhost \
    -keyout "$cluster/server.key" -out "$cluster/server.crt" 2>/dev/null
  printf "listen_addresses = '127.0.0.1'\nssl = on\n" | runuser -u postgres -- tee -a "$cluster/postgresql.conf" >/dev/null
fi

if [[ ! -e "$secret" ]]; then
  install -d -m 0700 "$(dirname "$secret")"
  (umask 077 && printf 'DAGSTER_PG_PASSWORD=%s\n' "$(openssl rand -hex 24)" > "$secret.new" && mv "$secret.new" "$secret")
fi
