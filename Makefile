# `make` shows what there is. Everything happens in .venv, made from the lock files and made again when they change.
.DEFAULT_GOAL := help
.PHONY: help install demo dev test check format bench test-faults test-phoenix test-llm record-demo lock clean

BIN     := .venv/bin
PYTEST  := $(BIN)/python -m pytest
WORKERS ?= auto
ROUNDS  ?= 500

COMPILE := $(BIN)/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
           --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

export PYTHON
export PYTHONUTF8 := 1

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

install: .venv/.dev ## Make .venv with everything locked, the development tools too

demo: .venv/.runtime ## Evaluate the bundled traces through Dagster and print the results (offline, no API key)
	@$(BIN)/evals demo

dev: .venv/.runtime ## Open the Dagster UI on the demo's data
	@$(BIN)/evals demo --serve

test: check ## Everything in check, then every test, with coverage
	$(PYTEST) -n $(WORKERS) --dist worksteal --cov --cov-report=term

check: .venv/.dev ## Format, lint, types, architecture and house style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) -q evals_pipeline_tests/test_architecture.py evals_pipeline_tests/test_house_style.py

format: .venv/.dev ## Rewrite the code as check wants it, where that can be done by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.runtime ## Measure speed and memory beside the peers' released packages
	$(BIN)/python -m benchmarks

test-faults: .venv/.dev ## Kill runs at random moments, ROUNDS=500 times, and the other slow tests
	@FAULT_ROUNDS=$(ROUNDS) scripts/suite "faults or slow" --timeout=3000

test-phoenix: .venv/.dev ## The tests that need an Arize Phoenix server
	@scripts/suite phoenix

test-llm: .venv/.dev .venv-record/.installed ## The tests that need a real local model
	@scripts/suite llm

record-demo: .venv-record/.installed ## Record the bundled traces again, with a real local model
	.venv-record/bin/python examples/support_bot/record.py

lock: .venv/.dev ## Resolve the dependencies again (UPGRADE=1: to their newest versions)
	$(COMPILE) pyproject.toml --output-file requirements.lock
	$(COMPILE) pyproject.toml --extra dev --constraint requirements.lock --output-file requirements-dev.lock

clean: ## Remove caches, build output and the demo's data; .venv stays
	rm -rf .demo .hypothesis .mypy_cache .pytest_cache .ruff_cache .coverage .coverage.* build dist
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

.venv/.runtime: requirements.lock pyproject.toml
	@scripts/venv .venv requirements.lock
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --editable .
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.runtime
	@scripts/venv .venv requirements-dev.lock
	@touch $@

.venv-record/.installed: examples/support_bot/requirements.txt
	@scripts/venv .venv-record $<
	@touch $@
