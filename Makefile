# Everything that is built, fetched or written by these targets lands in target/.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

export CARGO_TARGET_DIR := $(CURDIR)/target
export PORT ?= 6379
export BASE_PORT ?= 7000
export SERVER ?=

# A build by CI must be the one that Cargo.lock describes.
LOCKED := $(if $(CI),--locked)
VENV := target/venv
BENCH_HTTP_VENV := target/bench-http/venv
PYTHON_OLDEST_VENV := target/venv-oldest
PYTHON_SOURCES := tests scripts bench cli/suite clients/conformance packaging/python
# How long make soak goes on, in seconds.
DURATION ?= 180
# Extra words for pytest: make test-server ARGS='-k digest -x'
ARGS ?=
OLDEST_PYTHON ?=
SERVERS ?=

.PHONY: help setup build run cluster test lint format test-core test-module test-server test-deb servers soak bench
.PHONY: bench-http install uninstall deb clean lint-rust test-rust test-crate example-rust lint-python test-python example-python
.PHONY: lint-node test-node example-node test-examples version packages wheel lint-packaging test-python-oldest newest-python newest-rust newest-node bindings test-bindings
.PHONY: cli pages test-cli prometheus example-replay
.PHONY: dist test-dist test-dist-own wheels

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

setup: $(VENV)/.ready ## install what is missing: compiler, redis-server, test tools
	@scripts/setup.sh build rust-tools server

build: ## build target/release/libredis_rl.so
	@scripts/setup.sh build
	cargo build --release $(LOCKED) -p redis-rl-module

# Optimizing it as a whole, as the module is, takes minutes and wins nothing that is noticed.
CLI_CARGO := CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 cargo

cli: ## build target/release/redis-rl, the operator's tool
	@scripts/setup.sh build
	$(CLI_CARGO) build --release $(LOCKED) -p redis-rl-cli

example-replay: cli $(VENV)/.ready ## replay a day of a shop against three limits, and make the page of it
	@$(VENV)/bin/python scripts/sample_log.py target/example/shop.log
	target/release/redis-rl replay target/example/shop.log --top 6 --suggest 0.1% \
	    --limit '60/minute' --limit 'sliding 600/hour' --limit 'token 2/second burst 40' \
	    --html target/example/shop.html
	@echo "The same as a page: target/example/shop.html"

run: build ## start a redis-server with the module on PORT (6379), or the one named by SERVER
	@scripts/run.sh

cluster: build ## start a cluster of six nodes with the module on BASE_PORT (7000) and up; SERVER as for run
	@scripts/cluster.sh

test: lint test-core test-module test-server test-cli test-deb test-dist-own test-rust test-crate test-python test-node test-examples ## run everything

lint: $(VENV)/.ready lint-rust lint-python lint-node lint-packaging ## check format, lints and types
	@scripts/setup.sh build rust-tools
	cargo fmt --all --check
	cargo fmt --manifest-path bench/http/rust/Cargo.toml --check
	cargo clippy --workspace --all-targets $(LOCKED) -- -D warnings
	$(VENV)/bin/python scripts/rooms.py core/src
	$(VENV)/bin/python scripts/rooms.py cli/src generate live replay args words style failure
	$(VENV)/bin/python scripts/rooms.py src commands state policies words metrics settings server
	$(VENV)/bin/python scripts/rooms.py src/commands registration consuming peek top policy apply rights steps
	$(VENV)/bin/ruff check --config tests/ruff.toml $(PYTHON_SOURCES)
	$(VENV)/bin/ruff format --check --config tests/ruff.toml $(PYTHON_SOURCES)
	$(VENV)/bin/mypy --config-file tests/mypy.ini $(PYTHON_SOURCES)

