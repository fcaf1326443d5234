PYTHON ?= python3
VENV := .venv
BENCH_VENV := .venv-bench
BENCH_NODE := benchmarks/node/node_modules
FUZZ_VENV := .venv-fuzz
PY := $(VENV)/bin/python
# The newest Django wants a newer Python than the oldest that is supported.
VENV_NEWEST := .venv-newest
PY_NEWEST := $(VENV_NEWEST)/bin/python
PYENV_ROOT ?= $(HOME)/.pyenv
PYTHON_NEWEST ?= $(firstword $(foreach python,python3.14 python3.13 python3.12 \
	$(wildcard $(foreach minor,14 13 12,$(PYENV_ROOT)/versions/3.$(minor).*/bin/python)),\
	$(shell $(python) -c 'import ssl, sqlite3, venv' 2>/dev/null && echo $(python))))
ARGS ?=
# Which databases the tests run on, one after the other; empty: all that are there.
DATABASES ?=
# What is named in ARGS replaces this: MariaDB and the newest Django concern `sync` alone.
PART = $(if $(filter tests/%,$(ARGS)),,tests/sync)

.DEFAULT_GOAL := help
.PHONY: help run test test-newest capture-table messages screenshots lint soak fuzz prove clean
.PHONY: bench bench-capture bench-catchup bench-log bench-memory bench-processes bench-verify
.PHONY: bench-storm bench-bursts bench-slow bench-latency bench-history

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

run: $(VENV)/runtime.stamp ## start the hub on 127.0.0.1:8000 (ARGS="--port 8001" for another port)
	@$(PY) manage.py hub_run $(ARGS)

test: $(VENV)/dev.stamp ## test everything on SQLite and PostgreSQL, tests/sync on MariaDB (ARGS="-k cursor" for a part)
	@set -e; databases="$(DATABASES)"; test -n "$$databases" || databases=$$($(PY) -m tests.support.databases); \
	for database in $$databases; do \
		case $$database in mariadb) part="$(PART)";; *) part=;; esac; \
		HUB_TEST_DATABASE=$$database $(PY) -m pytest $$part $(ARGS); \
	done

test-newest: $(VENV_NEWEST)/dev.stamp ## test tests/sync with the newest Django, on each database
	@set -e; databases="$(DATABASES)"; test -n "$$databases" || databases=$$($(PY_NEWEST) -m tests.support.databases); \
	for database in $$databases; do \
		HUB_TEST_DATABASE=$$database $(PY_NEWEST) -m pytest $(PART) $(ARGS); \
	done

capture-table: $(VENV)/dev.stamp $(VENV_NEWEST)/dev.stamp ## write the tables of docs/capture.md from what the tests observe
	@set -e; results=$$(mktemp -d); trap 'rm -rf "$$results"' EXIT; \
	databases=$$($(PY) -m tests.support.databases); \
	for python in $(PY) $(PY_NEWEST); do for database in $$databases; do \
		HUB_CAPTURE_RESULTS=$$results HUB_TEST_DATABASE=$$database $$python -m pytest --quiet tests/sync/test_capture.py -k "holds_it or offers"; \
	done; done; \
	DJANGO_SETTINGS_MODULE=tests.settings $(PY) -m tests.sync.capture_document $$results

