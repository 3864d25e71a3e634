#!/usr/bin/env bash
# Installs what some tests need beyond Python: Chromium with its driver (UI tests), a Java runtime (tests of the classic Spark
# engine) and PostgreSQL (tests of the machine of Dagster); Terraform is in no registry of Debian. Needs root on Debian; elsewhere it says which tests will be skipped. Never fails.
set -uo pipefail

has_chromium() {
  command -v chromium && command -v chromedriver
} &>/dev/null

has_java() {
  local java=java version
  [[ -n "${JAVA_HOME:-}" ]] && java="$JAVA_HOME/bin/java"
  version=$("$java" -version 2>&1) && [[ "$version" =~ version\ \"([0-9]+) ]] && ((BASH_REMATCH[1] >= 17))
}

has_postgres() {
  compgen -G '/usr/lib/postgresql/*/bin/initdb'
} &>/dev/null

can_install() {
  [[ "$(id -u)" == 0 ]] && command -v apt-get && grep -qx 'ID=debian' /etc/os-release
} &>/dev/null

apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@"
} &>/dev/null </dev/null

command -v terraform &>/dev/null || echo "Terraform is missing: the tests of the infrastructure will be skipped"

if has_chromium && has_java && has_postgres; then
  exit 0
fi

if can_install; then
  echo "Installing test tools with apt-get"
  apt-get -qq -o DPkg::Lock::Timeout=120 update &>/dev/null </dev/null
  has_chromium || apt_install chromium chromium-driver
  # Debian 12 has 17, Debian 13 has 21; Spark 4.1 runs on both.
  has_java || apt_install openjdk-17-jre-headless || apt_install openjdk-21-jre-headless
  has_postgres || apt_install postgresql
fi

has_chromium || echo "Chromium and ChromeDriver are missing: the UI tests will be skipped"
has_java || echo "Java 17 or newer is missing: the tests of the classic Spark engine will be skipped"
has_postgres || echo "PostgreSQL is missing: the tests of the machine's database will be skipped"
exit 0
