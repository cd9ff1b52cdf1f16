# make run    everything from nothing, then the app at http://localhost:8501/audit
# make test   everything from nothing, then the whole suite
# Also: setup, test-long, test-lake, check, lock, bench, soak. Needs Python 3.11 or newer.

PYTHON ?= python3
override PORT := $(or $(PORT),8501)
override AUDIT_STORE := $(or $(AUDIT_STORE),data/snapshots)
SIZE ?= 1M
EVENTS ?= 200000
JOBS ?= 2
MINUTES ?= 20

BIN := .venv/bin
RUNTIME := .venv/.runtime
DEV := .venv/.dev
BENCH := .venv/.bench
SPARK := .venv/.spark
SPARK_VERSION := 4.2.0

export AUDIT_STORE

.PHONY: setup run test test-long test-lake check lock bench soak clean

setup: $(RUNTIME)

run: setup
	@case "$$AUDIT_STORE" in *://*) ;; *) test -e "$$AUDIT_STORE/manifests" ;; esac || $(BIN)/python -m auditlib demo --store "$(AUDIT_STORE)" --events $(EVENTS)
	@echo "Audit Logs: http://localhost:$(PORT)/audit"
	$(BIN)/python -m streamlit run app.py --server.port $(PORT)

test: $(DEV)
	@sh tests/browser.sh
	@sh tests/debian.sh nginx openssl
	@ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || sh tests/debian.sh postgresql
	$(BIN)/python -m pytest -n $(JOBS) -m "not long"

test-long: $(DEV)
	@sh tests/browser.sh
	@sh tests/debian.sh nginx openssl
	@ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || sh tests/debian.sh postgresql
	$(BIN)/python -m pytest -n $(JOBS) -m long

test-lake: $(SPARK)
	@command -v java >/dev/null || sh tests/debian.sh default-jre-headless
	$(BIN)/python -m pytest -m lake

check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/advisories.py constraints.txt

# The versions of all packages that the runtime is made of, as they are installed here: run it after a green suite.
lock: $(DEV)
	$(BIN)/python tests/lock.py

# Readers who come, turn pages and leave, for so many minutes; what the server holds.
soak: $(DEV)
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES)

bench: $(BENCH)
	@ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null || \
		echo "PostgreSQL is left out: its server is not installed (on Debian: apt-get install postgresql postgresql-contrib)"
	$(BIN)/python -m benchmarks --size $(SIZE)

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(RUNTIME): requirements.txt constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . -c constraints.txt
	@touch $@

$(DEV): $(RUNTIME) pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev,lake]"
	@touch $@

$(SPARK): $(DEV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target .venv/spark "pyspark==$(SPARK_VERSION)"
	@touch $@

$(BENCH): $(DEV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[bench]"
	@touch $@
