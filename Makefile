# Every target makes the virtual environment it needs: a machine with Python 3.11+ and make is enough.
# ARGS reaches the program: make plan ARGS="--tenant local --format json"

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=

unexport PYTHONDONTWRITEBYTECODE  # the tests start the program thousands of times

.DEFAULT_GOAL := help
.PHONY: help install format lint types test coverage processes chaos bench check validate plan apply docs clean lock

help: ## show this help
	@grep -E '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(READY) ## make the virtual environment in .venv, from the hash-pinned lock

$(READY): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "reconciler needs Python 3.11 or newer, and $(PYTHON) is `$(PYTHON) -V`; run: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "making $(VENV) …" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip check --quiet --disable-pip-version-check
	@touch $(READY)

format: $(READY) ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(READY) ## check format and style, and the workflows
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
	$(BIN)/zizmor --quiet --offline --no-progress --strict-collection --persona auditor .

types: $(READY) ## check types
	$(BIN)/mypy

test: $(READY) ## run the tests, but for those that take long
	$(BIN)/pytest -n 2 -m "not chaos and not process and not thorough" $(ARGS)

coverage: $(READY) ## run the cases of the domain, which have to take every branch of it
	$(BIN)/pytest -n 2 tests/domain tests/examples -m "not hypothesis" --cov --cov-report=term $(ARGS)

processes: $(READY) ## run those: errors, signals, kills and races of real processes, long computations
	@.ci/tools
	$(BIN)/pytest -n 2 -m "(process or thorough) and not chaos" $(ARGS)

chaos: $(READY) ## pull the plug at every call, break the disk at every call; takes long
	@.ci/tools proxies
	$(BIN)/pytest -n 2 -m chaos --timeout 900 $(ARGS)

bench: $(READY) ## measure the program beside floors and peers; fails where a row misses its bound
	$(BIN)/python -m tests.bench $(ARGS)

check: lint types test coverage processes ## all that CI runs

validate: $(READY) ## check the manifests, offline
	@$(BIN)/reconciler validate $(ARGS)

plan: $(READY) ## show what apply would do; changes nothing
	@$(BIN)/reconciler plan $(ARGS)

apply: $(READY) ## apply, after asking
	@$(BIN)/reconciler apply $(ARGS)

docs: $(READY) ## write the made parts of the pages anew, and what their commands print
	$(BIN)/python -c 'from reconciler.render.rules_page import rules_page; print(rules_page(), end="")' > docs/rules.md
	$(BIN)/python -m tests.support.dialect_keys
	$(BIN)/python -m tests.support.manifest_keys
	$(BIN)/python -m tests.support.architecture_page
	$(BIN)/python -m tests.support.commands_page
	$(BIN)/python -m tests.support.settings_schema
	$(BIN)/python -m tests.support.facts_page
	$(BIN)/python -m tests.support.man_page
	$(BIN)/python -m tests.support.pages

clean: ## remove the virtual environment, caches and builds; keeps .reconciler
	rm -rf $(VENV) .peers dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: $(READY) ## renew the lock files; needs uv
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --extra dev --extra fast --extra jwt --extra otel --extra postgresql pyproject.toml -o requirements.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --extra dev --extra fast --extra jwt --extra otel --extra postgresql --group dev pyproject.toml -o requirements-dev.txt
