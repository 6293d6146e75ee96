# Everything here works in a fresh clone with python3 (3.11 or newer, with venv), make and curl.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUPPLY := .build/supply
SYSTEM_TESTS := flow browser observability faults
# Tests wait about half of their time, so six processes run them on two cores: three for those that
# start whole systems, and three workers for all others. tests/architecture is a part of `make check`.
WORKERS ?= 3
# Its rewritten assertions are kept, whatever the environment says: each worker loads all tests.
PYTEST := PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -m "not long"

.DEFAULT_GOAL := help
.PHONY: test-flow test-browser test-faults test-parts compiled-tests programs hosts-test patroni-test manifests simulate help run stop service owner rebuild rebuild-search test check fix docs postman load load-web search soak small-soak bench bench-full change-cost shard-bench python-bench call-bench ramp cache-bench promises faults doctor restart rotate-keys upgrade-database top logs bundle status backup restore move-files nightly compose-test page-bench pictures audit sbom locks licences flood file-flood

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp  ## start everything, print the address; Ctrl-C stops it
	@$(BIN)/python -m fleet

stop: $(VENV)/run.stamp  ## stop the Hubbub that runs here, and wait until it is gone
	@$(BIN)/python -m fleet stop

rebuild: $(VENV)/run.stamp  ## derive edits, reactions and deletions from the event log again
	@$(BIN)/python -m fleet rebuild messages

rebuild-search: $(VENV)/run.stamp  ## build the search index again from the event log
	@$(BIN)/python -m fleet rebuild search

service: $(VENV)/run.stamp  ## write a systemd unit that runs this Hubbub, and say how to install it
	@mkdir -p .build && $(BIN)/python -m fleet unit >.build/hubbub.service
	@rm -f .build/hubbub.env; umask 077; \
		$(BIN)/python -m fleet unit --environment >.build/hubbub.env
	@echo "Written to .build/hubbub.service. To start it now and with the machine:"
	@if [ -s .build/hubbub.env ]; then \
		echo "sudo install -m 600 .build/hubbub.env /etc/hubbub.env && rm .build/hubbub.env"; \
		else rm .build/hubbub.env; fi
	@echo "sudo cp .build/hubbub.service /etc/systemd/system/ && sudo systemctl enable hubbub &&" \
		"sudo systemctl restart hubbub"

owner: $(VENV)/run.stamp  ## make an account an owner of the running instance: NAME=ann
	@$(BIN)/python -m fleet owner "$(NAME)"

test:  ## check the code, then test everything
	@$(MAKE) -s -j 2 --output-sync $(VENV)/dev.stamp programs
	@$(MAKE) -s -j 3 --output-sync check postman compiled-tests
	@$(MAKE) -s -j 4 --output-sync test-browser test-flow test-faults test-parts

test-flow: $(VENV)/dev.stamp  ## only tests/flow, on whole systems
	@$(PYTEST) tests/flow

test-browser: $(VENV)/dev.stamp  ## only tests/browser, the page in Chromium
	@$(PYTEST) tests/browser

test-faults: $(VENV)/dev.stamp  ## only tests/observability and the short storms of tests/faults
	@$(PYTEST) tests/observability
	@$(PYTEST) tests/faults

