.DEFAULT_GOAL := help
.PHONY: help setup demo demo-down test lint lock bench
PYTHON := .venv/bin/python
UV_COMPILE := uv pip compile --universal --generate-hashes --python-version 3.11

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Python packages into .venv, and the Pulumi engine
	@bin/setup

demo: ## A lab box, a small model, a served answer; all set-up included
	@bin/setup --need-lab
	@$(PYTHON) -m demo up

demo-down: ## Remove everything that the demo made
	@bin/setup
	@$(PYTHON) -m demo down

test: ## Set-up, lint and all the tests (ARGS="-n 2 --dist loadfile": two files at a time)
	@bin/setup --lab
	@bin/lint
	@$(PYTHON) -m pytest $(ARGS)

lint: ## Style, types and shell scripts
	@bin/setup
	@bin/lint

bench: ## Measure up, converge, sizing, transfers and the door beside others (ARGS="sizing --quick")
	@bin/setup --lab
	@$(PYTHON) -m bench $(ARGS)

lock: ## Resolve the lock files again (needs uv; ARGS=--upgrade for newer packages)
	$(UV_COMPILE) $(ARGS) --group dev --no-emit-package freehold pyproject.toml -o requirements.lock
	cd tools/go && $(UV_COMPILE) $(ARGS) requirements.in -o requirements.lock
	cd bench && $(UV_COMPILE) $(ARGS) requirements.in -o requirements.lock
