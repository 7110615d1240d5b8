# Everything that is done to this project. Each target sets up what it needs, from nothing:
# a Python that is new enough is all that must be there (and mandoc, for `make check`).

PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
SIDE_BY_SIDE = -n auto --dist loadgroup
# Tests start gage thousands of times: where Python keeps no bytecode, that would be to compile it.
COMPILE = $(BIN)/python -m compileall -q gage

.PHONY: demo test check faults bench pictures table format clean

demo: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" examples/demo.sh

test: $(READY)
	$(COMPILE)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

check: $(READY)
	@command -v mandoc >/dev/null || { \
	  echo 'make: mandoc is needed to check the man pages: apt-get install mandoc' >&2; exit 1; }
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	mandoc -Tlint -Wwarning man/man?/*
	$(COMPILE)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

faults: $(READY)
	$(BIN)/python -m tests.faults
	$(BIN)/python -m tests.faults --mutants
	$(BIN)/python -m pytest -m long

bench: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m bench

pictures: $(READY)
	$(BIN)/python -m pictures

# What the completions know of the commands, from the commands.
table: $(READY)
	$(BIN)/python -m tests.command_table

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Made once, and again where dependencies or executables may have changed.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'make: Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo 'make: the module venv is needed: apt-get install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
