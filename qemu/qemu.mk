# SPDX-License-Identifier: MIT
# The virtual machine; "qemu/vm run -- COMMAND" runs one command in it.

.PHONY: vm-shell

vm-shell: kernel userspace bpf ## a prompt on the patched kernel (KCONFIG=base or debug)
	@qemu/vm shell --kernel $(KCONFIG)
