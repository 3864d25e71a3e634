#!/usr/bin/env bash
# To bring a dump back: aws s3 cp s3://.../x.dump - | runuser -u postgres -- pg_restore --clean --if-exists --dbname dagster
set -euo pipefail
: "${DAGSTER_LOGS_BUCKET:?}" "${DAGSTER_PG_DB:?}"

pg_dump --format=custom "$DAGSTER_PG_DB" \
  | aws s3 cp --only-show-errors - "s3://$DAGSTER_LOGS_BUCKET/lake_assets/backups/$(date -u +%Y-%m-%dT%H%M%SZ).dump"
