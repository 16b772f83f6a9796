# Every command of this project. `make` alone lists them.
#
# `make run` and `make test` need no other command first: they install what is missing into .venv,
# from hashed locks; the second time they start at once. Another Python: make PYTHON=python3.13 run

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
BENCH_VENV := .venv-bench
BENCH_INSTALLED := $(BENCH_VENV)/.installed
DOCS_VENV := .venv-docs
DOCS_INSTALLED := $(DOCS_VENV)/.installed
INSTALLED := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST := $(BIN)/python -m pytest
COMPILE := $(BIN)/python -m piptools compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header \
	--annotation-style line
# What builds the package, and one dependency group of pyproject.toml: one requirement a line.
GROUP = $(BIN)/python -c 'import tomllib; \
	project = tomllib.load(open("pyproject.toml", "rb")); \
	print(*project["build-system"]["requires"], *project["dependency-groups"]["$(1)"], sep="\n")'

# Downloads trust what this machine trusts, a company's own authority included.
CA_BUNDLE := $(wildcard /etc/ssl/certs/ca-certificates.crt)
ifneq ($(CA_BUNDLE),)
export REQUESTS_CA_BUNDLE ?= $(CA_BUNDLE)
endif

# A program that runs in many processes would be compiled again in each.
unexport PYTHONDONTWRITEBYTECODE

##@ Use

.PHONY: help
help: ## List these commands
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: $(INSTALLED) ## Make .venv with the order-import command

.PHONY: run
run: $(INSTALLED) ## Start everything on this machine, with sample traffic; Ctrl-C stops it
	@$(BIN)/order-import up --demo

.PHONY: observe
observe: $(INSTALLED) ## The same, with Debian's Prometheus beside it at 127.0.0.1:9090; needs prometheus
	@$(BIN)/python -m tests.deploy.needs observe
	@mkdir -p .data/prometheus
	@prometheus --config.file=deploy/observability/prometheus-local.yml \
		--storage.tsdb.path=.data/prometheus --web.listen-address=127.0.0.1:9090 \
		2> .data/prometheus.log & trap "kill $$! 2>/dev/null || true" EXIT; \
	echo "Prometheus at http://127.0.0.1:9090, with the alerts at /alerts"; \
	ORDER_IMPORT_WORKER_HEALTH_PORT=9464 ORDER_IMPORT_CONSOLE_METRICS_PORT=9465 \
		$(BIN)/order-import up --demo

##@ Check

.PHONY: test
test: $(INSTALLED) ## Run all quick tests: unit, model, contract, integration, and a few faults of each kind
	@# The longest tests begin first. The controls prove the checker of faults: `make proofs`.
	@$(PYTEST) -n auto --no-loadscope-reorder --durations=25 \
		--ignore tests/faults/test_controls.py tests/faults tests/integration tests/contract tests/model tests/unit clients/python/tests

.PHONY: proofs
proofs: $(INSTALLED) ## Run for an hour what `make test` runs for seconds: random histories, replays, the last units, controls
	@HISTORIES=10000 REPLAY_WORLDS=10000 COUNTED_ORDERS=10000 $(PYTEST) -s --timeout 36000 \
		tests/model tests/unit/test_replay_agreement.py tests/unit/test_counts_from.py
	@WIRE_HISTORIES=200 STOCK_ROUNDS=10000 CANARIES=1000 $(PYTEST) -s --timeout 36000 \
		tests/integration/test_histories.py tests/integration/test_stock.py \
		tests/integration/test_canary.py tests/faults/test_controls.py
	@$(MAKE) --no-print-directory canaries

.PHONY: canaries
canaries: $(INSTALLED) ## Prove that nothing personal of 10,000 orders can be read after the end, byte by byte
	@CANARY_ORDERS=10000 $(PYTEST) -s --timeout 36000 tests/integration/test_nothing_is_left.py

.PHONY: unit
unit: $(INSTALLED) ## Run the tests that need no server
	@$(PYTEST) tests/unit clients/python/tests

.PHONY: coverage
coverage: $(INSTALLED) ## Measure which branches the unit and model tests reach; fail under a floor
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -q -n auto tests/model tests/unit
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report
	@$(BIN)/coverage report --include 'handlers/*,models/*' --format total --fail-under 98

.PHONY: contract
contract: $(INSTALLED) ## Run the contract of every storage; TEST_MONGO=mongodb://… TEST_KAFKA=host:port use your servers
	@$(PYTEST) -n auto tests/contract

.PHONY: browser
browser: $(INSTALLED) ## Run the console's tests in a real browser; needs chromium and npm
	@$(BIN)/python -m tests.browser.needs axe
	@$(PYTEST) tests/browser

.PHONY: asyncapi
asyncapi: $(INSTALLED) ## Check the contract with AsyncAPI's own parser; needs node and npm
	@$(BIN)/python -m tests.asyncapi

.PHONY: faults
faults: $(INSTALLED) ## Break everything under load for an hour, check the result, write docs/faults.md; resumes where it stopped
	@$(BIN)/python -m tests.faults.inprocess
	@$(BIN)/python -m tests.faults.wire
	@$(BIN)/python -m tests.faults $(ARGS)

.PHONY: faults-inprocess
faults-inprocess: $(INSTALLED) ## The part that needs no server: every crash, 10,000 seeds, 100,000 inputs
	@$(BIN)/python -m tests.faults.inprocess $(ARGS)

.PHONY: faults-wire
faults-wire: $(INSTALLED) ## The part that sends odd bytes: 20,000 records through a real broker
	@$(BIN)/python -m tests.faults.wire $(ARGS)

