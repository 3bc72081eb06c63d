# SPDX-License-Identifier: MIT
# What the project does, to look at, and the benchmark in the virtual machine.

VM_BENCH_LIMIT := 1800# seconds

.PHONY: demo vm-bench

demo: userspace kernel-base ## start real tools here and on the patched kernel, and compare
	@tests/demo

vm-bench: userspace kernel-base ## the benchmark on the patched kernel: JSON=FILE [ARGS="--method kernel ..."]
	@qemu/vm run --icount --kernel base --time-limit $(VM_BENCH_LIMIT) \
	  $(if $(JSON),--get "/tmp/bench.json=$(JSON)") -- \
	  /spawntpl/bin/spawntpl bench --unit instructions $(if $(JSON),--json /tmp/bench.json) $(ARGS)
