# Two commands do everything on a fresh machine with Python 3.11, make and pip: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
DEMO_HOME ?= .demo
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1
# Two processes side by side; the tests of a file stay together, in their order.
PYTEST := $(BIN)/pytest -q -n 2 --dist loadfile

.PHONY: proto help demo demo-ask install install-test test check unit integration bench load evals soak docs clean

help:
	@echo "make demo     install, prepare the model, ingest the sample shop, and open it at http://127.0.0.1:8080"
	@echo "make demo-ask the same, but ask it questions here in the terminal"
	@echo "make test     install what the tests need, and pass them: check, unit, integration"
	@echo "make check    format, lint, types, imports, unit tests: some two minutes on two cores"
	@echo "make bench    figures and plots of docs/PERFORMANCE.md"
	@echo "make load     visitors and agents, a report in .load/ (LOAD_HOST and LOAD_KEY, LOAD_USERS, LOAD_AGENTS, LOAD_SECONDS)"
	@echo "make evals    the suites that come with the project"
	@echo "make soak     kills, restarts and power cuts under load, then an hour of damaged files (SOAK_SEED, SOAK_SECONDS, SOAK_CASES)"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python browser
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[test,check,plots]"
	touch $@ $(VENV)/.installed

# The widget is tested in the system's browser, its protocol client in Node.
.PHONY: browser
browser:
	@command -v chromium >/dev/null && command -v node >/dev/null || { apt-get update -qq && \
	    apt-get install -qq -y --no-install-recommends chromium fonts-noto-cjk nodejs >/dev/null; } || \
	    { echo "please install chromium, fonts-noto-cjk and nodejs"; exit 1; }

install: $(VENV)/.installed
install-test: $(VENV)/.installed-test

demo: install
	$(BIN)/kefu models prepare --home $(DEMO_HOME)
	$(BIN)/kefu ingest ingest/samples --kb shop --home $(DEMO_HOME)
	$(BIN)/kefu serve --demo shop --home $(DEMO_HOME)

demo-ask: install
	$(BIN)/kefu models prepare --home $(DEMO_HOME)
	$(BIN)/kefu ingest ingest/samples --kb shop --home $(DEMO_HOME)
	$(BIN)/kefu ask --kb shop --home $(DEMO_HOME)

test: check integration

check: install-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) -m "not integration and not e2e"

unit: install-test
	$(PYTEST) -m "not integration and not e2e"

integration: install-test
	$(PYTEST) -m "integration or e2e"

evals: install-test
	$(BIN)/kefu ingest ingest/samples --kb shop --home $(DEMO_HOME)
	$(BIN)/kefu eval answers --data evals/suites/shop --kb shop --home $(DEMO_HOME)
	$(BIN)/kefu eval dialogs --data evals/suites/shop --kb shop --home $(DEMO_HOME)

bench: install-test
	$(BIN)/python -m tests.bench

# locust works with gevent: it has an environment of its own, and kefu runs in ours.
.venv-load/.installed: tests/load/requirements.txt
	$(PYTHON) -m venv .venv-load
	.venv-load/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(DEMO_HOME)/.ingested: | install
	$(BIN)/kefu models prepare --home $(DEMO_HOME)
	$(BIN)/kefu ingest ingest/samples --kb shop --home $(DEMO_HOME)
	touch $@

load: .venv-load/.installed $(if $(LOAD_HOST),,$(DEMO_HOME)/.ingested)
	.venv-load/bin/python -m tests.load --users $(or $(LOAD_USERS),100) --seconds $(or $(LOAD_SECONDS),60) \
	    --agents $(or $(LOAD_AGENTS),$(if $(LOAD_HOST),0,10)) $(if $(LOAD_ADMIN),--admin $(LOAD_ADMIN)) \
	    --python $(BIN)/python --home $(DEMO_HOME) $(if $(LOAD_HOST),--host $(LOAD_HOST) --key $(LOAD_KEY))

soak: install-test
	KEFU_KILL_POINTS=50 $(BIN)/pytest -q tests/integration/test_publish_survives_kills.py
	$(BIN)/python -m tests.soak.power_cuts --appends 400 --seed $(or $(SOAK_SEED),1)
	$(BIN)/python -m tests.soak.kills --kills 200 --seed $(or $(SOAK_SEED),1)
	$(BIN)/python -m tests.soak.restarts --restarts 50 --seed $(or $(SOAK_SEED),1)
	$(BIN)/python -m tests.soak.conformance
	$(BIN)/python -m tests.soak.fuzz_frames --seconds $(or $(SOAK_SECONDS),3600) --seed $(or $(SOAK_SEED),1)
	$(BIN)/python -m tests.soak.handoffs --lives 100000 --seed $(or $(SOAK_SEED),1)
	$(BIN)/python -m tests.soak

proto: install-test  # writes server/wire/kefu_pb2.py anew
	$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. server/wire/kefu.proto

clean:
	rm -rf $(VENV) .venv-load .load $(DEMO_HOME) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
