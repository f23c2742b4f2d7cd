# The one way in. `make help` lists what there is.

# A shell opened before rustup ran does not have Rust in its PATH yet.
export PATH := $(PATH):$(HOME)/.cargo/bin

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
MODULE := $(TARGET)/release/libmod_realdoc.so
COMMAND := $(TARGET)/release/realdoc
# The debug build, as `make unit` makes it for its own tests.
TEST_COMMAND := $(TARGET)/debug/realdoc
TEST_MODULE := $(TARGET)/test-hooks/libmod_realdoc.so
PACKAGES := $(TARGET)/package

CARGO_TEST := cargo test --locked --no-fail-fast

# cargo uses all cores by itself.
.NOTPARALLEL:
.PHONY: all module command test-module install uninstall demo test unit model integration randomised stress memcheck asan tsan test-trixie deny bench bench-opcache check setup setup-build setup-bench clean help
.PHONY: dist deb rpm package-test release-check

all: setup-build module command

module: ## build the module
	cargo build --release --locked -p mod_realdoc

command: ## build the command realdoc; plain `make` builds both
	cargo build --release --locked -p realdoc

demo: setup-build module ## see it work: the same deploys without the module and with it, on a private Apache
	REALDOC_MODULE="$(MODULE)" cargo run --release --locked -p demo

install: ## install the built module, its configuration and the command (as root, or with DESTDIR=)
	@scripts/install "$(MODULE)" "$(COMMAND)"

uninstall: ## remove what `make install` wrote
	@scripts/uninstall

test: setup module test-module ## build and run all tests; T=pattern narrows the integration tests
	@scripts/test "$(MAKE)" unit model integration

unit: setup-build ## unit and property tests, and those of the test harness
	$(CARGO_TEST) --workspace --exclude mod_realdoc

# Loom replaces the atomics of the whole build: a target directory of its own
# keeps that from rebuilding everything else.
model: ## what processes share, in every order of their steps (loom)
	RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR="$(TARGET)/loom" $(CARGO_TEST) --release -p realdoc-core --test switch_model

integration: setup module test-module ## the module in real Apaches; T=pattern narrows
	cargo build --locked -p realdoc
	REALDOC_MODULE="$(MODULE)" REALDOC_TEST_MODULE="$(TEST_MODULE)" REALDOC_COMMAND="$(TEST_COMMAND)" \
		$(CARGO_TEST) -p mod_realdoc --test integration -- $(T)

randomised: setup module test-module ## thousands of random sites, as stock httpd answers; REALDOC_SEED=, REALDOC_CONFIGS=
	REALDOC_MODULE="$(MODULE)" REALDOC_SEED="$${REALDOC_SEED:-$$(date +%s)}" REALDOC_CONFIGS="$${REALDOC_CONFIGS:-3000}" \
		$(CARGO_TEST) -p mod_realdoc --test integration -- --nocapture randomised::in_

stress: setup module test-module ## load and faults, long; REALDOC_STRESS=0.1: a tenth of it
	REALDOC_STRESS="$${REALDOC_STRESS:-1}" REALDOC_MODULE="$(MODULE)" REALDOC_TEST_MODULE="$(TEST_MODULE)" \
		$(CARGO_TEST) -p mod_realdoc --test integration -- --nocapture stress::
	REALDOC_STRESS="$${REALDOC_STRESS:-1}" $(CARGO_TEST) -p realdoc -- --nocapture

memcheck: setup-bench setup module test-module ## the load under valgrind
	scripts/sanitize memcheck

asan: setup test-module ## the load with the address sanitizer (nightly Rust, clang's runtime)
	scripts/sanitize asan

tsan: setup test-module ## the load with the thread sanitizer (nightly Rust with rust-src, clang's runtime)
	scripts/sanitize tsan

test-trixie: ## demo and tests in a fresh Debian 13 with its own Rust (as root; debootstrap)
	scripts/test-debian trixie "$(TARGET)/trixie"

deny: ## licences, sources and known faults of the crates (needs cargo-deny and the network)
	cargo deny --locked check

# The release build plus directives that provoke faults. A profile of its own
# keeps it out of target/release, from where `make install` installs.
test-module:
	cargo build --profile test-hooks --locked -p mod_realdoc --features test-hooks

bench: setup-bench module ## what it costs, against httpd without the module (minutes); JSON=file writes it there too
	python3 benches/cost "$(MODULE)" $(if $(JSON),--json "$(JSON)")

bench-opcache: setup-bench setup module ## how PHP's opcache fills with releases, and what helps (minutes)
	python3 benches/opcache "$(MODULE)"

check: setup-build ## formatting, lints, layers, and what must not compile
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy --workspace --all-targets --locked --features mod_realdoc/test-hooks -- -D warnings
	scripts/columns
	scripts/layers
	scripts/misuse

dist: ## source archive with all crates, which builds without network (into target/package)
	packaging/make-dist "$(PACKAGES)"

deb: ## package for Debian and Ubuntu
	@scripts/setup
	packaging/make-deb "$(PACKAGES)"

rpm: ## package for Fedora and RHEL, to be made on the system that it is for
	@scripts/setup
	packaging/make-rpm "$(PACKAGES)"

package-test: ## install, upgrade and remove both packages (as root; in roots of their own)
	packaging/test-deb "$(PACKAGES)"
	packaging/test-rpm "$(PACKAGES)"

release-check: ## what is missing for a release of the version in Cargo.toml
	@packaging/check-release "$(PACKAGES)"

setup: ## install what building, the demo and the tests need (Debian, Ubuntu)
	@scripts/setup build test

setup-build: ## install only what building and the demo need
	@scripts/setup build

setup-bench:
	@scripts/setup build bench

clean: ## remove all that was built
	cargo clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14
	@echo 'Variables: APXS=/opt/httpd/bin/apxs  DESTDIR=/staging/root  T=name-of-a-test  JSON=file'
