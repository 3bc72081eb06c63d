# SPDX-License-Identifier: MIT
# Patched kernels. KCONFIG=debug selects the configuration with the checkers.

KCONFIG ?= base

.PHONY: kernel kernel-tree kernel-export kernel-check

kernel: | packages ## build the patched kernel (KCONFIG=base or debug), or take it from the cache
	@kernel-patch/scripts/kernel build $(KCONFIG)

kernel-tree: | packages ## unpack the source and apply both series as commits, in build/kernel/tree
	@kernel-patch/scripts/kernel tree

kernel-export: ## write the commits of build/kernel/tree back to kernel-patch/series and warm
	@kernel-patch/scripts/kernel export

kernel-check: | packages ## checkpatch, sparse, kernel-doc and man page checks
	@kernel-patch/scripts/kernel check

kernel-base: | packages
	@kernel-patch/scripts/kernel build base

kernel-debug: | packages
	@kernel-patch/scripts/kernel build debug

.PHONY: kernel-base kernel-debug
