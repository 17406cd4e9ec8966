# The one door to the project; `make` alone lists what it can do.

# Outside the clone, so that clones share what is built and `git clean` costs nothing.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/rfm-suite/target

CONFIG := config/local.toml
DATA := data/online_retail.csv
BIN := $(CARGO_TARGET_DIR)/release
# The real data set has so many lines.
LINES ?= 541909
SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: help build data run run-cluster show test check check-scripts fuzz bench clean-data

help: ## List what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

build: ## Build the optimised programs
	cargo build --release -p rfm-batch -p order-producer

data: $(DATA) ## Generate data/online_retail.csv if there is none [LINES=541909]

$(DATA): | build
	mkdir -p data
	$(BIN)/order-producer --config $(CONFIG) --to-csv $@ --count $(LINES)

run: build $(if $(INPUT),,$(DATA)) ## Segment the customers of a CSV file [INPUT=FILE, else generated data]
	$(BIN)/rfm-batch --config $(CONFIG) $(if $(INPUT),--input "$(INPUT)") $(ARGS)

show: build ## Print what was published [WHAT="segments" | "profiles" | "snapshots" | "customer ID"]
	$(BIN)/rfm-batch --config $(CONFIG) show $(or $(WHAT),segments)

run-cluster: build $(if $(INPUT),,$(DATA)) ## The same on the local cluster: HDFS in, Hive tables out [INPUT=FILE]
	dev/run-cluster $(BIN)/rfm-batch $(or $(INPUT),$(DATA)) $(ARGS)

test: ## Run all tests, on a local cluster too [ONLINE_RETAIL_CSV=FILE adds those on the real data]
	dev/with-cluster dev/with-python cargo test --workspace $(if $(ONLINE_RETAIL_CSV),--features rfm-batch/real-data)

check: ## Check formatting and lints
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets -- -D warnings

check-scripts: ## Lint and test the shell scripts
	dev/check-scripts

fuzz: ## Fuzz every target for SECONDS=60 each; needs nightly and cargo-fuzz
	dev/fuzz $(SECONDS)

bench: ## Measure against other engines; bench/batch/setup installs them [ARGS=...]
	bench/batch/run $(ARGS)

clean-data: ## Remove the local warehouse and data/online_retail.csv
	rm -rf warehouse $(DATA)
