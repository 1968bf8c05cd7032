# Everything below needs only Python 3.11 and a package registry: no root, no apt.
# make env [GPU=1] | demo | test | test-unit | lint | loso CONFIG=... | lock
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3.11
BIN := .venv/bin
KIND := $(if $(GPU),gpu,cpu)
READY := .venv/ready-$(KIND)
CORES ?= $(shell nproc)
PYTEST := $(BIN)/python -m pytest

.PHONY: help env demo test test-unit lint format loso lock schema clean-env

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1: \2/p' Makefile

env: $(READY) ## create .venv from the lock (GPU=1: the V100 one)

$(READY): envs/$(KIND).lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found: install Python 3.11, or name one: make env PYTHON=/path/to/python3.11" >&2; exit 2; }
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/$(KIND).lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@
