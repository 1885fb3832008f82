# Everything sets itself up: a virtual environment in .venv, made once and again when pyproject.toml changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
.DEFAULT_GOAL := help

.PHONY: help demo test quick check format clean
help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or newer is needed (make PYTHON=python3.12 ...)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3-venv is needed: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

demo: $(STAMP)  ## one completion session with the model that ships, offline
	$(BIN)/starcoder-lsp demo

test: check  ## everything: the gates, and all tests with the real model and real editors
	$(BIN)/python -m pytest

quick: $(STAMP)  ## the inner loop: under a minute
	$(BIN)/ruff check
	$(BIN)/python -m pytest -m 'not slow and not editors and not registry' -q

check: $(STAMP)  ## formatting, lint, types, import rules; the VS Code extension and the Neovim plugin too
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	bash tests/check_vscode.sh
	bash tests/check_neovim.sh

format: $(STAMP)  ## let ruff format and fix what it can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean:  ## remove what was built
	rm -rf $(VENV) .cache dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
