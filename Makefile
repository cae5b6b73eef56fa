# make demo | test | lint | fault | bench | docs | galleries | clean. PYTHON=python3.12 chooses the interpreter that makes .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt
PACKAGES := astrogan simulators catalogs
SOURCES := $(shell find $(PACKAGES) -type f -not -name '*.pyc')
# One thread for each of numpy's and torch's pools: the tests run in two processes already.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.PHONY: demo test lint types kernels unit fault bench docs galleries clean

demo: $(VENV)/.demo
	$(BIN)/astrogan demo --overwrite

test: lint types kernels unit

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.dev
	$(BIN)/mypy

# The kernels as plain Python, for line coverage, and compiled with bounds checks, which numba leaves out otherwise.
kernels: $(VENV)/.dev
	NUMBA_DISABLE_JIT=1 $(PYTEST) -m kernels --cov=simulators._kernels --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=85
	NUMBA_BOUNDSCHECK=1 $(PYTEST) -m kernels

unit: $(VENV)/.dev
	$(PYTEST) -n 2 --dist loadfile

# The tests of faults again, with many times as many of them.
fault: $(VENV)/.dev
	ASTROGAN_FAULT_SCALE=30 $(PYTEST) -m fault -n 2 --dist loadfile

docs: $(VENV)/.dev
	$(PYTEST) README.md docs

galleries: $(VENV)/.dev
	set -e; for script in lenses psfs surveys kids; do $(BIN)/python docs/galleries/$$script.py; done

# Without the two that take half an hour each: python benchmarks/reliability.py, python benchmarks/soak.py.
LONG := benchmarks/reliability.py benchmarks/soak.py
bench: $(VENV)/.dev
	set -e; for script in $(filter-out benchmarks/_% $(LONG),$(wildcard benchmarks/*.py)); do echo "== $$script"; PATH="$(CURDIR)/$(BIN):$$PATH" python $$script; done

clean:
	rm -rf $(VENV) build dist .coverage* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("astrogan needs Python 3.11 or newer: make PYTHON=...") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)

# Development installs the sources in place, so it serves the demo as well; a demo install replaces it.
$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[dev]'
	touch $@

$(VENV)/.demo: pyproject.toml constraints.txt $(SOURCES) | $(BIN)/python
	if [ $(VENV)/.dev -nt pyproject.toml ] && [ $(VENV)/.dev -nt constraints.txt ]; then :; \
	else rm -f $(VENV)/.dev && $(PIP) .; fi
	touch $@
