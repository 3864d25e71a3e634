# Every target first sets up what it needs in .venv. Nothing is installed outside this folder, except for the test tools
# that scripts/install_test_tools.sh adds when run as root on Debian.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo dev test test-fast chaos lint dictionary wheel bench infra-test infra-e2e infra-env clean

PYTHON ?= python3
BIN := .venv/bin
# Not taken from the environment: a DAGSTER_HOME set there belongs to another project.
DAGSTER_HOME := $(CURDIR)/dagster_home
LAKE_SOURCE ?= $(CURDIR)/data/source
LAKE_ROOT ?= $(CURDIR)/data/lake
SCALE := 0.01
# The deployment whose settings `make infra-env` writes.
EXAMPLE := infra/examples/dev
# Only where Terraform is, whose files it checks. Apart from our own packages, because it pins many of its own.
CHECKOV := $(if $(shell command -v terraform),.venv-checkov/.installed)
PORT := 3000

define MONTHLY_GROSS_SALES
SELECT sales_month,
       SUM(gross_sales) FILTER (WHERE channel = 'store')   AS store,
       SUM(gross_sales) FILTER (WHERE channel = 'catalog') AS catalog,
       SUM(gross_sales) FILTER (WHERE channel = 'web')     AS web
FROM gold.daily_sales_summary
WHERE sales_month <> 'undated'
GROUP BY sales_month
ORDER BY sales_month
endef

export DAGSTER_HOME LAKE_SOURCE LAKE_ROOT MONTHLY_GROSS_SALES

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "Variables: SCALE=$(SCALE) PORT=$(PORT) LAKE_SOURCE=$(LAKE_SOURCE) LAKE_ROOT=$(LAKE_ROOT)"

install: .venv/.installed ## create .venv with the package, its dependencies and the development tools

.venv/.installed: setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 install" if sys.version_info < (3, 11) else 0)'
	@echo "Installing into .venv (the first time takes a minute or two)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: install ## make source files, run bronze, silver and gold, and print monthly gross sales per channel
	$(BIN)/lake-assets sample --scale $(SCALE)
	$(BIN)/lake-assets run
	@$(BIN)/lake-assets query "$$MONTHLY_GROSS_SALES"

dev: install ## start the Dagster UI on this machine, port PORT
	$(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1 -p $(PORT)

# Three files side by side keep two cores busy. A file stays together, because its tests share what they built, and files are
# begun in our order: the plugin's begins with those of many tests, which are not those that take long.
test: install $(CHECKOV) ## run all tests (as root on Debian, installs Chromium and Java first when missing)
	@scripts/install_test_tools.sh
	$(BIN)/python -m pytest -ra -n 3 --dist loadfile --no-loadscope-reorder

test-fast: install ## run the unit tests only
	$(BIN)/python -m pytest -ra -n 2 --dist loadfile lake_assets_tests/unit

chaos: install ## attack every promise: kills, races, readers
	CHAOS=1 $(BIN)/python -m pytest -ra lake_assets_tests/chaos

lint: install ## check style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

dictionary: install ## write the data dictionary, docs/dictionary, from the contract
	$(BIN)/python -m lake_assets.contract.dictionary docs/dictionary

wheel: install ## build the package as the wheel that Glue jobs load, into dist
	$(BIN)/python -m pip wheel -q --no-deps --no-build-isolation -w dist .

infra-test: install $(CHECKOV) ## check the infrastructure without an account: format, plans, policies, checkov, the machine's scripts
	$(BIN)/python -m pytest -ra lake_assets_tests/infra/test_terraform.py lake_assets_tests/infra/test_machine.py

infra-e2e: install ## apply the infrastructure to the emulator, run the whole pipeline through it, change it, destroy it
	INFRA_E2E=1 $(BIN)/python -m pytest -ra lake_assets_tests/infra/test_apply.py

infra-env: install ## write the settings of the deployment in EXAMPLE to EXAMPLE/lake.env
	@terraform -chdir=$(EXAMPLE) output -json settings | $(BIN)/python scripts/settings_to_env.py > $(EXAMPLE)/lake.env
	@echo "Written: $(EXAMPLE)/lake.env. Load it with: set -a; source $(EXAMPLE)/lake.env; set +a"

.venv-checkov/.installed:
	@echo "Installing checkov into .venv-checkov"
	@$(PYTHON) -m venv .venv-checkov
	@.venv-checkov/bin/python -m pip install -q --disable-pip-version-check 'checkov>=3.3,<4'
	@touch $@

bench: install ## measure loading the definitions, what the audit adds to silver, and what a small batch costs
	$(BIN)/python benchmarks/definitions_load.py
	$(BIN)/python benchmarks/audit_cost.py
	$(BIN)/python benchmarks/month_refresh.py

clean: ## remove .venv, caches and build artefacts; the lake and the run history stay
	rm -rf .venv .venv-checkov build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
