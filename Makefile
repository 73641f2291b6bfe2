# `make up` brings up a cluster on local machines, `make test` runs the tests. What they need they install.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help up down status preview tools test e2e lint clean-cache

help: ## List what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## A real cluster on three local machines
	@$(PYTHON) -m local up

down: ## Delete the local machines; what was built stays
	@$(PYTHON) -m local down

status: ## Machines and nodes
	@$(PYTHON) -m local status

preview: ## What `make up` would change, line by line
	@$(PYTHON) -m local preview

tools: ## Install what is needed to run Pulumi and the tests
	@$(PYTHON) -m local tools

test: ## Unit and script tests: no root, no network once installed
	@$(PYTHON) -m local.toolchain
	@$(BIN)/pytest tests/unit tests/scripts

e2e: ## The real thing, on machines of its own; KUBERNETES=1.24.3 DEBIAN=11,12,13 choose another version and systems
	@$(PYTHON) -m local tools
	@KUBERNETES=$(KUBERNETES) DEBIAN=$(DEBIAN) $(BIN)/pytest tests/e2e --exitfirst

lint: ## Style, types, shell
	@$(PYTHON) -m local.toolchain
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/shellcheck --external-sources --source-path=scripts .ci/run $$(git ls-files "*.sh")
	@$(BIN)/shfmt --diff --indent 2 --case-indent .ci/run $$(git ls-files "*.sh")

clean-cache: ## Delete everything that was built or downloaded
	@$(PYTHON) -m local clean-cache
