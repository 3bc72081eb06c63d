# SPDX-License-Identifier: MIT
# What the project does, to look at, and the benchmark, here and in the virtual machine.

VM_BENCH_LIMIT := 1800# seconds
# Of what makes the kernel, which the cover letters do not.
SERIES_HASH = $(shell cat $(filter-out %-cover-letter.patch,$(sort $(wildcard \
  kernel-patch/series/*.patch kernel-patch/warm/*.patch))) | sha256sum | cut -c 1-16)

COMMIT = $(shell git describe --always --dirty --exclude='*' --abbrev=12 2>/dev/null)
# What the benchmark records and cannot find out.
TOLD = SPAWNTPL_COMMIT=$(COMMIT) SPAWNTPL_SERIES=$(SERIES_HASH)

.PHONY: demo bench vm-bench evidence

demo: userspace kernel-base ## start real tools here and on the patched kernel, and compare
	@tests/demo

bench: userspace ## the benchmark on this kernel, quick: JSON=FILE [ARGS="fds --method vfork ..."]
	@env $(TOLD) build/bin/spawntpl bench $(if $(JSON),--json "$(JSON)") \
	  $(or $(ARGS),--quick)

vm-bench: userspace kernel-base ## the benchmark on the patched kernel: JSON=FILE [ARGS="--method kernel ..."]
	@qemu/vm run --icount --kernel base --time-limit $(VM_BENCH_LIMIT) \
	  $(if $(JSON),--get "/tmp/bench.json=$(JSON)") -- \
	  env $(TOLD) /spawntpl/bin/spawntpl bench --unit instructions $(if $(JSON),--json /tmp/bench.json) $(ARGS)

evidence: userspace bpf kernel-base ## measure all of kernel-patch/evidence again, in 20 minutes: [ARGS="--quick|--busy|PART ..."]
	@userspace/bench/evidence/evidence $(ARGS)
