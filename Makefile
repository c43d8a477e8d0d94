# scu: see README.md. `make help` lists the targets.

SHELL       := /bin/bash
GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1.0-dev)
# Absolute, since each package's tests run in its own directory.
override SCU_HOME := $(shell realpath -m -- '$(or $(SCU_HOME),$(HOME)/.scu)')

export CGO_ENABLED := 1
export SCU_HOME

# What the tests that load XLA need: the plugin that `scu setup` installs, and no fetching of another.
XLA := PJRT_PLUGIN_LIBRARY_PATH='$(SCU_HOME)/pjrt' GOMLX_NO_AUTO_INSTALL=1 GOMLX_BACKEND=xla:cpu

.DEFAULT_GOAL := help
.PHONY: help build setup test race fuzz soak soak-short soak-real parity bench-trainer bench-daemon lint demo clean

# How long each fuzz target runs.
FUZZTIME ?= 60s
# The rooms that the race detector can watch in a few minutes: all but those that train.
RACE := ./daemon/... ./rpc/... ./protocol/... ./cmd/... ./trainer/data/... ./trainer/tokenizer ./trainer/plan ./trainer/checkpoint ./trainer/durable

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/scu
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/scu ./cmd/scu

setup: build ## install the XLA plugin and the default base model into SCU_HOME (~/.scu)
	bin/scu setup

test: setup ## run every test
	$(XLA) $(GO) test -timeout 30m ./...

race: setup ## run the tests of what runs side by side under the race detector
	$(XLA) $(GO) test -race -timeout 60m $(RACE)

fuzz: setup ## run every fuzz target for FUZZTIME each (60s)
	@set -e; grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r package; do \
	  for target in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$package/*_test.go | cut -c6-); do \
	    echo "$$package $$target"; \
	    $(XLA) $(GO) test $$package -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x; \
	  done; \
	done

soak: ## torment the daemon for three minutes: kills, power cuts, everything at once; SOAK='-seed N' does it again
	$(GO) run ./bench/soak $(SOAK)

soak-short: ## the same for half a minute, under the race detector
	$(GO) run -race ./bench/soak -duration 30s $(SOAK)

soak-real: setup ## the same with the real trainer on a tiny model, for two minutes at most
	$(GO) run ./bench/soak -real -users 2 -duration 40s $(SOAK)

parity: setup ## compare every model family with transformers and PEFT, and print the table
	$(XLA) $(GO) test ./trainer/model -count=1 -v -run '^TestParityOfEveryFamily$$'

bench-trainer: setup ## measure a training step against PEFT and PyTorch; 20 minutes on an idle machine
	$(GO) run ./bench/trainer $(BENCH)

bench-daemon: ## measure the daemon's answers, starts and memory with 10,000 jobs and 10 million metrics; 5 minutes on an idle machine
	$(GO) run ./bench/daemon $(BENCH)

lint: ## gofmt, go vet and staticcheck
	@unformatted=$$(gofmt -l .); if [[ -n $$unformatted ]]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

demo: build ## fine-tune a real model on real conversations, end to end
	bin/scu demo

clean: ## remove what was built; SCU_HOME stays
	rm -rf bin
