# `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test chaos fuzz build format lint docs bench bench-http bench-bounds bench-files image clean

SOURCES := Sources Tests Benchmarks Fuzzing/Sources/Fuzz Fuzzing/Package.swift Package.swift $(wildcard Examples)

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Scrape the Dutch GIMP manual and count its words (one minute after the build)
	@Scripts/demo

test: ## Everything from nothing: lint, build, unit tests, allocations, end-to-end tests
	Scripts/bootstrap test
	$(MAKE) --no-print-directory lint
	swift build
	Scripts/docs
	swift test --no-parallel
	Benchmarks/http/allocations
	Tests/EndToEnd/run
	Tests/Chaos/run --short
	RUNS=50000 MUTATIONS=5000 Fuzzing/run

chaos: ## Break replicas, Postgres and the network while jobs run: make chaos [RUNS=30] [SEED=n] (Tests/Chaos/README.md)
	Scripts/bootstrap test
	Tests/Chaos/run --runs $(or $(RUNS),30) $(if $(SEED),--seed $(SEED))

fuzz: ## Fuzz the request parser and compare it with h11: make fuzz [RUNS=10000000] (Fuzzing/README.md)
	Scripts/bootstrap test
	RUNS=$(or $(RUNS),1000000) Fuzzing/run

build: ## The release binary, .build/release/scrape-service
	Scripts/bootstrap build
	swift build -c release --product scrape-service

lint: ## Check the format of every Swift file
	swift format lint --strict --parallel --recursive $(SOURCES)

format: ## Format every Swift file in place
	swift format format --in-place --parallel --recursive $(SOURCES)

docs: ## HTTPCore's documentation, without a warning and without a bare declaration
	Scripts/docs

bench: ## Measure the main job against the best Python (Benchmarks/README.md)
	Scripts/bootstrap bench
	swift build -c release --product scrape-service
	Benchmarks/main-job/run

bench-http: ## Measure the HTTP server against nginx and Hummingbird; count its instructions and allocations
	Scripts/bootstrap bench-http
	swift build -c release --product HelloServer
	Benchmarks/http/run
	Benchmarks/http/instructions
	Benchmarks/http/allocations

bench-bounds: ## Measure memory with a million queued URLs, and from job to job
	Scripts/bootstrap bench
	swift build -c release --product scrape-service
	Benchmarks/bounds/run

bench-files: ## Measure memory and speed of saving a file of 5 GiB
	Scripts/bootstrap bench
	swift build -c release --product scrape-service
	Benchmarks/files/run --baselines

image: ## Build the container image with buildah
	Scripts/build-image

clean: ## Remove everything that was built or installed into this directory
	rm -rf .build Fuzzing/.build .venv demo-out
