# SPDX-License-Identifier: MIT
# The BPF tool: CMake does the work, see bpf/CMakeLists.txt.

BPF_BUILD := build/bpf

.PHONY: bpf

bpf: packages ## build spawnlat, the BPF tool, into build/bin
	@test -f $(BPF_BUILD)/Makefile || cmake -S bpf -B $(BPF_BUILD)
	@cmake --build $(BPF_BUILD) -j $$(nproc)
