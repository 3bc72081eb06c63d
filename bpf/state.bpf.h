/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs keep: options, which user space sets before it loads them,
 * and maps.
 */
#ifndef SPAWNLAT_STATE_BPF_H
#define SPAWNLAT_STATE_BPF_H

#include "kernel_types.h"

#include <linux/bpf.h>
#include <linux/sched.h>
#include <asm/unistd.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "spawnlat.h"

#ifndef __NR_spawn_template_spawn
#define __NR_spawn_template_spawn 473
#endif

/* The code segment of 32-bit programs, whose calls have other numbers. */
#define USER32_CS 0x23

#define WNOWAIT 0x01000000
#define SI_PID 16	/* its offset in siginfo_t */

/* From ERESTARTSYS to ERESTART_RESTARTBLOCK: the call begins anew. */
#define is_restart(ret) ((ret) <= -512 && (ret) >= -516)

const volatile __u32 group_by = GROUP_NONE;
const volatile __u32 max_groups = 1;
const volatile __u32 root_pid = 0;
const volatile __u64 cgroup_filter = 0;
const volatile __u32 cgroup_level = 0;
const volatile __u64 name_filter[2];
const volatile bool filter_name = false;
const volatile bool want_events = false;
/* How much there is to read when the reader is woken; it looks by itself, too. */
const volatile __u64 wakeup_bytes = 0;
/* Without a hook where a process is reaped, it is done when it exits. */
const volatile bool sees_reaping = true;
/* ... and the best one may be the return of the call that waited for it. */
const volatile bool reaped_by_wait = false;
const volatile bool count_maps = false;
const volatile bool want_faults = false;

__u64 lost[LOSTS];
/* The first index that may be free. */
__u32 next_group;
/* How many were created and have not run yet. */
__s64 sleepers;

#define COPIES 3

struct call {
	u64 entered;
	u64 flags;
	u64 copy_from[COPIES];	/* STAGE_COPY_MM and what follows it */
	u64 copy_to[COPIES];
	u32 number;
	u32 child;
	bool compat;
	bool thread;
};

/* By thread: calls under way that create something. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, u32);
	__type(value, struct call);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, u32);
	__type(value, struct spawnlat_process);
} processes SEC(".maps");

/*
 * STAGES for each group, at its index.  An array, for hash tables of this size
 * either waste time or allocate, which can fail where the programs run.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STAGES);
	__type(key, u32);
	__type(value, struct spawnlat_histogram);
} histograms SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct spawnlat_group_key);
	__type(value, struct spawnlat_counts);
} counts SEC(".maps");

/* By index: whose it is. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct spawnlat_group_key);
} groups SEC(".maps");

/* By thread: when the page fault that it handles began. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, u32);
	__type(value, u64);
} faults SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

static const struct spawnlat_process new_process;

static __always_inline void count_lost(enum spawnlat_lost what)
{
	__sync_fetch_and_add(&lost[what], 1);
}

static __always_inline u32 current_tid(void)
{
	return bpf_get_current_pid_tgid();
}

static __always_inline u32 current_tgid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

static __always_inline struct spawnlat_process *find(u32 tgid)
{
	return bpf_map_lookup_elem(&processes, &tgid);
}

/* Whether what the current process starts is asked for. */
static __always_inline bool starts_count(void)
{
	u32 tgid = current_tgid();

	return !root_pid || tgid == root_pid || find(tgid);
}

#endif
