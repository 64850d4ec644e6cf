# What can be done here. Everything that is missing on a fresh Debian machine (but Rust) is installed on the way.
#
#   make build      the programs, optimised
#   make install    PREFIX=/usr/local DESTDIR=
#   make demo       the main job, shown: a file becomes a running service
#   make check      everything that must hold: format, lints, unit tests, end-to-end tests
#   make bench      our times beside Podman's, as ratios
#   make fuzz       random input for what reads text of anybody; SECONDS=60 for each target

PREFIX ?= /usr/local
DESTDIR ?=

CARGO ?= cargo
HOST_TRIPLE := $(shell rustc -vV | sed -n 's/^host: //p')
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
STATIC := $(TARGET_DIR)/$(HOST_TRIPLE)/release
STATIC_FLAGS := -C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs \
    -C link-arg=-Wl,-T,packaging/no-unwind-tables.ld

# Everything that names a place below PREFIX is told it at build time.
bindir := $(DESTDIR)$(PREFIX)/bin
libexecdir := $(DESTDIR)$(PREFIX)/libexec/pontoon
unitdir := $(DESTDIR)$(PREFIX)/lib/systemd
docdir := $(DESTDIR)$(PREFIX)/share/doc/pontoon
mandir := $(DESTDIR)$(PREFIX)/share/man
sharedir := $(DESTDIR)$(PREFIX)/share

NETWORK_UNITS := pontoon-network.service pontoon-network.socket
UPDATE_UNITS := pontoon-auto-update.service pontoon-auto-update.timer
USER_UNITS := pontoon-user-wait-network-online.service pontoon-restart.service $(NETWORK_UNITS) $(UPDATE_UNITS)
# For users whom units of the system run as.
PLACE_UNITS := pontoon-user@.service pontoon-network@.service pontoon-network@.socket
SYSTEM_UNITS := pontoon-restart.service $(NETWORK_UNITS) $(UPDATE_UNITS) $(PLACE_UNITS)

.PHONY: all build install uninstall demo check unit e2e bench fmt lint clean-testhost

all: build

# Static programs: they start without a loader, which is a good part of what short commands do, and the generator runs at
# early boot. The explicit target keeps procedural macros out of that.
build:
	RUSTFLAGS="$(STATIC_FLAGS)" $(CARGO) build --release --locked --target $(HOST_TRIPLE) \
	    -p pontoon-cli -p pontoon-monitor -p pontoon-network -p pontoon-generator

# NOBUILD=1 installs what was built before, for instance by another user than root.
install: $(if $(NOBUILD),,build)
	install -D -m 755 -t $(bindir) $(STATIC)/pontoon
	install -D -m 755 -t $(libexecdir) $(STATIC)/pontoon-monitor $(STATIC)/pontoon-network
	install -D -m 755 $(STATIC)/pontoon-generator $(libexecdir)/pontoon-generator
	install -d $(unitdir)/system-generators $(unitdir)/user-generators $(unitdir)/user/default.target.wants \
	    $(unitdir)/user/sockets.target.wants $(unitdir)/system/sockets.target.wants $(unitdir)/system/multi-user.target.wants
	ln -sfr $(libexecdir)/pontoon-generator $(unitdir)/system-generators/pontoon-system-generator
	ln -sfr $(libexecdir)/pontoon-generator $(unitdir)/user-generators/pontoon-user-generator
	for unit in $(addprefix user/,$(USER_UNITS)) $(addprefix system/,$(SYSTEM_UNITS)); do \
	    sed 's|@PREFIX@|$(PREFIX)|g' packaging/$${unit#*/} >$(unitdir)/$$unit && chmod 644 $(unitdir)/$$unit || exit 1; \
	done
	ln -sf ../pontoon-restart.service $(unitdir)/user/default.target.wants/
	ln -sf ../pontoon-restart.service $(unitdir)/system/multi-user.target.wants/
	ln -sf ../pontoon-network.socket $(unitdir)/user/sockets.target.wants/
	ln -sf ../pontoon-network.socket $(unitdir)/system/sockets.target.wants/
	install -D -m 644 -t $(mandir)/man5 packaging/man/pontoon-quadlet.5
	install -D -m 644 -t $(mandir)/man1 packaging/man/pontoon-generate.1 packaging/man/pontoon-generate-quadlet.1 \
	    packaging/man/pontoon-generate-systemd.1
	for pair in bash:bash-completion/completions/pontoon zsh:zsh/site-functions/_pontoon fish:fish/vendor_completions.d/pontoon.fish; do \
	    install -d $(sharedir)/$$(dirname $${pair#*:}) && \
	    $(STATIC)/pontoon completion $${pair%%:*} >$(sharedir)/$${pair#*:} && chmod 644 $(sharedir)/$${pair#*:} || exit 1; \
	done
	install -D -m 644 -t $(docdir) LICENSE LICENSE-APACHE LICENSE-MIT
	install -D -m 644 -t $(docdir)/examples packaging/examples/*

uninstall:
	rm -f $(bindir)/pontoon
	rm -rf $(libexecdir) $(docdir)
	rm -f $(unitdir)/system-generators/pontoon-system-generator $(unitdir)/user-generators/pontoon-user-generator
	for unit in $(addprefix user/,$(USER_UNITS)) $(addprefix system/,$(SYSTEM_UNITS)); do rm -f $(unitdir)/$$unit; done
	rm -f $(unitdir)/user/default.target.wants/pontoon-restart.service
	rm -f $(unitdir)/system/multi-user.target.wants/pontoon-restart.service
	rm -f $(unitdir)/user/sockets.target.wants/pontoon-network.socket $(unitdir)/system/sockets.target.wants/pontoon-network.socket
	rm -f $(mandir)/man1/pontoon-generate.1 $(mandir)/man1/pontoon-generate-quadlet.1 $(mandir)/man1/pontoon-generate-systemd.1
	rm -f $(mandir)/man5/pontoon-quadlet.5 $(sharedir)/bash-completion/completions/pontoon
	rm -f $(sharedir)/zsh/site-functions/_pontoon $(sharedir)/fish/vendor_completions.d/pontoon.fish

# An ordinary user on a machine booted by systemd sees it on that machine; everybody else in a test host.
demo: build
	@if [ -d /run/systemd/system ] && [ "$$(id -u)" != 0 ]; then \
	    set -e; \
	    missing=; for pair in newuidmap:uidmap pasta:passt curl:curl; do \
	        command -v $${pair%:*} >/dev/null || missing="$$missing $${pair#*:}"; done; \
	    [ -z "$$missing" ] || sudo apt-get install --yes --no-install-recommends $$missing; \
	    sudo --preserve-env=PATH,HOME,CARGO_HOME,RUSTUP_HOME $(MAKE) --no-print-directory install NOBUILD=1; \
	    $(abspath packaging/demo.sh) "$$($(MAKE) --no-print-directory --silent payload)"; \
	else \
	    $(CARGO) run --quiet --locked -p pontoon-tests -- demo; \
	fi

# The end-to-end tests come last, so that the last lines are theirs.
check: fmt-check lint unit e2e

fmt:
	$(CARGO) fmt --all

.PHONY: fmt-check
fmt-check:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --locked --workspace --all-targets --all-features -- -D warnings

# Real directories of unit files with what Podman's generator makes of them; compared with where they are at hand.
CORPUS ?= $(wildcard ../shared/corpus.tar.xz)

# The rooms' own tests meet real programs, which are installed if it may be.
unit:
	$(CARGO) run --quiet --locked -p pontoon-tests -- peers
	PONTOON_CORPUS=$(abspath $(CORPUS)) $(CARGO) test --locked --workspace

# What tests put into containers; static, like everything that has to run in any image.
.PHONY: payload
payload:
	RUSTFLAGS="$(STATIC_FLAGS)" $(CARGO) build --quiet --release --locked --target $(HOST_TRIPLE) \
	    -p pontoon-tests --bin payload
	@echo $(abspath $(STATIC))/payload

e2e: build
	$(CARGO) run --quiet --locked -p pontoon-tests -- prepare
	$(CARGO) test --locked -p pontoon-tests --features e2e --no-fail-fast

bench: build
	$(CARGO) run --quiet --locked -p pontoon-tests -- bench

# What cargo-fuzz would do, with the stable toolchain: coverage without a sanitizer, there is no unsafe code in these rooms.
SECONDS ?= 60
FUZZ_FLAGS := -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4 \
    -C llvm-args=-sanitizer-coverage-inline-8bit-counters -C llvm-args=-sanitizer-coverage-pc-table -C codegen-units=1
.PHONY: fuzz
fuzz:
	rm -rf $(TARGET_DIR)/fuzz/seeds && mkdir -p $(TARGET_DIR)/fuzz/seeds
	find units/tests/golden -type f ! -name expected -exec cp --backup=numbered -t $(TARGET_DIR)/fuzz/seeds {} +
	for target in parse words convert dns network; do \
	    mkdir -p $(TARGET_DIR)/fuzz/$$target && \
	    seeds=tests/fuzz/seeds/$$target && { [ -d $$seeds ] || seeds=$(TARGET_DIR)/fuzz/seeds; } && \
	    RUSTFLAGS="$(FUZZ_FLAGS)" $(CARGO) run --quiet --release --target $(HOST_TRIPLE) --target-dir $(TARGET_DIR)/fuzz/build \
	        --manifest-path tests/fuzz/Cargo.toml --bin $$target -- \
	        -max_total_time=$(SECONDS) -timeout=5 -rss_limit_mb=512 -max_len=4096 -print_final_stats=1 \
	        -artifact_prefix=$(TARGET_DIR)/fuzz/ $(TARGET_DIR)/fuzz/$$target $$seeds || exit 1; \
	done

# Test hosts that were killed are swept at the next boot; this throws away what is cached for them, too.
clean-testhost:
	rm -rf $(TARGET_DIR)/testhost $(TARGET_DIR)/stage
