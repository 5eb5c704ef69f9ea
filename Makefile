# The same commands here, in CI and before a commit.
.DEFAULT_GOAL := help
CARGO ?= cargo
PROGRAMS := $(or $(CARGO_TARGET_DIR),target)/debug
# All programs. The smallest test is there for its dependencies: with their features everything is built as the tests
# need it, and not a second time for them.
BUILD := $(CARGO) build --locked --workspace --bins --test rules

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Show on a real control plane what the operator does (under 90 s, once built)
	@$(BUILD)
	@$(PROGRAMS)/demo

.PHONY: playground
playground: ## Start a control plane, a simulated Kore and the operator, and leave them running until Ctrl-C
	@$(BUILD)
	@$(PROGRAMS)/playground

# The tests on the control plane mostly wait: more of them at once than there are cores.
.PHONY: test
test: ## Run all tests on a real control plane, and the quick lane of the faults
	@$(BUILD)
	@$(PROGRAMS)/programs
	RUST_TEST_THREADS=4 $(CARGO) test --workspace --locked

.PHONY: test-helm
test-helm: ## Run the tests of the chart alone, with helm 3 and 4
	$(CARGO) test --locked --test chart
	$(CARGO) test --locked --test cluster -- installed:: roles::

.PHONY: test-monitoring
test-monitoring: ## Check metrics, alerts and dashboard with promtool, and in a Prometheus that scrapes the operator, and kube-state-metrics (needs Debian's prometheus)
	@$(BUILD)
	$(CARGO) test --locked --test monitoring -- --include-ignored
	@$(CARGO) test --locked --test cluster -- --ignored --list monitored:: | grep -q ': test$$' || { echo 'there is no test monitored:: any more'; exit 1; }
	$(CARGO) test --locked --test cluster -- --ignored monitored::

.PHONY: docs-check
docs-check: ## Check the documents' links, and run their commands and manifests, but for those that need Pods (make test-cluster)
	@$(BUILD)
	$(CARGO) test --locked --test documents
	$(CARGO) test --locked --test chart the_values_of_the_documents
	$(CARGO) test --locked --test cluster documented::

.PHONY: plugin
plugin: ## Install kubectl-vcamp, the plugin of kubectl, in ~/.local/bin (BIN=/usr/local/bin)
	$(CARGO) build --release --locked --package kubectl-vcamp
	install -D --strip $(or $(CARGO_TARGET_DIR),target)/release/kubectl-vcamp $(or $(BIN),$(HOME)/.local/bin)/kubectl-vcamp
	ln -sf kubectl-vcamp $(or $(BIN),$(HOME)/.local/bin)/kubectl_complete-vcamp

.PHONY: image
image: ## Build the operator's image without Docker, into target/image
	@$(CARGO) run --quiet --locked --package testbed --bin image

.PHONY: test-cluster
test-cluster: ## Run the operator in Pods on a real node (9 min, once built; needs root and Debian packages, which it names)
	$(CARGO) test --locked --test node

.PHONY: test-kubernetes
test-kubernetes: ## Run the tests of the chart and on the control plane with another Kubernetes: VERSION=1.30.14, 1.33.13 or 1.37.2 (40 min)
	@$(BUILD)
	@TESTBED_KUBERNETES=$(VERSION) $(PROGRAMS)/programs
	$(PROGRAMS)/kubernetes "$(VERSION)"

.PHONY: test-faults
test-faults: ## Run a deletion under every crash and every error (long; SEED=2 draws others)
	$(CARGO) test --locked --test faults -- --lane full --seed $(or $(SEED),1) $(if $(RECORD),--record)

.PHONY: test-mutants
test-mutants: ## Break one protection at a time, and show which test notices
	$(CARGO) run --locked --package testbed --bin mutants -- $(if $(RECORD),--record) $(if $(UNRECORDED),--unrecorded)

.PHONY: model
model: ## Explore the orders of events of a small world with the operator's own decisions (minutes, once built)
	$(CARGO) test --release --locked --test model -- --full $(if $(RECORD),--record)

.PHONY: test-long
test-long: ## Run the tests that take their time: outages of minutes, the documented quota, ten thousand deletions (a quarter of an hour)
	$(CARGO) test --release --locked --test cluster -- --ignored --nocapture --skip monitored::

.PHONY: soak
soak: ## Delete and create hundreds of objects again and again while everything fails (10 min, once built; SOAK=8h, SEED=2, OBJECTS=1000, ROUND=3; needs libfaketime)
	$(CARGO) test --release --locked --test soak -- --duration $(or $(SOAK),10m) --seed $(or $(SEED),1) --objects $(or $(OBJECTS),200) $(if $(ROUND),--round $(ROUND)) $(if $(RECORD),--record)

.PHONY: fuzz
fuzz: ## Draw answers of Kore, custom resources and command lines that nobody wrote (10 min for each, once built; FUZZ=1h, SEED=2, PART=answers)
	$(CARGO) test --locked --test fuzz -- --duration $(or $(FUZZ),10m) --seed $(or $(SEED),1) $(if $(PART),--part $(PART)) $(if $(RECORD),--record)

.PHONY: bench-quick
bench-quick: ## Measure the operator beside a stock one and the floor, and print the tables (6 min, once built)
	$(BUILD) --release
	$(CARGO) bench --locked --bench side_by_side

.PHONY: bench
bench: ## The same beside operators in Go and Python, too, and in trouble; rewrites docs/benchmarks.md (two hours, once built; needs Go, Python and PyPI)
	$(BUILD) --release
	$(CARGO) bench --locked --bench side_by_side -- --full

# With the flags of the image's build, which `make test-cluster` has done: so all that this depends on is built.
.PHONY: instructions
instructions: ## Count the instructions of what grows with a cluster, and compare with the baseline (2 min; needs valgrind; ACCEPT=1 accepts the counts)
	@RUSTFLAGS='-C target-feature=+crt-static' $(CARGO) run --quiet --release --locked --package instructions \
		--target "$$(rustc -vV | sed -n 's/^host: //p')" -- $(if $(ACCEPT),--write,--check)

.PHONY: outage-table
outage-table: ## Rewrite the table of an outage in docs/benchmarks.md: ours beside simpler ways to repeat a call
	$(CARGO) test --release --locked --test outage -- --write

.PHONY: check
check: ## Check format, lints, generated files, structure, documents, dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --test node --test soak --locked -- -D warnings
	$(CARGO) test --locked --test generated --test structure --test documents
	$(CARGO) deny --locked check bans licenses sources

.PHONY: audit
audit: ## Check the dependencies for known vulnerabilities (needs the network)
	$(CARGO) deny --locked check advisories

.PHONY: generate
generate: ## Write the generated files (crds/, deploy/, the chart's README, the tests in docs/situations.md)
	UPDATE_GENERATED=1 $(CARGO) test --locked --lib picture
	UPDATE_GENERATED=1 $(CARGO) test --locked --workspace --bin kubectl-vcamp schema
	UPDATE_GENERATED=1 $(CARGO) test --locked --test generated --test monitoring
	UPDATE_GENERATED=1 $(CARGO) test --locked --test chart
	UPDATE_GENERATED=1 $(CARGO) test --locked --test cluster -- read_by_tools::the_config_map

.PHONY: generate-testdata
generate-testdata: ## Record the test data of the Argo CD scripts
	UPDATE_GENERATED=1 $(CARGO) test --locked --test cluster -- read_by_tools

.PHONY: format
format: ## Format the code
	$(CARGO) fmt --all
