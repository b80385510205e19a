# Doorstep. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

# The newest interpreter that really runs (a name on the PATH may belong to a version that is not switched on), those
# that can make a complete environment first.
NAMES := python3.13 python3.12 python3 python3.11 /usr/bin/python3
RUNS = -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))'
COMPLETE = -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'
PYTHON = $(shell for name in $(NAMES); do $$name $(COMPLETE) >/dev/null 2>&1 && echo $$name && exit; done; \
	for name in $(NAMES); do $$name $(RUNS) >/dev/null 2>&1 && echo $$name && exit; done)

.PHONY: help install demo up test check schema migrate bench browser

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## Install everything into .venv

$(STAMP): pyproject.toml constraints.txt
	@$(BIN)/python -c '' 2>/dev/null || $(MAKE) --no-print-directory $(BIN)/python
	@echo "Installing Doorstep with $$($(BIN)/python --version) into $(VENV); the first time takes a minute or two."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@echo "Compiling the routing engine; this takes up to a minute."
	@$(BIN)/python -m app.solvers.routing.warming
	@touch $(STAMP)

# Debian's python3 comes without ensurepip: root installs it, everybody else borrows the machine's pip or virtualenv.
.PHONY: $(BIN)/python
$(BIN)/python:
	@rm -rf $(VENV)
	@if [ "$$(id -u)" = 0 ] && ! { [ -n "$(PYTHON)" ] && $(PYTHON) $(COMPLETE) 2>/dev/null; } && command -v apt-get >/dev/null; then \
		echo "Installing python3-venv with apt-get."; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv; } >/dev/null; fi
	@python="$(PYTHON)"; \
	test -n "$$python" || python=$$(command -v /usr/bin/python3); \
	test -n "$$python" || { echo "Doorstep needs Python 3.11 or newer. Install one, and run make again."; exit 1; }; \
	if $$python $(COMPLETE) 2>/dev/null; then $$python -m venv $(VENV); \
	elif $$python -m virtualenv --version >/dev/null 2>&1; then $$python -m virtualenv --quiet $(VENV); \
	elif $$python -m pip --version >/dev/null 2>&1; then $$python -m venv --without-pip $(VENV) && \
		$$python -m pip --quiet --disable-pip-version-check --python $(BIN)/python install pip; \
	else echo "$$python cannot make an environment with pip. Ask an administrator for: apt-get install python3-venv"; exit 1; fi

demo: install ## Run a whole simulated day, then keep serving (ARGS="--exit --json FILE" ends after the report)
	@$(BIN)/doorstep demo $(ARGS)

up: install ## Start the platform: PostgreSQL, Valkey, web process, workers
	@$(BIN)/doorstep up $(ARGS)

browser: install ## Fetch a Chromium for the tests of the pages, where there is none
	@$(BIN)/python -m tests.browser

test: install browser ## Run every test
	@$(BIN)/pytest -n 2 --dist worksteal $(ARGS)

check: install ## Lint, types, import rules, schema and migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/doorstep schema --check
	$(BIN)/doorstep migrate --check

schema: install ## Write schema.graphql
	@$(BIN)/doorstep schema

migrate: install ## Make a migration from the models (MESSAGE="what changes")
	@$(BIN)/doorstep migrate --make "$(MESSAGE)"

bench: install ## Run the benchmarks
	@for name in routing allocation fleet; do \
		if [ -f benchmarks/$$name.py ]; then $(BIN)/python -m benchmarks.$$name $(ARGS) || exit 1; fi; done