messages: $(VENV)/dev.stamp ## gather the texts to translate, and compile what is translated (needs GNU gettext)
	@set -e; for package in sync realtime; do ( cd $$package; \
		../$(VENV)/bin/django-admin makemessages --verbosity 0 --all --no-obsolete --add-location file --no-wrap; \
		sed -i.dated '/^"POT-Creation-Date/d' locale/*/LC_MESSAGES/django.po; rm locale/*/LC_MESSAGES/*.dated; \
		../$(VENV)/bin/django-admin compilemessages --verbosity 0; \
	); done

screenshots: $(VENV)/dev.stamp ## make the pictures of docs/images anew, in a browser (ARGS="changelist change")
	@$(PY) -m tests.screenshots $(ARGS)

lint: $(VENV)/dev.stamp ## check style, format, types and the direction of imports
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy && $(VENV)/bin/lint-imports

soak: $(VENV)/dev.stamp ## write from many threads for a minute while clients come and go, and count (ARGS="--seconds 10")
	@$(PY) benchmarks/soak.py $(ARGS)

fuzz: $(FUZZ_VENV)/fuzz.stamp ## throw a million inputs at all a client can reach, and count (ARGS="--inputs 100000")
	@$(FUZZ_VENV)/bin/python -m tests.fuzz $(ARGS)
	@$(FUZZ_VENV)/bin/python -m pytest --quiet --hypothesis-profile=fuzz tests/fuzz tests/realtime/test_fuzz_frames.py

prove: $(VENV)/dev.stamp ## prove that nothing leaks: random rights, records and clients over three hubs, on PostgreSQL with Redis and on SQLite (ARGS="--steps 20000")
	@set -e; databases="$(DATABASES)"; for database in $${databases:-postgresql sqlite}; do \
		HUB_TEST_DATABASE=$$database $(PY) -m tests.proof $(ARGS); \
	done

bench: $(BENCH_VENV)/bench.stamp $(BENCH_NODE)/bench.stamp ## compare how fast changes reach thousands of clients with other servers (ARGS="--quick")
	@$(BENCH_VENV)/bin/python benchmarks/fanout.py $(ARGS)

bench-capture: $(BENCH_VENV)/bench.stamp ## compare what recording costs with other libraries (ARGS="--seconds 60")
	@$(BENCH_VENV)/bin/python benchmarks/capture.py $(ARGS)

bench-log: $(BENCH_VENV)/bench.stamp ## time the log at 10 thousand, 1 million and 10 million entries (ARGS="--sizes 10000 1000000")
	@$(BENCH_VENV)/bin/python benchmarks/log.py $(ARGS)

bench-history: $(BENCH_VENV)/bench.stamp ## time the pages of the history at 10 million changes beside other libraries' (ARGS="--entries 200000")
	@$(BENCH_VENV)/bin/python benchmarks/history.py $(ARGS)

bench-catchup: $(BENCH_VENV)/bench.stamp ## time a catch-up of 10,000 changes beside instances and the json module (ARGS="--rounds 5")
	@$(BENCH_VENV)/bin/python benchmarks/catchup.py $(ARGS)

bench-latency: $(BENCH_VENV)/bench.stamp ## time each step between a commit and its clients (ARGS="--rounds 50")
	@$(BENCH_VENV)/bin/python benchmarks/latency.py $(ARGS)

bench-memory: $(BENCH_VENV)/bench.stamp ## measure the memory of a write of a million rows (ARGS="--rows 100000")
	@$(BENCH_VENV)/bin/python benchmarks/memory.py $(ARGS)

bench-verify: $(VENV)/dev.stamp ## find and repair differences planted among a million rows (ARGS="--rows 100000")
	@$(PY) benchmarks/verify.py $(ARGS)

bench-storm: $(VENV)/dev.stamp ## have every client come back within a second of a crash, beside plain Channels (ARGS="--clients 1000")
	@$(PY) benchmarks/storm.py --plain $(ARGS)

bench-bursts: $(VENV)/dev.stamp ## write 100 thousand changes at once, and a thousand a second for a minute (ARGS="--database sqlite")
	@$(PY) benchmarks/bursts.py $(ARGS)

bench-slow: $(VENV)/dev.stamp ## have a part of the clients stop reading, and time the others (ARGS="--clients 10000 --slow 1000")
	@$(PY) benchmarks/slow_clients.py $(ARGS)

bench-processes: $(VENV)/dev.stamp ## measure what each server process more, and each client, costs (ARGS="--seconds 5 --rounds 1")
	@$(PY) benchmarks/processes.py $(ARGS)

clean: ## remove the environment and build products, keep the data in var/
	rm -rf $(VENV) $(VENV_NEWEST) $(BENCH_VENV) $(BENCH_NODE) $(FUZZ_VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/runtime.stamp: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/runtime.stamp
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV_NEWEST)/dev.stamp: requirements-dev.txt requirements.txt
	@test -n "$(PYTHON_NEWEST)" || { echo 'Python 3.12 or newer is needed: make test-newest PYTHON_NEWEST=/path/to/python3.13' >&2; exit 1; }
	$(PYTHON_NEWEST) -m venv $(VENV_NEWEST)
	$(PY_NEWEST) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# Apart from the developers' environment: the libraries compared with are nothing the hub needs.
$(BENCH_VENV)/bench.stamp: benchmarks/requirements.txt requirements.txt
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@

# Without Node its servers are missing from the tables, and nothing else.
$(BENCH_NODE)/bench.stamp: benchmarks/node/package.json benchmarks/node/package-lock.json
	@mkdir -p $(BENCH_NODE)
	@! command -v npm >/dev/null || npm ci --prefix benchmarks/node --no-audit --no-fund
	@mkdir -p $(BENCH_NODE) && touch $@

# Apart from the developers' environment: the fuzzer runs on fewer versions of Python than the hub.
$(FUZZ_VENV)/fuzz.stamp: tests/fuzz/requirements.txt requirements-dev.txt requirements.txt
	$(PYTHON) -m venv $(FUZZ_VENV)
	$(FUZZ_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/fuzz/requirements.txt
	@touch $@
