# `make demo` and `make test` do all the set-up they need on a fresh machine with Python 3.11+, pip, make and g++.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
QUICK_TESTS = tests/schemas tests/text tests/testkit tests/test_architecture.py tests/test_docs.py \
	$(addprefix tests/,filters/test_decide.py filters/test_limits.py filters/test_url.py scrub/test_national.py scrub/test_modes.py \
	dedup/test_clusters.py read/test_rows.py read/test_splits.py)
KERNEL_TESTS = tests/text tests/filters tests/scrub tests/tokenizer tests/schemas/test_buffers.py tests/dedup

.PHONY: setup model demo test quick bounds check clean

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

# The tests to run after every change, with fewer examples. The first time it also compiles kernels.
quick: setup
	$(BIN)/python -m pytest -n 2 --hypothesis-profile quick $(QUICK_TESTS)

# Kernels with bounds checks, in a cache of their own: an index outside an array raises IndexError.
bounds: model
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=$(CURDIR)/.numba-bounds $(BIN)/python -m pytest -n auto --maxprocesses 4 $(KERNEL_TESTS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .numba-bounds demo-run demo-run-input runs .mypy_cache .ruff_cache .pytest_cache .hypothesis
