# Every target makes the virtual environment it needs: a machine with Python 3.11+ and make is enough.
# What a plan needs is small; the tests, the checkers and what they start are added by the first that needs them.
# ARGS reaches the program: make plan ARGS="--tenant local --format json"

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
USABLE := $(VENV)/.usable
READY := $(VENV)/.ready
RELEASE := .venv-release
ARGS ?=
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

unexport PYTHONDONTWRITEBYTECODE  # the tests start the program thousands of times

.DEFAULT_GOAL := help
.PHONY: help install format lint types static test coverage processes chaos bench check validate plan apply docs pictures clean lock dist

help: ## show this help
	@grep -E '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(READY) ## make the whole virtual environment in .venv, from the hash-pinned lock

$(USABLE): requirements-plan.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "reconciler needs Python 3.11 or newer, and $(PYTHON) is `$(PYTHON) -V`; run: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "making $(VENV) with what a plan needs …" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-plan.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip check --quiet --disable-pip-version-check
	@touch $(USABLE)

$(READY): $(USABLE) requirements-dev.txt
	@echo "adding to $(VENV) what the tests need …" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	@$(BIN)/python -m pip check --quiet --disable-pip-version-check
	@touch $(READY)

format: $(READY) ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(READY) ## check format and style, the workflows, and the layout of the manifests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/reconciler fmt --check desired-state desired-state/*/_*.yaml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
	$(BIN)/hadolint Dockerfile
	$(BIN)/zizmor --quiet --offline --no-progress --strict-collection --persona auditor .

types: $(READY) ## check types
	$(BIN)/mypy

test: $(READY) ## run the tests, but for those that take long
	$(BIN)/pytest -n 2 -m "not chaos and not process and not thorough" $(ARGS)

coverage: $(READY) ## run the cases of the domain, which have to take every branch of it
	$(BIN)/pytest -n 2 tests/domain tests/examples -m "not hypothesis" --cov --cov-report=term $(ARGS)

processes: $(READY) ## run those: errors, signals, kills and races of real processes, long computations
	@.ci/tools
	$(BIN)/pytest -n 3 -m "(process or thorough) and not chaos" $(ARGS)

chaos: $(READY) ## pull the plug at every call, break the disk at every call; takes long
	@.ci/tools proxies
	$(BIN)/pytest -n 2 -m chaos --timeout 900 $(ARGS)

bench: $(READY) ## measure the program beside floors and peers; fails where a row misses its bound
	$(BIN)/python -m tests.bench $(ARGS)

check: static test coverage processes ## all that CI runs

static: $(READY)  # what mypy computes is beside what lint waits for
	@$(MAKE) --no-print-directory --jobs 2 lint types

validate: $(USABLE) ## check the manifests, offline
	@$(BIN)/reconciler validate $(ARGS)

plan: $(USABLE) ## show what apply would do; changes nothing
	@$(BIN)/reconciler plan $(ARGS)

apply: $(USABLE) ## apply, after asking
	@$(BIN)/reconciler apply $(ARGS)

docs: $(READY) ## write the made parts of the pages anew, and what their commands print
	$(BIN)/python -c 'from reconciler.render.rules_page import rules_page; print(rules_page(), end="")' > docs/rules.md
	$(BIN)/python -m tests.support.dialect_keys
	$(BIN)/python -m tests.support.manifest_keys
	$(BIN)/python -m tests.support.services_pages
	$(BIN)/python -m tests.support.architecture_page
	$(BIN)/python -m tests.support.commands_page
	$(BIN)/python -m tests.support.settings_schema
	$(BIN)/python -m tests.support.facts_page
	$(BIN)/python -m tests.support.man_page
	$(BIN)/python -m tests.support.pages

$(RELEASE)/.ready: requirements-release.txt
	@$(PYTHON) -m venv --clear $(RELEASE)
	@$(RELEASE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-release.txt
	@touch $(RELEASE)/.ready

dist: $(RELEASE)/.ready ## build what a release has: wheel and source distribution, and their bill of materials
	rm -rf dist
	$(RELEASE)/bin/python -m build --no-isolation --outdir dist/packages .
	sed "s/^dynamic = .*/version = \"`$(RELEASE)/bin/python -m hatchling version`\"/" pyproject.toml > $(RELEASE)/pyproject.toml
	$(RELEASE)/bin/cyclonedx-py requirements --pyproject $(RELEASE)/pyproject.toml --output-reproducible --validate -o dist/reconciler.cdx.json requirements.txt

pictures: $(READY) ## draw the pictures of README anew; needs Chromium
	$(BIN)/python -m tests.support.pictures

clean: ## remove the virtual environment, caches and builds; keeps .reconciler
	rm -rf $(VENV) $(RELEASE) .peers dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: $(READY) ## renew the lock files
	$(COMPILE) --all-extras --group dev pyproject.toml -o requirements-dev.txt
	$(COMPILE) --all-extras --constraint requirements-dev.txt pyproject.toml -o requirements.txt
	$(COMPILE) --extra demo --group build --constraint requirements-dev.txt pyproject.toml -o requirements-plan.txt
	$(COMPILE) --group pyproject.toml:release --constraint requirements-dev.txt -o requirements-release.txt
