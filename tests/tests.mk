# SPDX-License-Identifier: MIT
# Tests. One suite alone: make check SPAWNTPL_CHECK=library-base (tests/check --help lists them).

.PHONY: check check-host check-long

check: userspace bpf kernel-base kernel-debug ## every test: here, in the virtual machine, kernel selftests
	@tests/check

check-host: userspace bpf ## the tests that need no virtual machine
	@tests/check --host

check-long: userspace bpf kernel-base kernel-debug ## the long forms, in steps that a second call resumes
	@tests/check-long
