# `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
DEVICE ?= cpu
WORKERS ?= 2
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1

.PHONY: help install repro test check current bench soak clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(BIN)/.installed-$(DEVICE)  ## make .venv with everything in it (DEVICE=cuda for an NVIDIA card)

$(BIN)/.installed-$(DEVICE): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python is %d.%d, expected 3.11 or newer: make PYTHON=python3.11" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(DEVICE),dev,engines]'
	rm -f $(BIN)/.installed-* && touch $@

repro: install  ## run the whole graph: from scores to trained, evaluated, quantized models
	dvc repro

test: install  ## run the tests
	pytest --numprocesses $(WORKERS)

check: install  ## lint and type-check
	ruff check
	ruff format --check
	mypy

current: install  ## check that dvc.lock is current; needs no data
	@state=$$(dvc repro --dry --allow-missing); echo "$$state"; grep -q 'Data and pipelines are up to date' <<<"$$state" || \
		{ echo 'dvc.lock is not current: run `make repro`, then commit dvc.lock and metrics with the change'; exit 1; }

bench: install  ## measure speed and memory as ratios, side by side
	python -m tests.bench_tokens
	python -m tests.bench_prose
	python -m tests.bench_train
	python -m tests.bench_masks
	python -m tests.bench_models metrics/speed.json
	python -m tests.bench_lofi

soak: install  ## kill training at 200 random moments; each time it must end with the same bytes
	REFRAIN_KILLS=200 pytest tests/lora/test_resume.py -k killed_at_random

clean:  ## remove the virtual environment and tool caches; data, models and the DVC cache stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
