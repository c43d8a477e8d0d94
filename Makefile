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
.PHONY: help build setup test race lint demo clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/scu
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/scu ./cmd/scu

setup: build ## install the XLA plugin and the default base model into SCU_HOME (~/.scu)
	bin/scu setup

test: setup ## run every test
	$(XLA) $(GO) test -timeout 30m ./...

race: setup ## run every test under the race detector; slow
	$(XLA) $(GO) test -race -timeout 90m ./...

lint: ## gofmt, go vet and staticcheck
	@unformatted=$$(gofmt -l .); if [[ -n $$unformatted ]]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

demo: build ## fine-tune a real model on real conversations, end to end
	bin/scu demo

clean: ## remove what was built; SCU_HOME stays
	rm -rf bin
