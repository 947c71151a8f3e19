# How Colloquy is built, run and tested. `make help` lists the targets.
# Every target does its own set-up and does nothing that is done already.

export CARGO_TARGET_DIR ?= $(CURDIR)/target

COLLOQUY := $(CARGO_TARGET_DIR)/release/colloquy
SEEDS ?= 100
TARGET ?= all
SECONDS ?= 60
# The committed seeds are below; what is found from here on is new.
FROM ?= 1000

.DEFAULT_GOAL := help
.PHONY: help run build test sim-sweep fuzz setup web

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Build what changed, then serve; flags for it: ARGS="--listen 127.0.0.1:9000"
	@exec "$(COLLOQUY)" serve $(ARGS)

build: setup web ## Make the release binary
	@cargo build --release --locked -p colloquy
	@echo "built $(COLLOQUY)"

test: ## Run every check: format, lints, tests, browsers
	@deploy/test.sh

sim-sweep: setup ## Tell the simulation's plans SEEDS=n new seeds, one each in turn; says how to replay a failure
	@SFU_SIM_SWEEP=$(FROM)..$$(($(FROM) + $(SEEDS))) cargo test --locked -p sfu-sim --test it -- \
		--exact sweep::new_seeds_find_no_fault --nocapture

fuzz: setup ## Look for inputs that break TARGET (or all) for SECONDS=n each; deploy/fuzz.sh lists them
	@deploy/fuzz.sh run $(TARGET) $(SECONDS)

setup: ## Install the system packages that are missing
	@deploy/setup.sh build

web: ## Build the web application if its sources changed
	@deploy/web.sh build
