# SPDX-License-Identifier: MIT
# Every task is one target; "make help" lists them. The parts have their own .mk files.

.DEFAULT_GOAL := userspace
MAKEFLAGS += --no-print-directory

include kernel-patch/kernel.mk
include qemu/qemu.mk
include userspace/userspace.mk
include bpf/bpf.mk
include tests/tests.mk
include tests/demo.mk

.PHONY: help packages format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "%-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

packages: ## install the Debian packages that are missing
	@.ci/install

format: ## format the C++ sources
	git ls-files -co --exclude-standard 'userspace/*.[ch]pp' 'bpf/*.[ch]pp' 'tests/*.[ch]pp' | xargs -r clang-format -i

clean: ## remove what was built, but neither the kernel source tree nor the cache
	rm -rf build/bin build/lib build/userspace build/bpf build/deb build/docs build/vm build/boot build/check \
	  build/check-long build/kselftest build/kselftest-cold build/kselftest-tree \
	  build/kernel/base build/kernel/debug build/kernel/kselftest
