# `make demo` and `make test` do all the set-up they need on a fresh machine with Python 3.11+, pip, make and g++.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: setup model demo test check clean

setup: $(VENV)/.installed

# pip, not another installer: only pip is sure to find a CPU build of torch.
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[test]"
	touch $@

model: setup
	$(BIN)/python -m pipelines.filters.fetch_model

demo: model
	$(BIN)/python -m pipelines.commands.demo --out demo-run

test: model
	$(BIN)/python -m pytest -n auto --maxprocesses 4

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) demo-run demo-run-input runs .mypy_cache .ruff_cache .pytest_cache .hypothesis
