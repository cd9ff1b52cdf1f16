# make run    everything from nothing, then the app at http://localhost:8501/audit
# make test   everything from nothing, then the whole suite
# Also: setup, test-long, check, bench. Needs Python 3.11 or newer.

PYTHON ?= python3
PORT ?= 8501
AUDIT_STORE ?= data/snapshots
SIZE ?= 1M
EVENTS ?= 200000
JOBS ?= 2

BIN := .venv/bin
RUNTIME := .venv/.runtime
DEV := .venv/.dev
BENCH := .venv/.bench

export AUDIT_STORE

.PHONY: setup run test test-long check bench clean

setup: $(RUNTIME)

run: setup
	@test -e "$(AUDIT_STORE)/manifests" || $(BIN)/python -m auditlib demo --store "$(AUDIT_STORE)" --events $(EVENTS)
	@echo "Audit Logs: http://localhost:$(PORT)/audit"
	$(BIN)/python -m streamlit run app.py --server.port $(PORT)

test: $(DEV)
	@sh tests/browser.sh
	$(BIN)/python -m pytest -n $(JOBS) -m "not long"

test-long: $(DEV)
	@sh tests/browser.sh
	$(BIN)/python -m pytest -n $(JOBS) -m long

check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(BENCH)
	@ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null || \
		echo "PostgreSQL is left out: its server is not installed (on Debian: apt-get install postgresql postgresql-contrib)"
	$(BIN)/python -m benchmarks --size $(SIZE)

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(RUNTIME): requirements.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(DEV): $(RUNTIME) pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

$(BENCH): $(DEV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[bench]"
	@touch $@