.PHONY: faults-alerts
faults-alerts: $(INSTALLED) ## Make each kind of fault beside Debian's Prometheus: which alerts fire; half an hour; needs prometheus
	@$(BIN)/python -m tests.deploy.needs observe
	@$(BIN)/python -m tests.faults.alerts $(ARGS)

.PHONY: observe-test
observe-test: $(INSTALLED) ## Test alerts and dashboards with Debian's Prometheus beside the demo; needs prometheus
	@$(BIN)/python -m tests.deploy.needs observe
	@$(PYTEST) tests/deploy/test_alerts.py tests/deploy/test_live.py

.PHONY: chart
chart: $(INSTALLED) ## Lint, render and check the Helm chart; needs go and npm
	@$(BIN)/python -m tests.deploy.needs chart
	@$(PYTEST) tests/deploy/test_chart.py

.PHONY: check
check: lint type unit ## Run everything that should pass before a commit

.PHONY: lint
lint: $(INSTALLED) ## Check style, formatting, spelling and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/typos
	@$(BIN)/lint-imports

.PHONY: type
type: $(INSTALLED) ## Check types
	@$(BIN)/mypy

.PHONY: format
format: $(INSTALLED) ## Format the code, and fix what Ruff can fix
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: bench
bench: $(BENCH_INSTALLED) ## Measure it against other designs, all parts or ARGS="contest latency"; writes docs/performance.md
	@$(BENCH_VENV)/bin/python -m bench $(ARGS)

##@ Maintain

.PHONY: docs
docs: $(DOCS_INSTALLED) ## Build the documentation site into site/; open site/index.html
	@NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict --quiet

.PHONY: reference
reference: $(INSTALLED) ## Write docs/reference and docs/contract from the code
	@$(BIN)/python -m order_import.devtools.reference
	@$(BIN)/order-import contract --output docs/contract

.PHONY: dashboards
dashboards: $(INSTALLED) ## Write Grafana's dashboards into deploy/observability from the code
	@$(BIN)/python -m order_import.devtools.dashboards

.PHONY: sbom
sbom: $(INSTALLED) ## Write dist/sbom.json, the CycloneDX bill of materials of the worker's lock
	@$(BIN)/python -m tests.deploy.sbom

.PHONY: contract-release
contract-release: $(INSTALLED) ## Keep the present schemas as a released set of the contract, which never changes
	@$(BIN)/python -m order_import.devtools.contract.released

.PHONY: screenshots
screenshots: $(INSTALLED) ## Retake the pictures of docs/how-to/console.md from the demo's orders; needs chromium
	@$(BIN)/python -m tests.browser.needs
	@$(BIN)/python -m tests.browser.screenshots

.PHONY: translations
translations: $(INSTALLED) ## Bring the console's catalogs up to date with its texts; what is new then needs a translation
	@$(BIN)/pybabel --quiet extract --output-file $(VENV)/messages.pot
	@$(BIN)/pybabel --quiet update --input-file $(VENV)/messages.pot

.PHONY: lock
lock: $(INSTALLED) ## Update requirements/*.txt from pyproject.toml; UPGRADE=1 takes newer versions
	@$(call GROUP,dev) > $(VENV)/dev.in
	@$(COMPILE) $(if $(UPGRADE),--upgrade) -o requirements/worker.txt --extra traces pyproject.toml
	@$(COMPILE) $(if $(UPGRADE),--upgrade) -o requirements/dev.txt -c requirements/worker.txt \
		--extra embedded --extra traces pyproject.toml $(VENV)/dev.in
	@$(call GROUP,bench) > $(VENV)/bench.in
	@# Quix Streams needs an older pydantic; everything else is what the program itself has.
	@sed -n 's/^\([a-z0-9._-]*==[^ ]*\).*/\1/p' requirements/worker.txt | grep -v '^pydantic' \
		> $(VENV)/bench-constraints.txt
	@$(COMPILE) $(if $(UPGRADE),--upgrade) -o requirements/bench.txt \
		-c $(VENV)/bench-constraints.txt --extra embedded pyproject.toml $(VENV)/bench.in
	@$(BIN)/python -c 'import tomllib; \
		told = tomllib.load(open("pyproject.toml", "rb")); \
		print(*told["dependency-groups"]["docs"], sep="\n")' > $(VENV)/docs.in
	@$(COMPILE) $(if $(UPGRADE),--upgrade) -o requirements/docs.txt $(VENV)/docs.in

.PHONY: clean
clean: ## Remove .venv and caches; data directories stay
	@rm -rf $(VENV) $(BENCH_VENV) $(DOCS_VENV) site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.* dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A changed lock recreates .venv, so that no package stays that is no longer needed.
$(LOCKED): requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed. On Debian: apt install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python's venv module is missing. On Debian: apt install python3-venv" >&2; exit 1; }
	@echo "Installing into $(VENV) (once; about 110 MB to download)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(INSTALLED): $(LOCKED) pyproject.toml
	@$(PIP) install --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(BENCH_INSTALLED): requirements/bench.txt pyproject.toml
	@echo "Installing the contenders into $(BENCH_VENV)"
	@$(PYTHON) -m venv --clear $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip --disable-pip-version-check --quiet install \
		--require-hashes -r requirements/bench.txt
	@$(BENCH_VENV)/bin/python -m pip --disable-pip-version-check --quiet install \
		--no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(DOCS_INSTALLED): requirements/docs.txt
	@echo "Installing MkDocs into $(DOCS_VENV)"
	@$(PYTHON) -m venv --clear $(DOCS_VENV)
	@$(DOCS_VENV)/bin/python -m pip --disable-pip-version-check --quiet install \
		--require-hashes -r requirements/docs.txt
	@touch $@
