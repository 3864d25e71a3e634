#!/usr/bin/env bash
# The user and the database of Dagster in the PostgreSQL that runs here, with the password of the file $1. Safe to run again.
set -euo pipefail
# shellcheck source=/dev/null
source "$1"

# By standard input: arguments of a process are seen by all users of the machine.
runuser -u postgres -- psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 <<SQL
SELECT 'CREATE ROLE dagster LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dagster') \\gexec
ALTER ROLE dagster PASSWORD '$DAGSTER_PG_PASSWORD';
SELECT 'CREATE DATABASE dagster OWNER dagster' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'dagster') \\gexec
SQL