# What no compiler sees. actionlint hands the workflows' scripts to shellcheck, which it looks for in the PATH.
lint-packaging: $(VENV)/.ready
	$(VENV)/bin/shellcheck -x .ci/run scripts/*.sh packaging/debian/* packaging/docker/*.sh
	PATH=$(CURDIR)/$(VENV)/bin:$$PATH $(VENV)/bin/actionlint
	$(VENV)/bin/hadolint packaging/docker/*Dockerfile
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.compose-spec packaging/docker/compose.yaml
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(VENV)/bin/kubernetes-validate --strict --quiet packaging/kubernetes/*.yaml

format: $(VENV)/.ready ## rewrite the sources in the agreed format
	@scripts/setup.sh rust-tools
	cargo fmt --all
	cargo fmt --manifest-path bench/http/rust/Cargo.toml
	$(VENV)/bin/ruff check --fix --config tests/ruff.toml $(PYTHON_SOURCES)
	$(VENV)/bin/ruff format --config tests/ruff.toml $(PYTHON_SOURCES)

bindings: ## write the bindings to the server's module API anew, from Redis's header; needs libclang
	@scripts/setup.sh build bindings rust-tools python
	@python3 scripts/bindings.py

test-bindings: ## compare the bindings with the headers of all servers; needs libclang
	@scripts/setup.sh build bindings rust-tools python
	@python3 scripts/bindings.py --check

# What make dist builds, and for which machines: all that scripts/dist.py knows, unless some are named.
MACHINES ?= x86_64-gnu aarch64-gnu x86_64-musl aarch64-musl x86_64-tool aarch64-tool
PROCESSOR := $(shell uname -m)
FOREIGN = $(filter-out $(PROCESSOR)-gnu $(PROCESSOR)-tool,$(MACHINES))

dist: ## build the module and the tool for other machines into target/dist/; MACHINES=aarch64-gnu for some of them
	@scripts/setup.sh build python
	@python3 scripts/dist.py $(MACHINES)

test-dist: dist servers ## load what make dist builds, on real servers and under qemu
	@$(if $(FOREIGN),scripts/setup.sh foreign)
	@python3 scripts/foreign_servers.py $(MACHINES)
	RL_DIST='$(MACHINES)' $(VENV)/bin/pytest -c tests/pytest.ini tests/release/test_dist.py tests/release/test_dist_tool.py \
	    tests/release/test_first_minute_prebuilt.py $(ARGS)

# What make test has time for: the file that most people will load.
test-dist-own:
	@$(MAKE) --no-print-directory test-dist MACHINES=$(PROCESSOR)-gnu

test-core: ## test the decisions (core/), without any server
	@scripts/setup.sh build
	cargo test $(LOCKED) -p rl-core
	cargo test $(LOCKED) -p rl-core --benches

test-module: ## unit-test the module (src/), without any server
	@scripts/setup.sh build
	cargo test $(LOCKED) -p redis-rl-module

test-cli: build cli servers prometheus ## test the operator's tool on logs, against real servers and in a browser; ARGS='-k word' picks tests
	@scripts/setup.sh browser terminal
	$(CLI_CARGO) test --release $(LOCKED) -p redis-rl-cli
	$(VENV)/bin/pytest -c cli/suite/pytest.ini cli/suite $(ARGS)

test-server: build servers ## test the module inside real servers; ARGS='-k word' picks tests
	$(VENV)/bin/pytest -c tests/pytest.ini tests $(ARGS)

test-deb: build pages servers ## make the Debian package, install it and start servers with it, where there is dpkg
	@if scripts/deb.sh --check; then \
	    deb=$$(scripts/deb.sh); \
	    RL_DEB=$$deb $(VENV)/bin/pytest -c tests/pytest.ini tests/project/test_packaging.py; \
	else echo "The Debian package is not tested here."; fi

# Its configuration is beside it, so that its tools find it wherever it lies.
PYTHON_HELPER := cd clients/python && $(CURDIR)

test-python: build servers test-python-oldest ## test the Python helper with real servers; ARGS='-k word' picks tests
	$(PYTHON_HELPER)/$(VENV)/bin/pytest $(ARGS)

# OLDEST_PYTHON names a Python 3.10, where there is one.
test-python-oldest: build servers $(PYTHON_OLDEST_VENV)/.ready
	$(PYTHON_HELPER)/$(PYTHON_OLDEST_VENV)/bin/pytest --ignore=tests/web $(ARGS)

lint-python: $(VENV)/.ready
	$(PYTHON_HELPER)/$(VENV)/bin/ruff check
	$(PYTHON_HELPER)/$(VENV)/bin/ruff format --check
	$(PYTHON_HELPER)/$(VENV)/bin/mypy src tests examples scripts
	$(PYTHON_HELPER)/$(VENV)/bin/python scripts/no_circles.py src

# The Rust helper is a workspace of its own, built in a folder of its own. Not incrementally: after
# some changes rustc 1.95 stops at what it kept of the async tests.
RUST_HELPER := cd clients/rust && CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=$(CURDIR)/target/clients-rust RUSTDOCFLAGS='-D warnings' cargo

test-rust: build ## test the Rust helper with real servers; ARGS=word picks tests
	@scripts/setup.sh server
	$(RUST_HELPER) test --all-features $(LOCKED) $(ARGS)

test-crate: build $(VENV)/.ready ## build its README's first example in an empty project, from the packaged crate
	@scripts/setup.sh server
	$(RUST_HELPER) package --quiet --no-verify --allow-dirty
	RL_CRATE=target/clients-rust/package/redis-rl-$$(python3 scripts/version.py).crate \
	    $(VENV)/bin/pytest -c tests/pytest.ini tests/release/test_first_minute_crate.py

lint-rust: $(VENV)/.ready
	@scripts/setup.sh build rust-tools
	$(VENV)/bin/python scripts/rooms.py clients/rust/src
	$(RUST_HELPER) fmt --check
	$(RUST_HELPER) clippy --all-features --all-targets $(LOCKED) -- -D warnings
	@for features in '' tower axum cluster tracing tower,cluster axum,tracing; do \
	    ($(RUST_HELPER) clippy --quiet --no-default-features --features "$$features" $(LOCKED) -- -D warnings); \
	done
	$(RUST_HELPER) doc --quiet --no-deps --all-features $(LOCKED)

NODE_HELPER := clients/node

test-node: build $(NODE_HELPER)/node_modules/.ready ## test the Node helper with real servers; ARGS='--test-name-pattern=word' picks tests
	@scripts/setup.sh server
	cd $(NODE_HELPER) && npm run --silent build && npm test --silent -- $(ARGS)

lint-node: $(NODE_HELPER)/node_modules/.ready
	cd $(NODE_HELPER) && npm run --silent lint

test-examples: build servers $(NODE_HELPER)/node_modules/.ready ## hold the three example apps to one walk; ARGS='-k word' picks tests
	$(RUST_HELPER) build --quiet --example app --all-features $(LOCKED)
	cd $(NODE_HELPER) && npm run --silent build
	$(VENV)/bin/pytest -c clients/conformance/pytest.ini clients/conformance $(ARGS)

# An app is no Redis: its port is another one, if none was given.
example-python example-rust example-node: export PORT := $(if $(filter file,$(origin PORT)),8000,$(PORT))

example-python: build $(VENV)/.ready ## run the Python helper's example app on PORT (8000), with a redis-server of its own
	@scripts/example.sh python

example-rust: build ## run the Rust helper's example app on PORT (8000), with a redis-server of its own
	@CARGO_TARGET_DIR=$(CURDIR)/target/clients-rust scripts/example.sh rust

example-node: build $(NODE_HELPER)/node_modules/.ready ## run the Node helper's example app on PORT (8000), with a redis-server of its own
	@scripts/example.sh node

servers: $(VENV)/.ready ## fetch the servers that the tests run on into target/servers/; SERVERS='valkey-8': these
	@scripts/setup.sh server
	@$(VENV)/bin/python scripts/fetch_servers.py $(SERVERS)

prometheus: $(VENV)/.ready ## fetch Debian's Prometheus and redis_exporter, for tests, into target/prometheus/
	@$(VENV)/bin/python scripts/fetch_prometheus.py

soak: build servers ## disturb a primary and its replica for DURATION (180 s); ARGS='--seed 7 --server valkey-9'
	PYTHONPATH=tests $(VENV)/bin/python -m soak --seconds '$(DURATION)' $(ARGS)

bench: build $(VENV)/.ready ## measure everything (15 minutes); ARGS=--quick, ARGS='--only lua'; see docs/performance.md
	@scripts/setup.sh server bench
	PYTHONPATH=tests $(VENV)/bin/python -m bench $(if $(SERVER),--server '$(SERVER)') $(ARGS)

bench-http: build $(VENV)/.ready $(BENCH_HTTP_VENV)/.ready ## compare limiters in front of HTTP handlers; ARGS=--quick; see docs/performance.md
	@scripts/setup.sh server bench-http
	PYTHONPATH=tests $(VENV)/bin/python -m bench.http $(if $(SERVER),--server '$(SERVER)') $(ARGS)

install: build ## install the module into PREFIX/lib/redis/modules (/usr); DESTDIR is respected
	@scripts/install.sh

uninstall: ## remove what make install installed
	@scripts/install.sh --uninstall

# The man pages and completions of the tool.
pages: cli
	@rm -rf target/pages
	@target/release/redis-rl generate target/pages

deb: build pages ## make a Debian package in target/debian/
	@scripts/deb.sh

packages: $(VENV)/.ready $(NODE_HELPER)/node_modules/.ready ## make what PyPI, crates.io and npm are given, in target/packages/
	rm -rf target/packages
	$(PYTHON_HELPER)/$(VENV)/bin/hatchling build --directory $(CURDIR)/target/packages
	cd $(NODE_HELPER) && npm run --silent build && npm pack --silent --pack-destination $(CURDIR)/target/packages
	$(RUST_HELPER) package --quiet --no-verify --allow-dirty
	cp target/clients-rust/package/redis-rl-$$(python3 scripts/version.py).crate target/packages/

wheel: build $(VENV)/.ready ## make the Python wheel that carries the module, for machines like this one, in target/wheel/
	cd packaging/python && $(CURDIR)/$(VENV)/bin/hatchling build --target wheel --directory $(CURDIR)/target/wheel

wheels: dist $(VENV)/.ready ## make that wheel for each file of make dist, in target/wheels/; MACHINES as for dist
	@for machine in $(filter-out %-tool,$(MACHINES)); do \
	    case $$machine in \
	    *-gnu) platform=manylinux_2_17_$${machine%-gnu} ;; \
	    *-musl) platform=musllinux_1_2_$${machine%-musl} ;; \
	    esac; \
	    (cd packaging/python && \
	    REDIS_RL_MODULE=$(CURDIR)/target/dist/libredis_rl-$$machine.so REDIS_RL_PLATFORM=$$platform \
	    $(CURDIR)/$(VENV)/bin/hatchling build --target wheel --directory $(CURDIR)/target/wheels); \
	done

# What the weekly job of CI does before it tests: the newest library in place of the pinned one.
newest-python: $(VENV)/.ready
	$(VENV)/bin/pip install --quiet --upgrade redis hiredis fastapi starlette Flask Django litestar uvicorn

newest-rust:
	cd clients/rust && cargo update

newest-node: $(NODE_HELPER)/node_modules/.ready
	cd $(NODE_HELPER) && npm install --silent --save-dev ioredis@latest redis@latest express@latest fastify@latest && touch node_modules/.ready

version: ## print the version; V=1.2.3 writes another one into every place that tells it
	@python3 scripts/version.py $(V)

clean: ## remove everything that was built or fetched
	rm -rf target $(NODE_HELPER)/node_modules $(NODE_HELPER)/dist

$(VENV)/.ready: tests/requirements.txt scripts/venv.sh
	@scripts/setup.sh python
	@scripts/venv.sh $(VENV) $<

$(BENCH_HTTP_VENV)/.ready: bench/http/requirements.txt scripts/venv.sh
	@scripts/setup.sh python
	@scripts/venv.sh $(BENCH_HTTP_VENV) $<

$(PYTHON_OLDEST_VENV)/.ready: clients/python/tests/oldest.txt scripts/venv.sh
	@scripts/setup.sh python
	@PYTHON='$(OLDEST_PYTHON)' scripts/venv.sh $(PYTHON_OLDEST_VENV) $<

$(NODE_HELPER)/node_modules/.ready: $(NODE_HELPER)/package.json $(NODE_HELPER)/package-lock.json
	@scripts/setup.sh node
	cd $(NODE_HELPER) && npm ci --silent && touch node_modules/.ready
