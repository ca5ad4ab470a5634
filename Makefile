# `make` says what there is. Everything runs in .venv, made by plain `python3 -m venv` and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test test-httpx2 unit lint fmt typecheck build bench docker-up docker-down clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

install: $(STAMP) ## the virtual environment, and the project in it (editable)

# Again only when what is to be installed has changed.
$(STAMP): pyproject.toml .ci/constraints.txt .ci/venv
	@.ci/venv '$(PYTHON)' '$(VENV)'
	@touch $@

demo: $(STAMP) ## the whole story on this machine, in a few seconds
	@$(BIN)/config-sync demo

test: $(STAMP) ## every lane this machine can run; as root on Debian installs what they need
	@$(BIN)/python .ci/test

test-httpx2: $(STAMP) ## the network and contract tests on httpx2 in place of httpx
	@.ci/httpx2 '$(VENV)'

unit: $(STAMP) ## the quick tests, which need nothing but Python
	@$(BIN)/python .ci/test unit

lint: $(STAMP) ## style, and the layers of the architecture
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

fmt: $(STAMP) ## format, and mend what can be mended
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

typecheck: $(STAMP) ## mypy, strict
	$(BIN)/mypy

build: $(STAMP) ## sdist and wheel, into dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation

bench: $(STAMP) ## the figures
	@$(BIN)/python -m tests.bench

docker-up: ## build and start examples/docker, the whole story in containers
	@examples/docker/compose up

docker-down: ## stop it, and remove its volumes
	@examples/docker/compose down

clean: ## remove what was made here
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
