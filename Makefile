# The one door to the project; `make` alone lists what it can do.

# Outside the clone, so that clones share what is built and `git clean` costs nothing.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/rfm-suite/target

CONFIG := config/local.toml
DATA := data/online_retail.csv
BIN := $(CARGO_TARGET_DIR)/release
# The real data set has so many lines.
LINES ?= 541909
SECONDS ?= 60
comma := ,
# What the programs leave out unless they are built with it. It is tested and linted in one build with the rest: a second set of
# features would compile DataFusion again.
FEATURES := rfm-batch/s3,rfm-batch/glue,rfm-batch/ballista$(if $(ONLINE_RETAIL_CSV),$(comma)rfm-batch/real-data)
KILLS ?= 200
# Tests mostly wait for servers.
TEST_THREADS := $(shell echo $$((2 * $$(nproc))))
COMPOSE_CONF := $(HOME)/.cache/rfm-suite/compose-conf

.DEFAULT_GOAL := help
.PHONY: help build build-batch data run run-cluster features show stream stream-cluster dashboard demo soak dist test test-page test-yarn test-yarn-jobs test-yarn-engine test-tools check check-scripts fuzz bench bench-streaming clean-data \
	cluster-up cluster-down cluster-status cluster-env cluster-wipe cluster-up-docker cluster-down-docker

help: ## List what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' Makefile

build: ## Build the optimised programs
	cargo build --release -p rfm-batch -p order-producer -p rfm-streaming -p rfm-dashboard -p rfm-demo

# What `make run` needs, in a fraction of the time: this order-producer has no Kafka in it and only writes CSV.
build-batch:
	cargo build --release -p rfm-batch
	cargo build --release -p order-producer --no-default-features

data: $(DATA) ## Generate data/online_retail.csv if there is none [LINES=541909]

$(DATA): | build-batch
	mkdir -p data
	$(BIN)/order-producer --config $(CONFIG) --to-csv $@ --count $(LINES)

run: build-batch $(if $(INPUT),,$(DATA)) ## Segment the customers of a CSV file [INPUT=FILE, else generated data]
	$(BIN)/rfm-batch --config $(CONFIG) $(if $(INPUT),--input "$(INPUT)") $(ARGS)

show: build-batch ## Print what was published [WHAT="segments" | "profiles" | "snapshots" | "customer ID"]
	$(BIN)/rfm-batch --config $(CONFIG) show $(or $(WHAT),segments)

run-cluster: build-batch $(if $(INPUT),,$(DATA)) ## The same on the local cluster: HDFS in, Hive tables out [INPUT=FILE]
	dev/run-cluster $(BIN)/rfm-batch $(or $(INPUT),$(DATA)) $(ARGS)

stream: build ## Orders through an embedded Kafka broker into tables, until Ctrl-C [RATE=50]
	dev/run-stream local $(BIN) $(or $(RATE),50)

stream-cluster: build ## The same through the local cluster's Kafka into its Hive tables [RATE=50]
	dev/run-stream cluster $(BIN) $(or $(RATE),50)

dashboard: build ## Serve the page of segments and customers on http://127.0.0.1:3034 [ARGS="--topic orders-tagged"]
	$(BIN)/rfm-dashboard --config $(CONFIG) $(ARGS)

demo: build ## Show everything live at once on http://127.0.0.1:3034, until Ctrl-C [ARGS="--rate 500"]
	$(BIN)/rfm-demo $(ARGS)

dist: ## Build releases for Amazon Linux and Debian [ARGS="--processor aarch64"]
	dev/dist $(ARGS)

test: ## Run all tests, on a local cluster and in Chromium too [ONLINE_RETAIL_CSV=FILE adds those on the real data]
	RUST_TEST_THREADS=$(TEST_THREADS) dev/with-cluster dev/with-python cargo test --workspace --no-fail-fast --features $(FEATURES)
	RFM_BIN="$(CARGO_TARGET_DIR)/debug" jobs/rfm-dashboard/browser-tests/run

test-page: ## Test the dashboard's page in Chromium alone; needs node 20 and npm
	jobs/rfm-dashboard/browser-tests/run

test-yarn: test-yarn-jobs test-yarn-engine ## Test emr/submit on a YARN of its own, with what `make test` has built

test-yarn-jobs:
	emr/tests/yarn

test-yarn-engine:
	emr/tests/yarn --engine

# So that they may be had before the tests are built.
test-tools: ## Fetch what the tests run on: the jars of the cluster, Python packages
	dev/cluster/cluster install
	dev/venv dev/requirements.txt

soak: ## Kill the stream KILLS=200 times at random moments, and count every order [RFM_SOAK_SEED=N repeats one]
	RFM_SOAK_KILLS=$(KILLS) dev/with-cluster cargo test -p rfm-streaming --test integration soak -- --nocapture

features: ## Print what the tests build the programs with
	@echo "$(FEATURES)"

check: ## Check formatting and lints
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets --features $(FEATURES) -- -D warnings

check-scripts: ## Lint and test the shell scripts
	dev/check-scripts

fuzz: ## Fuzz every target for SECONDS=60 each; needs nightly and cargo-fuzz
	dev/fuzz $(SECONDS)

bench: build ## Measure all of the suite against other engines, and write a report [ARGS="--quick"]
	bench/batch/setup
	bench/streaming/setup
	bench/run $(ARGS)

bench-streaming: build ## The same for the stream, against Structured Streaming and kcat; bench/streaming/setup first [ARGS=...]
	bench/streaming/run $(ARGS)

cluster-up: ## Start HDFS, YARN, Hive and Kafka on this machine [TARGETS="hdfs yarn metastore hive metastore3 kafka"]
	dev/cluster/cluster up $(TARGETS)

cluster-down: ## Stop them [TARGETS=...]
	dev/cluster/cluster down $(TARGETS)

cluster-status: ## Show which of their daemons run
	@dev/cluster/cluster status

cluster-env: ## Print their addresses as shell variables, for eval
	@dev/cluster/cluster env

cluster-wipe: ## Stop them and forget their data
	dev/cluster/cluster wipe

cluster-up-docker: ## The same in containers instead; never tried, see dev/cluster/README.md
	dev/cluster/cluster render --for compose "$(COMPOSE_CONF)"
	RFM_COMPOSE_CONF="$(COMPOSE_CONF)" docker compose -f dev/cluster/compose.yaml up -d

cluster-down-docker: ## Remove those containers with their data
	RFM_COMPOSE_CONF="$(COMPOSE_CONF)" docker compose -f dev/cluster/compose.yaml down

clean-data: ## Remove the local warehouse and data/online_retail.csv
	rm -rf warehouse $(DATA)
