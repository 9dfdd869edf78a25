# make demo   set everything up, run the main job, leave the site running
# make test   set everything up, run every check and every test
# make check  style, types, import contracts, templates, known vulnerabilities
# make fix    let the tools put right what they can
# make snapshots  write the committed API schema, catalog and certificate schema anew
# make messages   collect the texts of the pages for translation and compile the German ones
# make up     start the site on what make demo left behind
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
DEMO ?=

.PHONY: demo test check fix snapshots messages up system clean

demo: $(VENV)/.installed system
	$(BIN)/python manage.py demo $(DEMO)

test: $(VENV)/.installed system check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST)

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/djlint --check --quiet templates
	$(BIN)/python scripts/audit-dependencies

fix: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djlint --reformat --quiet templates || true

snapshots: $(VENV)/.installed
	PYTHONPATH=. $(BIN)/python scripts/catalog > platform/expunge/jobs/catalog.json
	$(BIN)/python manage.py spectacular --file docs/openapi.yaml
	$(BIN)/python scripts/certificate-schema

messages: $(VENV)/.installed
	PYTHON=$(BIN)/python scripts/messages

up: $(VENV)/.installed
	$(BIN)/python manage.py up

system:
	@scripts/system-packages

clean:
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache

$(VENV)/.installed: pyproject.toml constraints.txt
	command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	touch $@
