# Everything sets itself up: a virtual environment in .venv, made once and again when pyproject.toml changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
.DEFAULT_GOAL := help

.PHONY: help demo test quick check dist format clean
help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml
	@sh tools/bootstrap.sh $(PYTHON)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

demo: $(STAMP)  ## one completion session with the model that ships, offline
	$(BIN)/starcoder-lsp demo

test: check  ## everything: the gates, all tests with the real model and real editors, bare machines
	$(BIN)/python -m pytest
	bash tests/bare.sh

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

dist: $(STAMP)  ## wheel, sdist and the VS Code extension (which carries the wheel), in dist/
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	STARCODER_WHEEL=$$(echo $(CURDIR)/dist/*.whl) bash tools/vscode.sh package
	mv editors/vscode/starcoder-lsp.vsix dist/

format: $(STAMP)  ## let ruff format and fix what it can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean:  ## remove what was built
	rm -rf $(VENV) .cache dist editors/vscode/dist editors/vscode/out editors/vscode/server editors/vscode/node_modules editors/vscode/*.vsix .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