test-parts: $(VENV)/dev.stamp  ## only what starts no whole system
	@PYTHONASYNCIODEBUG=1 $(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder \
		$(SYSTEM_TESTS:%=--ignore=tests/%) --ignore=tests/architecture tests

compiled-tests: $(VENV)/dev.stamp  ## compile all tests, so that the workers need not each do it
	@mkdir -p .build; $(PYTEST) -qq --collect-only tests >.build/tests.log || \
		{ cat .build/tests.log; exit 1; }

programs:  ## install Chromium and Prometheus where the machine has none
	@.ci/chromium
	@.ci/prometheus

check: $(VENV)/dev.stamp  ## linters, types, import rules, layout
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@if [ -d tests/architecture ]; then $(BIN)/python -m pytest -q tests/architecture; fi

fix: $(VENV)/dev.stamp  ## format the code and fix what ruff can fix
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(VENV)/dev.stamp  ## generate the reference in docs/ from the code
	@$(BIN)/python -m docs.reference
	@$(BIN)/python -m docs.reference.schema

postman: $(VENV)/dev.stamp  ## run the Postman collection on a system of its own, or on the one AT=URL
	@.ci/npx newman
	@run=".ci/npx newman run docs/hubbub.postman_collection.json"; \
		if [ -n "$(AT)" ]; then $$run --env-var "baseUrl=$(AT)"; \
		else $(BIN)/python -m loadtest.system $$run --env-var "baseUrl={origin}"; fi

load: $(VENV)/dev.stamp  ## run simulated users against a running system; count failures, losses and repeats
	@$(BIN)/locust --headless --only-summary -f loadtest/locustfile.py \
		--host "http://127.0.0.1:$${HUBBUB_PORT:-8000}" -u "$${PEOPLE:-50}" -r 10 -t "$${DURATION:-30}s"

load-web: $(VENV)/dev.stamp  ## `make load` with several load processes, controlled from locust's page
	@$(BIN)/locust -f loadtest/locustfile.py --processes "$${PROCESSES:-2}" \
		--host "http://127.0.0.1:$${HUBBUB_PORT:-8000}" \
		--web-host 127.0.0.1 --web-port "$${WEB_PORT:-8089}"

search: $(VENV)/dev.stamp  ## find how many users a fresh system sustains: make search [MINUTES=5] [START=100] [PEOPLE=…]
	@$(BIN)/python -m loadtest.search $${MINUTES:+--minutes $$MINUTES} $${START:+--start $$START} \
		$${PEOPLE:+--people $$PEOPLE}

soak: $(VENV)/dev.stamp  ## check for leaks while users come and go: make soak [MINUTES=5]
	@$(BIN)/python -m loadtest.soak $${MINUTES:+--minutes $$MINUTES}

small-soak: $(VENV)/dev.stamp  ## 50 users on HUBBUB_SIZE=small in 512 MB (root): make small-soak [MINUTES=10]
	@$(BIN)/python -m loadtest.small $${MINUTES:+--minutes $$MINUTES}

flood: $(VENV)/dev.stamp  ## measure what a flood of log-ins costs other users, on a fresh system
	@$(BIN)/python -m loadtest.flood

file-flood: $(VENV)/dev.stamp  ## measure what uploads and downloads cost other users, on a fresh system
	@$(BIN)/python -m loadtest.file_flood

ramp: $(VENV)/dev.stamp  ## load a fresh system until it scales up, then down again
	@$(BIN)/python -m loadtest.ramp

cache-bench: $(VENV)/dev.stamp  ## measure what the cache saves, and what the death of its nodes costs
	@$(BIN)/python -m loadtest.cache_bench

promises: $(VENV)/dev.stamp  ## run tests with the promised times, on an idle machine
	@HUBBUB_AT_REST=1 $(PYTEST) $$(grep -l "tests.fixtures.busy import" -r tests --include='test_*.py' | sort)

faults: $(VENV)/dev.stamp  ## kill, hang and disconnect every part under load, and judge the recorded histories
	@.ci/neighbours
	@.ci/patroni
	@rm -rf .build/faults
	@$(BIN)/python -m pytest -p no:randomly --timeout 300 tests/faults tests/unit/faults \
		tests/flow/test_scaling.py tests/flow/test_balancer.py tests/flow/test_operations.py \
		tests/contract/fleet \
		tests/observability/test_alertmanager.py tests/observability/test_accidents.py \
		tests/unit/fleet/test_upgrade.py tests/simulation/test_power.py; \
		code=$$?; $(BIN)/python -m tests.faults.results && exit $$code

simulate: $(VENV)/dev.stamp  ## run the product on a simulated network: make simulate [SEEDS=10000] [FIRST=n] [SEED=n]
	@$(BIN)/python -m simulation $${SEEDS:+--seeds $$SEEDS} $${FIRST:+--first $$FIRST} \
		$${SEED:+--seed $$SEED}

pictures: $(VENV)/dev.stamp  ## take the pictures of the page and of the dashboards again
	@.ci/chromium
	@.ci/prometheus
	@$(BIN)/python -m tests.browser.pictures
	@$(BIN)/python -m tests.observability.pictures

page-bench: $(VENV)/dev.stamp  ## measure the first view of the page, also on a slow network
	@.ci/chromium
	@$(BIN)/python -m tests.browser.bench

bench: $(VENV)/dev.stamp  ## compare speed with other servers, and a ramp; writes docs/benchmarks.md: make bench [PARTS=reads,…]
	@$(BIN)/python -m loadtest.bench $${PARTS:+--only $$PARTS}; code=$$?; [ -n "$$PARTS" ] || \
		{ $(BIN)/python -m loadtest.ramp && $(BIN)/python -m loadtest.shards; } && exit $$code

call-bench: $(VENV)/dev.stamp  ## compare our HTTP client and server with pyreqwest and uvicorn
	@$(BIN)/python -m loadtest.call_bench

shard-bench: $(VENV)/dev.stamp  ## measure how many events one, two and three shards of Valkey carry
	@$(BIN)/python -m loadtest.shards

# Each in its own environment; `+jit` enables the JIT compiler of Python 3.14 and newer.
python-bench: $(VENV)/dev.stamp  ## measure Hubbub on several Pythons: PYTHONS="python3.11 python3.14+jit"
	@for python in $(sort $(PYTHONS:+jit=)); do \
		$(MAKE) -s PYTHON=$$python VENV=.build/pythons/$${python##*/} \
			.build/pythons/$${python##*/}/run.stamp || exit; done
	@$(BIN)/python -m loadtest.pythons $(foreach python,$(PYTHONS),\
		.build/pythons/$(notdir $(python:+jit=))/bin/python$(if $(filter %+jit,$(python)),+jit))

change-cost: $(VENV)/dev.stamp  ## measure what creating a chat costs over two databases, compared with one
	@$(BIN)/python -m loadtest.change_cost

bench-full: $(VENV)/dev.stamp  ## `make bench` with every case and every server (an hour)
	@$(BIN)/python -m loadtest.bench --full

doctor: $(VENV)/run.stamp  ## diagnose the system that runs here
	@$(BIN)/python -m ops doctor

rotate-keys: $(VENV)/run.stamp  ## sign tokens with a new key; REVOKE=yes also removes all others at once
	@$(BIN)/python -m fleet keys $(or $(patsubst yes,revoke,$(patsubst no,rotate,$(REVOKE))),rotate)

restart: $(VENV)/run.stamp  ## replace every service process of the system that runs here, one by one
	@$(BIN)/python -m fleet restart

status: $(VENV)/run.stamp  ## list the processes of the system that runs here
	@$(BIN)/python -m ops status

top: $(VENV)/run.stamp  ## one live screen of flow, latency, replicas, circuits, drops
	@$(BIN)/python -m ops top

logs: $(VENV)/run.stamp  ## logs of one request or of one process: make logs TRACE=ID, OF=edge-1
	@$(BIN)/python -m ops logs "$(TRACE)$(OF)"

bundle: $(VENV)/run.stamp  ## collect logs, configuration and metrics for a bug report, without secrets
	@$(BIN)/python -m ops bundle $${TO:+"$$TO"}

backup: $(VENV)/run.stamp  ## write all data to a file: make backup [TO=FILE]
	@$(BIN)/python -m fleet backup $${TO:+"$$TO"}

upgrade-database: $(VENV)/run.stamp  ## move the data of an older PostgreSQL into the installed one
	@$(BIN)/python -m fleet upgrade-database $${OLD:+--old "$$OLD"}

restore: $(VENV)/run.stamp  ## put a backup into a stopped system: make restore FROM=FILE
	@$(BIN)/python -m fleet restore $${FROM:+"$$FROM"}

move-files: $(VENV)/run.stamp  ## move the bytes of files to another store: FROM=URL TO=URL
	@$(BIN)/python -m fleet move-files "$$FROM" "$$TO"

hosts-test: $(VENV)/dev.stamp  ## three hosts in network namespaces, killed, cut off, slow, restarted (root, 20 min)
	@.ci/keepalived
	@.ci/hosts
	@$(BIN)/python -m pytest -p no:randomly --timeout 900 tests/hosts tests/faults/test_point_in_time.py; \
		code=$$?; $(BIN)/python -m tests.faults.results hosts && exit $$code

patroni-test: $(VENV)/dev.stamp  ## Hubbub on PostgreSQL with Patroni and etcd, which lose their primary (3 min)
	@.ci/patroni
	@$(BIN)/python -m pytest -p no:randomly --timeout 500 tests/faults/test_patroni.py

manifests: $(VENV)/dev.stamp  ## check deploy/kubernetes with kustomize and the schemas of Kubernetes
	@.ci/kubernetes
	@$(BIN)/python -m pytest -p no:randomly tests/unit/deploy/test_kubernetes.py

nightly: $(VENV)/dev.stamp  ## run the tests that are too long for every change: make nightly [PARTS=soak]
	@$(BIN)/python -m tests.nightly $(PARTS)

compose-test: $(VENV)/dev.stamp  ## start docker-compose.yml, break it, stop it (Docker, half an hour)
	@HUBBUB_COMPOSE_TEST=1 $(BIN)/python -m pytest tests/compose --timeout 600

# The lock alone decides what is installed: pip checks every hash and installs nothing else. The
# stamp is written last, so an interrupted set-up starts over.
$(VENV)/run.stamp: deploy/locks/run.txt | $(BIN)/pip
	@echo "Installing what Hubbub runs on; this takes a moment." >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

# The load tests use the client library of this checkout.
$(VENV)/client.stamp: | $(VENV)/run.stamp
	@$(BIN)/python -c 'import pathlib, sysconfig; \
		pathlib.Path(sysconfig.get_path("purelib"), "hubbub_client.pth").write_text( \
		str(pathlib.Path("clients/python").resolve()))'
	@touch $@

$(VENV)/dev.stamp: deploy/locks/dev.txt $(VENV)/run.stamp | $(VENV)/client.stamp
	@echo "Installing what its tests need; this takes a moment." >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

locks: $(VENV)/dev.stamp  ## compile deploy/locks from pyproject.toml: make locks [UPGRADE=package]
	@$(BIN)/python -m deploy.compile_locks $${UPGRADE:+--upgrade-package $$UPGRADE}

audit: $(SUPPLY)/supply.stamp  ## look for known vulnerabilities in everything that is locked
	@for lock in run dev supply node proxies kubernetes patroni; do \
		$(SUPPLY)/bin/pip-audit --progress-spinner off --require-hashes --disable-pip \
			-r deploy/locks/$$lock.txt || failed=1; done; exit $${failed:-0}

sbom: $(SUPPLY)/supply.stamp  ## write .build/sbom.json: what runs, as CycloneDX
	@$(SUPPLY)/bin/cyclonedx-py requirements --output-reproducible \
		--output-file .build/sbom.json deploy/locks/run.txt
	@echo "wrote .build/sbom.json"

licences: $(VENV)/dev.stamp  ## write docs/licences.md
	@$(BIN)/python -m deploy.licences

# The tools that audit the dependencies are not among them.
$(SUPPLY)/supply.stamp: deploy/locks/supply.txt
	@echo "Installing what audits; this takes a moment." >&2
	@mkdir -p .build && $(PYTHON) -m venv $(SUPPLY)
	@$(SUPPLY)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Hubbub needs Python 3.11 or newer; say which with: make PYTHON=python3.x" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Python cannot make a virtual environment. On Debian or Ubuntu:" \
			"apt-get install python3-venv" >&2; exit 1; }
