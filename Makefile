# Everything a developer types. `make help` lists it. Needs make and Python 3.11 or newer, nothing else.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# The newest usable Python; an explicit `make PYTHON=… run` wins.
PYTHON := $(shell for name in python3.13 python3.12 python3.11 python3 python3.14; do \
	command -v $$name >/dev/null 2>&1 && $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
IN := $(VENV)/bin
# A stamp carries the checksum of its list: a changed list, or a new clone, installs anew; nothing else does.
RUNTIME := $(VENV)/runtime-$(shell cksum < requirements/runtime.txt | tr ' ' '-')
DEV := $(VENV)/dev-$(shell cksum < requirements/dev.txt | tr ' ' '-')
FUZZ := $(VENV)/fuzz-$(shell cksum < requirements/fuzz.txt | tr ' ' '-')
PIP := $(IN)/python -m pip --quiet --disable-pip-version-check install --no-input --progress-bar off --require-hashes

RUNS := 1000000

.PHONY: run test check lint format assets messages bench fuzz lock doctor e2e clean help

run: $(RUNTIME) ## start everything on this machine; Ctrl-C stops it
	@exec $(IN)/python -m mqconsole.local

test: $(DEV) ## every check and every test suite; says at the end what ran
	@$(IN)/python tests/run.py

check: $(DEV) ## the quick half of `make test`: style, types, layers, tidiness, unit tests
	@$(IN)/python tests/run.py format lint types layers tidy unit

e2e: $(DEV) ## only the browser tests
	@$(IN)/python tests/run.py e2e

lint: $(DEV) ## style, types, layers
	@$(IN)/python tests/run.py format lint types layers

format: $(DEV) ## rewrite the code in the house format
	@$(IN)/ruff check --fix --quiet . ; $(IN)/ruff format .

assets: ## build the style sheet and scripts of the console (needs Node; the result is committed)
	@npm install --no-save --silent --no-audit --no-fund
	@npm run --silent build

messages: $(DEV) ## collect and compile the translations (needs gettext)
	@$(IN)/python manage.py makemessages --locale zh_Hans --no-location --no-obsolete --ignore '.venv/*' --ignore 'node_modules/*' --ignore 'tests/*'
	@$(IN)/python manage.py compilemessages

bench: $(DEV) ## measure; results go to benchmarks/results
	@$(IN)/python -m benchmarks

fuzz: $(FUZZ) ## throw RUNS (1,000,000) inputs at each decoder and parser of what clients send
	@for target in bodies filters frames headers messages; do \
		echo "── $$target"; $(IN)/python -m tests.fuzz.$$target -runs=$(RUNS) -print_final_stats=1 || exit 1; done

doctor: $(RUNTIME) ## check the servers' settings and this machine
	@$(IN)/python manage.py doctor

lock: $(DEV) ## choose versions anew and write requirements/*.txt with hashes
	@for list in runtime dev fuzz; do \
		$(IN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
			--no-emit-index-url requirements/$$list.in --output-file requirements/$$list.txt || exit 1; done

clean: ## remove the virtual environment and caches; keeps the data in var
	rm -rf $(VENV) node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis staticfiles

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(RUNTIME):
	@$(MAKE) --no-print-directory environment
	@echo 'Installing what it needs to run (about a minute, once)…'
	@$(PIP) -r requirements/runtime.txt
	@rm -f $(VENV)/runtime-* && touch $@

$(DEV):
	@$(MAKE) --no-print-directory environment
	@echo 'Installing what its tests need (about two minutes, once)…'
	@$(PIP) -r requirements/dev.txt
	@rm -f $(VENV)/runtime-* $(VENV)/dev-* && touch $(RUNTIME) $@

$(FUZZ): $(DEV)
	@$(PIP) -r requirements/fuzz.txt
	@rm -f $(VENV)/fuzz-* && touch $@

.PHONY: environment
environment:
	@if [ -z '$(PYTHON)' ]; then echo 'mqconsole needs Python 3.11 or newer, and found none on the PATH.' >&2; exit 1; fi
	@if ! $(IN)/python -m pip --version >/dev/null 2>&1; then \
		rm -rf $(VENV); \
		$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
			echo 'Python could not make a virtual environment. On Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }; \
	fi
