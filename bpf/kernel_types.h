/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few members of kernel structures that the programs read.  libbpf finds
 * their offsets in the running kernel's BTF when it loads the programs, so this
 * need not be complete.  A generated vmlinux.h would make the build depend on
 * the kernel it happens to run on, which on a build machine may have no BTF.
 */
#ifndef KERNEL_TYPES_H
#define KERNEL_TYPES_H

#include <linux/types.h>

/* Tells bpf_tracing.h that struct pt_regs is the kernel's, not ptrace's. */
#define __VMLINUX_H__

typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef int pid_t;
typedef _Bool bool;

enum {
	false,
	true,
};

#define NULL ((void *)0)
#define PF_KTHREAD 0x00200000

#pragma clang attribute push(__attribute__((preserve_access_index)), \
			     apply_to = record)

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live;
};

struct task_struct {
	unsigned int flags;
	pid_t pid;
	pid_t tgid;
	struct signal_struct *signal;
};

struct pt_regs {
	unsigned long r10;
	unsigned long dx;
	unsigned long di;
	unsigned long ax;
	unsigned long orig_ax;
	unsigned long cs;
};

#pragma clang attribute pop

#endif
