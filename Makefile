# `make up` brings up a cluster on local machines, `make test` runs the tests. What they need they install.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help up refresh unchanged down status preview public tools test sdk-versions crash-points any-input e2e ha power-cuts recovery add-ons lifecycle errors faults chaos lint lint-python lint-shell configuration picture site support release-notes \
	new-stack preview-comment drift repair snapshot recover restore \
	token kubeconfig images mirror bench bench-up bench-scale clean-cache

help: ## List what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## [CONTROL_PLANES=3]: a real cluster on three local machines; with three control planes, on five
	@$(PYTHON) -m local up $(call given,CONTROL_PLANES)

refresh: ## As `make up`, and what was deleted in the cluster by hand is made again
	@$(PYTHON) -m local refresh

unchanged: ## As `make up` again; fail where the update changes anything
	@$(PYTHON) -m local unchanged

down: ## Delete the local machines; what was built stays
	@$(PYTHON) -m local down

# A variable counts where it was given to make: USER and KUBECONFIG are in most shells' environments.
given = $(if $(filter command line,$(origin $(1))),$(2) "$($(1))")

# What a command cannot do without.
needed = "$(or $($(1)),$(error $(1)= is missing: make $@ $(1)=..., as `make help` lists it))"

status: ## Machines and nodes; with STACK=... [KUBECONFIG=file] what is wrong with that cluster, and what to do
ifdef STACK
	@$(PYTHON) -m local tools >&2
	@$(BIN)/python -m operations status $(call needed,STACK) $(call given,KUBECONFIG,--kubeconfig)
else
	@$(PYTHON) -m local status
endif

preview: ## [CONTROL_PLANES=3]: what `make up` would change, line by line
	@$(PYTHON) -m local preview $(call given,CONTROL_PLANES)

public: ## Fail where new local machines would not use the public sources and the published plugins
	@$(PYTHON) -m local public

tools: ## Install what is needed to run Pulumi and the tests
	@$(PYTHON) -m local tools

test: ## Unit and script tests: no root, no network once installed
	@$(PYTHON) -m local.toolchain
	@$(BIN)/pytest --numprocesses auto tests/unit tests/scripts tests/crash_points

sdk-versions: ## [ARGS=tests/unit/components]: the program's tests with the oldest and the newest SDKs of Pulumi that are accepted
	@$(PYTHON) -m local.toolchain.sdk_versions $(ARGS)

crash-points: ## STEP=init: each step ended, cut off or unanswered at each of its points, and its end compared; without STEP all of them
	@$(PYTHON) -m local.toolchain
	@$(BIN)/python -m tests.crash_points $(call given,STEP) $(ARGS)

any-input: ## 10,000 stacks, each file read by its own program; secrets, with a failure at each command; about two hours
	@$(PYTHON) -m local.toolchain
	@EXAMPLES=10000 $(BIN)/pytest tests/unit/components/test_rendered_files.py tests/scripts/test_secrets.py

# What has commands of its own: with all of it a cold run would take longer than an hour.
LIFECYCLE := $(patsubst %,tests/e2e/test_lifecycle/test_%.py,add_ons machines repair rotation security settings) \
	tests/e2e/test_tutorials.py

# Folders run side by side, of which one has machines. Two clusters at once took each other's time on two cores.
e2e: ## The real thing, on machines of its own; KUBERNETES=1.24.3 DEBIAN=11,12,13 choose another version and systems
	@$(PYTHON) -m local tools
	@KUBERNETES=$(KUBERNETES) DEBIAN=$(DEBIAN) $(BIN)/pytest --numprocesses 2 --dist loadscope --verbose --exitfirst \
		tests/provider tests/engine tests/e2e $(addprefix --ignore ,tests/e2e/test_common_errors.py $(LIFECYCLE))
ifeq ($(KUBERNETES)$(DEBIAN),)
	@$(BIN)/pytest tests/ha/test_growth.py --exitfirst
endif

ha: ## Several control planes: they come, change, die and leave, while requests are counted; about 35 minutes
	@$(PYTHON) -m local tools
	@$(BIN)/pytest tests/ha/test_changes.py tests/ha/test_external.py --exitfirst

power-cuts: ## Several control planes, whose machines lose their power while they join and while the endpoint gets a name; about 25 minutes
	@$(PYTHON) -m local tools
	@$(BIN)/pytest tests/ha/test_power_cuts.py --exitfirst

recovery: ## An etcd without its data, bundles, a power cut, a lost majority, lost clusters on other machines; about 35 minutes
	@$(PYTHON) -m local tools
	@$(BIN)/pytest tests/recovery --exitfirst

add-ons: ## Add-ons at work: figures, autoscaling, volumes, addresses, Headlamp, and a manifest and a chart of the stack; about 20 minutes
	@$(PYTHON) -m local tools
	@$(BIN)/pytest tests/add_ons --exitfirst

lifecycle: ## Add-ons, machines, settings, keys and passwords that change, encryption, audit, repairs, and the tutorials; about an hour
	@$(PYTHON) -m local tools
	@$(BIN)/pytest $(LIFECYCLE) --exitfirst

errors: ## The guide's common errors, each provoked on a cluster, named by `make status` and mended; about 20 minutes
	@$(PYTHON) -m local tools
	@$(BIN)/pytest tests/e2e/test_common_errors.py --exitfirst

faults: ## Interrupted runs, half-done machines and a frozen one, each brought to its end; about 55 minutes
	@$(PYTHON) -m local tools
	@$(BIN)/pytest tests/faults --exitfirst

