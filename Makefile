# Every target makes its own environment first; the second time that costs nothing.
VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: properties test verify check clean
.DEFAULT_GOAL := properties

properties: $(STAMP)  ## Decide every property of the default models
	$(BIN)/pytest properties/ -n 4 --alluredir=reports/allure-results --clean-alluredir

test: $(STAMP)  ## Our own tests
	$(BIN)/pytest tests/ -n 2 -q

verify: $(STAMP)  ## Measure the minis again and compare with their model cards
	$(BIN)/ipllvm mini verify

check: $(STAMP)  ## Lint, format, types, layers, tests
	PATH="$(abspath $(BIN)):$$PATH" ci/check

# The constraints pin every version; without them torch alone would pull gigabytes of CUDA.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ipllvm-spec needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

clean:  ## Remove the environment and all outputs
	rm -rf $(VENV) reports/cells.sqlite* reports/records* reports/allure-results .pytest_cache
