PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test lint soak clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

run: $(VENV)/runtime.stamp ## start the hub on 127.0.0.1:8000 (ARGS="--port 8001" for another port)
	@$(PY) manage.py hub_run $(ARGS)

test: $(VENV)/dev.stamp ## test everything on SQLite, then on PostgreSQL (ARGS="-k cursor" for a part)
	@set -e; for database in sqlite postgresql; do HUB_TEST_DATABASE=$$database $(PY) -m pytest $(ARGS); done

lint: $(VENV)/dev.stamp ## check style, format, types and the direction of imports
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy && $(VENV)/bin/lint-imports

soak: $(VENV)/dev.stamp ## write from many threads for a minute while clients come and go, and count (ARGS="--seconds 10")
	@$(PY) benchmarks/soak.py $(ARGS)

clean: ## remove the environment and build products, keep the data in var/
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/runtime.stamp: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/runtime.stamp
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
