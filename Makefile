# Everything a newcomer needs: `make demo` and `make test`. The recipes are in Scripts/;
# ARGS passes options on, as in `make parity ARGS="--cases 100"`.

.DEFAULT_GOAL := help
.PHONY: help setup cuda build demo test parity format lint clean

help: ## Show these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing: Debian packages, the PJRT plugin
	@Scripts/setup.sh

cuda: setup ## Install the PJRT plugin for NVIDIA GPUs and its CUDA libraries
	@Scripts/setup_cuda.sh

build: setup ## Build the epas command, optimised
	swift build -c release --product epas

demo: build ## Train with and without a growing sharing region, compare, generate
	@Scripts/demo.sh $(ARGS)

test: setup ## Run all tests
	@Scripts/test.sh $(ARGS)

parity: build ## Compare with a PyTorch reference on random models (installs PyTorch)
	@Scripts/parity.sh $(ARGS)
	@Scripts/parity.sh parity_tokenizers.py
	@Scripts/parity.sh parity_huggingface.py
	@Scripts/parity.sh parity_templates.py
	@Scripts/parity.sh parity_evaluation.py
	@Scripts/parity.sh parity_server.py

format: ## Format the Swift sources
	swift format format --in-place --recursive Sources Tests Fuzz Package.swift

lint: ## Check format, imports and house rules
	@Scripts/lint.sh

clean: ## Remove what was built; .deps and runs stay
	rm -rf .build
