/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a clone copies, and page faults, where somebody asks for them.
 */
#ifndef SPAWNLAT_DETAILS_BPF_H
#define SPAWNLAT_DETAILS_BPF_H

#include "stages.bpf.h"

/* Static functions, which a compiler may inline: then there is nothing to see. */

static __always_inline int copy_begins(u32 stage)
{
	u32 tid = current_tid();
	struct call *call = bpf_map_lookup_elem(&calls, &tid);

	if (call)
		call->copy_from[stage - STAGE_COPY_MM] = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int copy_ends(u32 stage)
{
	u32 tid = current_tid();
	struct call *call = bpf_map_lookup_elem(&calls, &tid);

	if (call && call->copy_from[stage - STAGE_COPY_MM])
		call->copy_to[stage - STAGE_COPY_MM] = bpf_ktime_get_ns();
	return 0;
}

#define COPY(function, stage)						\
	SEC("fentry/" #function)					\
	int BPF_PROG(fentry_##function)					\
	{								\
		return copy_begins(stage);				\
	}								\
	SEC("fexit/" #function)						\
	int BPF_PROG(fexit_##function)					\
	{								\
		return copy_ends(stage);				\
	}

COPY(dup_mmap, STAGE_COPY_MM)
COPY(dup_fd, STAGE_COPY_FILES)
COPY(copy_sighand, STAGE_COPY_SIGHAND)

SEC("fentry/handle_mm_fault")
int BPF_PROG(fentry_handle_mm_fault)
{
	struct spawnlat_process *p = find(current_tgid());
	u32 tid = current_tid();
	u64 now;

	if (!p)
		return 0;
	now = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&faults, &tid, &now, BPF_ANY))
		count_lost(LOST_CALLS);
	return 0;
}

SEC("fexit/handle_mm_fault")
int BPF_PROG(fexit_handle_mm_fault)
{
	struct spawnlat_process *p = find(current_tgid());
	u32 tid = current_tid();
	u64 *since;

	if (!p)
		return 0;
	since = bpf_map_lookup_elem(&faults, &tid);
	if (!since)
		return 0;
	__sync_fetch_and_add(&p->faults_ns, bpf_ktime_get_ns() - *since);
	__sync_fetch_and_add(&p->faults, 1);
	bpf_map_delete_elem(&faults, &tid);
	return 0;
}

/* Counts them where they cannot be timed. */
SEC("tp_btf/page_fault_user")
int BPF_PROG(page_fault_user)
{
	struct spawnlat_process *p = find(current_tgid());

	if (p)
		__sync_fetch_and_add(&p->faults, 1);
	return 0;
}

#endif
