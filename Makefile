# What people type. Needs make and Python 3.11 or newer; everything else goes into .venv by `make install`.

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help install demo test parity failures dev lint format docs bench constraints audit clean

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
SPARK := .venv/spark
DEMO_LAKE := .caremetrix/demo/lake
DEMO_REPORT := .caremetrix/demo/report.html
DEV_HOME := $(CURDIR)/.caremetrix/dagster

# Nothing calls out: usage tracking of the tools is off.
export DAGSTER_DISABLE_TELEMETRY := 1
export GX_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

help:
	@echo "make install      .venv with everything, pinned and hash-checked (the others call it when needed)"
	@echo "make demo         the whole graph on sample_drops/, into $(DEMO_LAKE)"
	@echo "make dev          the Dagster UI, with the inbox watched"
	@echo "make test         the tests"
	@echo "make failures     kills and takes away parts of the running service; half an hour"
	@echo "make parity       every table on Spark too, compared; needs Java, downloads 450 MB once, minutes"
	@echo "make lint         style, types, layers, SQL, definitions"
	@echo "make format       rewrites the Python code in its style"
	@echo "make docs         the data dictionary in docs/reference from the contracts"
	@echo "make bench        measures; minutes"
	@echo "make constraints  resolves pyproject.toml into constraints.txt anew"
	@echo "make audit        known vulnerabilities of the pinned packages; needs pip-audit and the package index"
	@echo "make clean        removes .venv, the demo's lake and caches; never ./.caremetrix/lake, ./inbox or Dagster's history"

install: $(STAMP)

$(STAMP): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) must be Python 3.11 or newer; choose one with make PYTHON=..." >&2; exit 3; }
	@echo "Installing $$(grep -c '==' constraints.txt) packages into .venv (a few minutes the first time)"
	@$(PYTHON) -m venv .venv
	@set -o pipefail; $(BIN)/python -m pip install --require-hashes --progress-bar off -r constraints.txt | awk '/^(Collecting|Installing)/ { if (++n % 25 == 0 || /^Installing/) { print "  " (/^Installing/ ? "unpacking" : n " packages found"); fflush() } }'
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP)
	@$(BIN)/caremetrix run --inbox sample_drops --lake $(DEMO_LAKE)
	@$(BIN)/caremetrix report --lake $(DEMO_LAKE) --out $(DEMO_REPORT)

test: $(STAMP)
	@$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

failures: $(STAMP)
	@$(BIN)/pytest -m failures -v

# Beside the environment, not in it: 480 MB, and Great Expectations would load it on every run (2 seconds).
$(SPARK)/installed: constraints-spark.txt $(STAMP)
	@echo "Installing PySpark into $(SPARK)"
	@rm -rf $(SPARK)
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps --target $(SPARK) -r constraints-spark.txt
	@touch $@

parity: $(SPARK)/installed
	@PYTHONPATH=$(SPARK) $(BIN)/pytest -m parity

dev: $(STAMP)
	@mkdir -p $(DEV_HOME) inbox
	@cp dagster.yaml $(DEV_HOME)/dagster.yaml
	@$(BIN)/caremetrix init || echo "The UI starts all the same; start it again once the inbox holds a drop, so that its dates begin there."
	@DAGSTER_HOME=$(DEV_HOME) $(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar caremetrix_assets/tables
	$(BIN)/dagster definitions validate -w workspace.yaml

format: $(STAMP)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(STAMP)
	@$(BIN)/caremetrix docs --out docs/reference

bench: $(STAMP)
	@$(BIN)/python -m benchmarks.bench

PINNED := --universal --python-version 3.11 --fork-strategy fewest --no-strip-extras --generate-hashes --no-header --no-annotate
constraints:
	@command -v uv > /dev/null || { echo "make constraints needs uv (pip install uv)" >&2; exit 3; }
	@echo "# Every package, pinned and hash-checked; written by \`make constraints\` from pyproject.toml, never edited." > constraints.txt
	@uv pip compile pyproject.toml --quiet --extra postgres --extra dev $(PINNED) >> constraints.txt
	@echo "# The packages of the extra \`spark\`, pinned and hash-checked; written by \`make constraints\`, never edited." > constraints-spark.txt
	@sed -n 's/^ *"\(pyspark==[^"]*\)".*/\1/p' pyproject.toml | uv pip compile - --quiet $(PINNED) >> constraints-spark.txt

audit:
	@command -v pip-audit > /dev/null || { echo "make audit needs pip-audit (pip install pip-audit)" >&2; exit 3; }
	@pip-audit --strict --require-hashes --disable-pip -r constraints.txt

clean:
	rm -rf .venv .caremetrix/demo .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +
