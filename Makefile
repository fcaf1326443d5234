PYTHON ?= python3
VENV := .venv
BENCH_VENV := .venv-bench
PY := $(VENV)/bin/python
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test lint soak clean
.PHONY: bench-capture bench-log bench-memory

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

run: $(VENV)/runtime.stamp ## start the hub on 127.0.0.1:8000 (ARGS="--port 8001" for another port)
	@$(PY) manage.py hub_run $(ARGS)

test: $(VENV)/dev.stamp ## test everything on SQLite, then on PostgreSQL (ARGS="-k cursor" for a part)
	@set -e; for database in sqlite postgresql; do HUB_TEST_DATABASE=$$database $(PY) -m pytest $(ARGS); done

lint: $(VENV)/dev.stamp ## check style, format, types and the direction of imports
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy && $(VENV)/bin/lint-imports

soak: $(VENV)/dev.stamp ## write from many threads for a minute while clients come and go, and count (ARGS="--seconds 10")
	@$(PY) benchmarks/soak.py $(ARGS)

bench-capture: $(BENCH_VENV)/bench.stamp ## compare what recording costs with other libraries (ARGS="--seconds 60")
	@$(BENCH_VENV)/bin/python benchmarks/capture.py $(ARGS)

bench-log: $(BENCH_VENV)/bench.stamp ## time the log at 10 thousand, 1 million and 10 million entries (ARGS="--sizes 10000 1000000")
	@$(BENCH_VENV)/bin/python benchmarks/log.py $(ARGS)

bench-memory: $(BENCH_VENV)/bench.stamp ## measure the memory of a write of a million rows (ARGS="--rows 100000")
	@$(BENCH_VENV)/bin/python benchmarks/memory.py $(ARGS)

clean: ## remove the environment and build products, keep the data in var/
	rm -rf $(VENV) $(BENCH_VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/runtime.stamp: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/runtime.stamp
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# Apart from the developers' environment: the libraries compared with are nothing the hub needs.
$(BENCH_VENV)/bench.stamp: benchmarks/requirements.txt requirements.txt
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@
