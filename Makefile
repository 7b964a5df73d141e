# Everything a fresh machine needs: make run, make test. Set PYTHON to choose an interpreter (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin
RUN := .venv/.installed
DEV := .venv/.installed-dev
BENCH := .venv/.installed-bench
SOURCES := $(wildcard initlab/native/*.[ch])
COMPILED := $(BIN)/python -m initlab.native

.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## */\t/' | expand -t 10

run: $(RUN)  ## the main job: build deep networks, measure every layer, show the table
	$(BIN)/initlab sweep configs/xavier_tanh.yaml --format table

test: $(DEV)  ## the whole test suite, on all processors
	@sh tests/install_browser.sh
	$(BIN)/pytest -n auto

lint: $(DEV)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(DEV)  ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(DEV)  ## the pictures of README and docs/, from the configs
	$(BIN)/python docs/pictures.py

bench: $(BENCH)  ## speed, as ratios measured side by side in one run; ONLY="grid seeds" for parts
	$(BIN)/python -m benchmarks $(ONLY)

torture: $(DEV)  ## 1,000 faults and kills at a system call, 200 kills, a million rows: a quarter of an hour
	INITLAB_FAULTS=1000 INITLAB_KILLS=200 INITLAB_ROWS=1000000 $(BIN)/pytest -n 0 tests/durability tests/sweep/engines -m slow

clean:  ## remove the environment and caches, keep results
	rm -rf .venv build *.egg-info initlab/native/*.so .pytest_cache .mypy_cache .ruff_cache .hypothesis

# (editable_mode=compat: else a folder named initlab hides the package from whoever stands beside it)
$(RUN): pyproject.toml constraints.txt $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -C editable_mode=compat -c constraints.txt -e '.[plot]'
	@$(COMPILED)
	touch $@

$(DEV): pyproject.toml constraints.txt $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -C editable_mode=compat -c constraints.txt -e '.[dev]'
	@$(COMPILED)
	touch $(RUN) $@

$(BENCH): pyproject.toml constraints.txt $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -C editable_mode=compat -c constraints.txt -e '.[dev,bench]'
	@$(COMPILED)
	touch $(RUN) $(DEV) $@

.PHONY: help run test lint format docs bench torture clean
