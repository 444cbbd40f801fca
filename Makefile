# The verbs of rlc. `make` alone builds the programs into bin/.

GO      ?= go
PREFIX  ?= /usr/local
DESTDIR ?=

# The build tags, in this one place. The first is needed to build without cgo; the others
# leave out what a rootless container has no use for. Scripts ask `make -s tags`.
TAGS := containers_image_openpgp,exclude_graphdriver_btrfs,containers_image_docker_daemon_stub,containers_image_fulcio_stub,containers_image_rekor_stub

export CGO_ENABLED := 0
GOBUILD := $(GO) build -trimpath -tags $(TAGS) -ldflags '-s -w'

.PHONY: build try test check bench install tags clean

build: ## build the programs into bin/
	$(GOBUILD) -o bin/ ./cmd/...

try: ## install what is missing, build, and run a container as an ordinary user
	./contrib/try

test: ## install what the tests need and run them all, as several users where root is to be had
	./tests/run

check: ## what can be said without running rlc: format, vet, linters, architecture, benchmarks compile
	./tests/check

bench: build ## time rlc beside its peers; see tests/bench/README.md
	./tests/bench/run

install: build ## install into PREFIX: rlc into bin, its other programs into libexec/rlc
	install -D -m 755 bin/rlc $(DESTDIR)$(PREFIX)/bin/rlc
	for program in $(notdir $(filter-out cmd/rlc,$(wildcard cmd/*))); do \
		install -D -m 755 bin/$$program $(DESTDIR)$(PREFIX)/libexec/rlc/$$program || exit 1; done
	for page in $(notdir $(wildcard contrib/man/*.1)); do \
		install -D -m 644 contrib/man/$$page $(DESTDIR)$(PREFIX)/share/man/man1/$$page || exit 1; done
	[ ! -f contrib/completions/rlc.bash ] || install -D -m 644 contrib/completions/rlc.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/rlc
	[ ! -f contrib/completions/rlc.zsh ] || install -D -m 644 contrib/completions/rlc.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_rlc
	[ ! -f contrib/completions/rlc.fish ] || install -D -m 644 contrib/completions/rlc.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/rlc.fish

tags: ## print the build tags
	@echo $(TAGS)

clean: ## remove bin/
	rm -rf bin