chaos: ## [SEED=1] [MINUTES=10]: updates with an edit and a fault each by chance, on machines of its own
	@$(PYTHON) -m local tools
	@$(BIN)/python -m tests.chaos $(call given,SEED,--seed) $(call given,MINUTES,--minutes)

lint: ## Style, types, shell, documentation
	@$(PYTHON) -m local.toolchain
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint-python lint-shell

lint-python:
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/pytest --quiet tests/unit/test_structure.py tests/unit/test_documentation.py
	@$(BIN)/python -m operations configuration --check

lint-shell:
	@scripts=$$(git ls-files "*.sh") && $(BIN)/shellcheck --external-sources --source-path=scripts .ci/run $$scripts
	@scripts=$$(git ls-files "*.sh") && $(BIN)/shfmt --diff --indent 2 --case-indent .ci/run $$scripts

configuration: ## Write the pages of settings, commands, errors, hosts and versions and the editors' schema anew, from the code
	@$(PYTHON) -m local.toolchain
	@$(BIN)/python -m operations configuration

picture: ## LOG=.local/logs/pulumi-dev.log: draw the first update of a cluster in a log of local machines, for the README
	@$(PYTHON) -m local.recorded $(call needed,LOG)
	@$(MAKE) --no-print-directory configuration

site: ## The documentation as a site with search, in .local/site; a broken link ends the build
	@$(PYTHON) -m local site

support: ## Fail where the patches of the default Kubernetes version end within 60 days
	@$(PYTHON) -m local.toolchain
	@$(BIN)/python -m operations support

release-notes: ## TAG=v...: what the changelog says of a version; fail where tag, version and changelog differ
	@$(PYTHON) -m local.toolchain >&2
	@$(BIN)/python -m operations release-notes $(call needed,TAG)

new-stack: ## NAME=...: ask for the machines of a cluster, read their host keys, write Pulumi.NAME.yaml
	@$(PYTHON) -m local.toolchain
	@$(BIN)/python -m operations new-stack $(call needed,NAME)

preview-comment: ## STACK=...: a preview as the comment of a pull request; of `ci` from a fresh clone
	@$(PYTHON) -m local tools >&2
	@$(BIN)/python -m operations preview-comment $(call needed,STACK) $(if $(filter ci,$(STACK)),--empty-state) $(ARGS)

drift: ## STACK=...: where hosts are not as the last update left them, read-only
	@$(PYTHON) -m local tools >&2
	@$(BIN)/python -m operations drift $(call needed,STACK)

repair: ## STACK=... HOST=...: put a host back to what the last update left on it
	@$(PYTHON) -m local tools >&2
	@$(BIN)/python -m operations repair $(call needed,STACK) $(call needed,HOST)

snapshot: ## STACK=... [DIRECTORY=.]: save etcd now, and fetch the bundle where it is encrypted
	@$(PYTHON) -m local tools >&2
	@$(BIN)/python -m operations snapshot $(call needed,STACK) $(call given,DIRECTORY,--directory)

recover: ## STACK=... HOST=...: go on with one member of etcd, where the majority of the control planes is lost for good
	@$(PYTHON) -m local tools >&2
	@$(BIN)/python -m operations recover $(call needed,STACK) $(call needed,HOST)

restore: ## STACK=... BUNDLE=... [KEY=...]: the next update of a new stack begins with the cluster in the bundle
	@$(PYTHON) -m local tools >&2
	@$(BIN)/python -m operations restore $(call needed,STACK) $(call needed,BUNDLE) $(call given,KEY,--key)

bench: ## How long previews take as a stack grows
	@$(PYTHON) -m local tools >&2
	@$(BIN)/python -m tests.bench.preview

bench-up: ## [CONTROL_PLANES=3]: how long the first `pulumi up` takes, beside the same cluster made by hand; about 15 minutes, or 40
	@$(PYTHON) -m local tools >&2
	@$(BIN)/python -m tests.bench.first_up $(call given,CONTROL_PLANES,--control-planes)

bench-scale: ## What Pulumi itself takes for 10, 30 and 100 hosts, which are stand-ins; root; about 8 minutes
	@$(PYTHON) -m local tools >&2
	@$(BIN)/python -m tests.bench.scale $(ARGS)

token: ## STACK=... USER=reader [DURATION=1h]: a login token of a service account of the stack
	@$(PYTHON) -m local tools >&2
	@$(BIN)/python -m operations token $(call needed,STACK) $(or $(call given,USER),reader) $(call given,DURATION,--duration)

kubeconfig: ## STACK=... [USER=reader] [FILE=~/.kube/config] [DURATION=1h]: add a user to a kubeconfig
	@$(PYTHON) -m local tools >&2
	@$(BIN)/python -m operations kubeconfig $(call needed,STACK) $(call given,USER,--user) \
		$(call given,FILE,--file) $(call given,DURATION,--duration)

images: ## STACK=...: every image that the stack pulls, by registry and tag
	@$(PYTHON) -m local tools >&2
	@$(BIN)/python -m operations images $(call needed,STACK)

mirror: ## STACK=... TO=registry[/prefix]: copy these images, verified by digest; run again, it goes on
	@$(PYTHON) -m local tools >&2
	@$(BIN)/python -m operations mirror $(call needed,STACK) $(call needed,TO)

clean-cache: ## Delete everything that was built or downloaded
	@$(PYTHON) -m local clean-cache
