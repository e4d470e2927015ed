# Every target sets itself up: the only prerequisites are make and python3-venv.
PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
DEMO   := $(VENV)/.demo-ready
DEV    := $(VENV)/.dev-ready
TOOL   := $(VENV)/conformance
# Tests wait for sockets as often as for the processor: one more than there are cores keeps all of them busy.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.DEFAULT_GOAL := help
.PHONY: help venv demo test unit soak sweep conformance interop check format generate bench docs clean

help:  ## Show the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/bin/python:
	@$(PYTHON) -m venv $(VENV)

$(DEMO): pyproject.toml | $(VENV)/bin/python
	@$(RUN) -m pip install --quiet -e '.[demo]'
	@touch $@

$(DEV): pyproject.toml | $(VENV)/bin/python
	@$(RUN) -m pip install --quiet -e '.[dev]'
	@touch $@ $(DEMO)

# In an environment of its own: schemathesis is a pytest plugin too, and would join every other run of pytest.
$(TOOL)/.ready: pyproject.toml | $(VENV)/bin/python
	@$(PYTHON) -m venv $(TOOL)
	@$(TOOL)/bin/python -m pip install --quiet -e '.[conformance]'
	@touch $@

venv: $(DEV)  ## Create .venv with everything that development needs.

demo: $(DEMO)  ## The main job against the embedded sandbox: no account, no network.
	@$(RUN) -m examples.demo

test: $(DEV)  ## All tests; coverage of all but those with very many steps.
	@$(RUN) -m pytest -n $(WORKERS) --dist worksteal -m "not heavy" --cov --cov-report=term:skip-covered --cov-fail-under=95
	@$(RUN) -m pytest -n $(WORKERS) --dist worksteal -m heavy -q

unit: $(DEV)  ## The unit tests only.
	@$(RUN) -m pytest -n $(WORKERS) tests/unit -q

soak: $(DEV)  ## Ten hours of a bot in a bad network, an outage of eight, 20 000 subscriptions: in minutes.
	@$(RUN) -m tests.soak.run

sweep: $(DEV)  ## Cut, cancel and kill at every byte, await and step: in minutes.
	@$(RUN) -m tests.sweeps.run

conformance: $(DEV) $(TOOL)/.ready  ## Judge from outside: AsyncAPI's own schema our document, schemathesis the running sandbox.
	@$(RUN) -m tests.conformance.asyncapi
	@$(RUN) -m tests.conformance.run $(TOOL)/bin/schemathesis

interop: $(DEV)  ## Let another author's client, from npm, work against a running sandbox.
	@$(RUN) -m tests.interop.run

check: $(DEV)  ## Lint, types, generated code is fresh, import order.
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@$(RUN) -m mypy --strict tests/typing
	@$(RUN) -m tests.support.doc_types
	@$(RUN) -m pyright
	@$(RUN) -m codegen check
	@$(RUN) -m pytest -q tests/unit/test_rooms.py

format: $(DEV)  ## Format the code and fix what ruff can fix.
	@$(RUN) -m ruff check --fix-only --quiet .
	@$(RUN) -m ruff format .

generate: $(DEV)  ## Write models, operations and exported documents from openapi/.
	@$(RUN) -m codegen write

bench: $(DEV)  ## Measure: ratios within one run, never a gate.
	@MALLOC_MMAP_THRESHOLD_=4194304 MALLOC_TRIM_THRESHOLD_=67108864 $(RUN) -m benchmarks

docs: | $(VENV)/bin/python  ## Build the documentation site into site/.
	@$(RUN) -m pip install --quiet -e '.[docs]'
	@$(RUN) -m mkdocs build --strict

clean:  ## Remove everything that is made here.
	@rm -rf $(VENV) build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
