# Everything below needs only Python 3.11 and a package registry: no root, no apt. `make` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3.11
BIN := .venv/bin
KIND := $(if $(GPU),gpu,cpu)
READY := .venv/ready-$(KIND)
CORES ?= $(shell nproc)
# How tests share the cores. Those of one file may need the same scheduler or the same trained network: they stay together.
SHARED_unit := -n $(CORES)
SHARED_fuzz := -n $(CORES) --dist loadfile
SHARED_tf := -n 2 --dist loadfile
SHARED_workflow := -n $(CORES)
SHARED_cluster := -n 2 --dist loadfile

.PHONY: help env demo demo-lsf test fuzz freeze check-gpu-env lint format loso reproduce lock check-lock schema

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1: \2/p' Makefile

env: $(READY) ## create .venv from the lock (GPU=1: for V100 and newer)

# A changed lock makes a new environment; a changed pyproject.toml only links the package again.
.venv/packages-$(KIND): envs/$(KIND).lock
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found: install Python 3.11, or name one: make env PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "installing the packages of envs/$(KIND).lock into .venv: a few minutes, once"
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --require-hashes -r envs/$(KIND).lock
	@touch $@

$(READY): .venv/packages-$(KIND) pyproject.toml executor/pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . --editable ./executor
	@touch $@

demo: $(READY) ## the whole chain on generated recordings, about ten minutes on two cores
	$(BIN)/snakemake --cores $(CORES)

demo-lsf: export PATH := $(CURDIR)/tests/cluster/lsf/bin:$(PATH)
demo-lsf: export FAKE_LSF := $(CURDIR)/build/demo-lsf/cluster
demo-lsf: $(READY) ## the demo as on a cluster, through a fake LSF in build/demo-lsf: bsub, bjobs, logs, nothing real
	test -e "$(FAKE_LSF)" || PYTHONPATH=tests/cluster/lsf python3 -m fakelsf create "$(FAKE_LSF)"
	@# Its nodes have no GPU, and what asks for one is refused without.
	$(BIN)/snakemake --profile lsf --jobs $(CORES) --seconds-between-status-checks 1 --directory build/demo-lsf \
	  --set-resources train:gpu=0 evaluate:gpu=0

test: $(addprefix test-,unit fuzz tf workflow cluster gpu) ## all tests, one run a tier; what this machine lacks is skipped visibly

test-unit: ## tests without TensorFlow, in seconds

test-gpu: ## tests on a real GPU, about eight minutes; skipped without one

test-%: $(READY)
	@if compgen -G 'tests/$*/test_*.py' >/dev/null; then \
	  echo "== tests/$*"; \
	  OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q $(SHARED_$*) tests/$*; \
	fi

fuzz: $(READY) ## damage every kind of file in thousands of ways, and count what readers make of it: make fuzz [CASES=1000] [SEED=1]
	OMP_NUM_THREADS=1 GESTURE_FUZZ=$(or $(CASES),1000) GESTURE_FUZZ_SEED=$(or $(SEED),1) \
	  $(BIN)/python -m pytest -q --show-capture=no tests/fuzz

freeze: $(READY) ## write tests/frozen/values anew, where results are meant to change: make freeze [ONLY="rates or digests"]
	GESTURE_FREEZE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q $(if $(ONLY),-k "$(ONLY)") \
	  tests/unit/test_frozen.py tests/unit/test_recipes.py tests/tf/test_frozen_networks.py
	git diff --stat tests/frozen/values

check-gpu-env: $(READY) ## without a GPU: does the environment of envs/gpu.lock find every kind of card, and has it code for it?
	$(BIN)/python tests/gpu_env/check.py
	$(BIN)/python -m pytest -q -n $(CORES) tests/gpu_env

lint: export PATH := $(CURDIR)/$(BIN):$(PATH)
lint: $(READY) ## style, types, workflow, generated files
	ruff check
	ruff format --check
	snakefmt --check Snakefile workflow
	mypy
	mypy workflow/generate.py workflow/loso.py
	mypy executor/snakemake_executor_plugin_lsf_steady
	snakemake --lint
	python workflow/generate.py --check

format: export PATH := $(CURDIR)/$(BIN):$(PATH)
format: $(READY) ## rewrite Python and Snakemake files in the common style
	ruff check --fix
	ruff format
	snakefmt Snakefile workflow

loso: $(READY) ## leave each training subject out in turn: make loso CONFIG=config/utd-mhad.yaml [DATA=/path/to/folder]
	@test -n "$(CONFIG)" || { echo "make: say which experiment: make loso CONFIG=config/utd-mhad.yaml" >&2; exit 2; }
	$(BIN)/python workflow/loso.py "$(CONFIG)" --cores $(CORES) $(if $(DATA),--data "$(DATA)")

reproduce: $(READY) ## run an experiment again and compare digests: make reproduce MANIFEST=results/demo/submission.json [IN=/new/folder] [DATA=/path/to/folder]
	@test -n "$(MANIFEST)" || { echo "make: say what: make reproduce MANIFEST=results/demo/submission.json" >&2; exit 2; }
	$(BIN)/gesture reproduce "$(MANIFEST)" --output "$(or $(IN),build/reproduced)" --cores $(CORES) $(if $(DATA),--data "$(DATA)")

prove: $(READY) ## kill training and heads after every step and at random points, compare every byte: hours
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/prove.py
	$(BIN)/python benchmarks/prove_lsf.py

schema: $(READY) ## write the files that follow from others: schema, key tables, conda environments
	$(BIN)/python workflow/generate.py

UV := build/lock/bin/uv

$(UV):
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv

lock: $(UV) ## choose new versions for both environments, with hashes
	for kind in cpu gpu; do \
	  $(UV) pip compile --quiet --upgrade --python-version 3.11 --extra dev --extra $$kind \
	    --generate-hashes --no-annotate --no-header --output-file envs/$$kind.lock pyproject.toml; \
	done
	$(MAKE) schema

check-lock: $(UV) ## see that both environments can be had: asks for metadata only, installs nothing, seconds
	@for kind in cpu gpu; do \
	  $(UV) pip install --quiet --dry-run --require-hashes --python build/lock/bin/python -r envs/$$kind.lock; \
	  echo "envs/$$kind.lock: every package is there, and they fit each other"; \
	done
