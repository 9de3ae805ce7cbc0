# Commands, each of which sets up everything it needs on a fresh machine:
#
#   make train    trains a dendritic network and says where the results lie
#   make quick    lint, types and unit tests, in under 90 seconds on two cores: the loop while you work
#   make test     everything that CI checks, in under ten minutes
#   make fuzz     feeds damaged and hostile inputs to every reader: up to 40 minutes
#   make bench    measures everything that the documentation claims of speed and memory: half an hour
#
# Settings: PYTHON (the interpreter to build .venv from), WORKERS (test processes), ARGS (more arguments for `make train`).

PYTHON  ?= python3
WORKERS ?= 2
ARGS    ?=

VENV := .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check

# The tests of the engine, which must also hold where neither optional part is there: no torch-scatter, no compiled kernel.
ENGINE_TESTS := tests/network/kernels/test_kernels.py tests/laws/test_laws.py tests/network/test_network.py tests/network/test_execution_plan.py
WITHOUT      := --without-torch-scatter --without-compiled

say = @printf '==> [%s] %s\n' "$$(date +%H:%M:%S)" "$(1)"

.PHONY: help setup train quick test fuzz lint docs bench gallery clean FORCE
.DELETE_ON_ERROR:

help:
	@echo 'make train   train dann-lrf on the digits data set'
	@echo 'make quick   lint, types and unit tests: under 90 seconds on two cores'
	@echo 'make test    lint, types and tests: all that CI checks'
	@echo 'make lint    the first part of it: ruff, mypy and the layers of the package'
	@echo 'make fuzz    damaged and hostile inputs, thousands of each kind: up to 40 minutes'
	@echo 'make docs    build the pages of docs/ into docs/_build; a warning is an error'
	@echo 'make bench   speed and memory against the other ways; half an hour on a quiet machine'
	@echo 'make gallery draw the figures of docs/gallery again (the trained ones need Fashion-MNIST)'
	@echo 'make setup   only set up .venv'
	@echo 'make clean   remove .venv and caches; keeps runs/'

train: setup
	$(call say,training dann-lrf on digits)
	$(BIN)/dendrograph train dann-lrf --data digits $(ARGS)

quick: lint
	$(call say,pytest of the units)
	$(BIN)/pytest -n $(WORKERS) -q -m 'not slow' --ignore=tests/system --ignore=tests/laws

test: lint docs
	$(call say,programs that tests open files with)
	bash .ci/install-programs
	@$(BIN)/python -c 'import matplotlib.font_manager' # its list of fonts is made once, and not in the midst of a test
	$(call say,pytest)
	$(BIN)/pytest -n $(WORKERS)
	$(call say,pytest of the engine as where neither optional part is there)
	$(BIN)/pytest -n $(WORKERS) $(WITHOUT) $(ENGINE_TESTS)
	$(call say,all checks passed)

fuzz: setup
	$(call say,pytest of all fuzzed inputs)
	$(BIN)/pytest -n $(WORKERS) --fuzz tests/laws/fuzz

lint: setup
	$(call say,ruff check)
	$(BIN)/ruff check
	$(call say,ruff format)
	$(BIN)/ruff format --check
	$(call say,mypy)
	$(BIN)/mypy
	$(call say,layers of the package)
	$(BIN)/lint-imports

docs: setup
	$(call say,pages of docs/)
	$(BIN)/python -m sphinx -W --keep-going -q -E -b html docs docs/_build/html
	$(call say,docs/_build/html/index.html)

bench: setup
	$(PIP) install -c constraints.txt --no-build-isolation -e '.[dev,bench]'
	$(BIN)/python benchmarks/suite.py

gallery: setup
	cd docs/gallery && for script in *.py; do ../../$(BIN)/python $$script || exit 1; done

clean:
	rm -f dendrograph/network/kernels/_native*.so
	rm -rf $(VENV) build dist docs/_build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Setting up. The stamps hold what was installed against the files that say what to install.

setup: $(VENV)/.torch-scatter

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("dendrograph needs Python 3.10 or newer: make PYTHON=..." if sys.version_info < (3, 10) else 0)'
	$(call say,creating $(VENV))
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt $(wildcard dendrograph/network/kernels/cpp/*) | $(BIN)/python
	$(call say,installing the libraries; PyTorch is a large download the first time)
	$(PIP) install --quiet -c constraints.txt pip setuptools wheel
	$(PIP) install -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

# CI takes no stamp's word for torch-scatter: there it is required.
$(VENV)/.torch-scatter: $(VENV)/.installed .ci/install-torch-scatter $(if $(filter true,$(CI)),FORCE)
	$(call say,torch-scatter)
	bash .ci/install-torch-scatter $(BIN)/python
	@touch $@

FORCE:
