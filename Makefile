# Doorstep. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

# The newest interpreter that really runs: a name on the PATH may belong to a version that is not switched on.
PYTHON := $(shell for name in python3.13 python3.12 python3 python3.11 /usr/bin/python3; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$name && break; done)

.PHONY: help install demo up test check schema migrate bench browser

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## Install everything into .venv

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Doorstep needs Python 3.11 or newer."; exit 1; }
	@echo "Installing with $$($(PYTHON) --version) into $(VENV); the first time takes a minute or two."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); \
		else echo "This Python has no venv module. Ask an administrator for: apt-get install python3-venv"; exit 1; fi; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

demo: install ## Run a whole simulated day, then keep serving (ARGS="--exit --json FILE" ends after the report)
	@$(BIN)/doorstep demo $(ARGS)

up: install ## Start the platform: PostgreSQL, Valkey, web process, workers
	@$(BIN)/doorstep up $(ARGS)

browser: install
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
	@for module in benchmarks/*.py; do $(BIN)/python -m benchmarks.$$(basename $$module .py) $(ARGS); done
