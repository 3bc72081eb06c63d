/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A process moves from stage to stage; the times go into the histograms of its
 * group.
 */
#ifndef SPAWNLAT_STAGES_BPF_H
#define SPAWNLAT_STAGES_BPF_H

#include "groups.bpf.h"

static __always_inline u64 power_of(u64 value)
{
	u64 power = 0;

	for (int shift = 32; shift; shift /= 2)
		if (value >> shift) {
			value >>= shift;
			power += shift;
		}
	return power;
}

/*
 * Global, so that the verifier looks at it once, not at each of its ways in
 * each of its uses.  Indices have 64 bits: some verifiers forget the limit of a
 * smaller one when it is extended.
 */
__noinline u64 slot_of(u64 value)
{
	u64 power, slot;

	if (value < SLOTS_PER_POWER)
		return value;
	power = power_of(value);
	slot = (power - SLOT_BITS + 1) * SLOTS_PER_POWER +
	       ((value >> (power - SLOT_BITS)) & (SLOTS_PER_POWER - 1));
	return slot < SLOTS ? slot : SLOTS - 1;
}

static __noinline int record(u64 group, u32 stage, u64 ns)
{
	u32 index = group * STAGES + stage;
	struct spawnlat_histogram *h;
	u64 slot = slot_of(ns);

	h = bpf_map_lookup_elem(&histograms, &index);
	if (!h || slot >= SLOTS)
		return 0;
	__sync_fetch_and_add(&h->slots[slot], 1);
	__sync_fetch_and_add(&h->sum, ns);
	/* 0 is "none yet".  A preemption right here can lose an extreme. */
	if (!h->min || ns < h->min)
		h->min = ns ?: 1;
	if (ns > h->max)
		h->max = ns;
	return 0;
}

/* Returns the counters of the process's group, if it is asked for. */
static __always_inline struct spawnlat_counts *flush(struct spawnlat_process *p)
{
	struct spawnlat_counts *c = matches(p) ? counts_of(p) : NULL;

	if (c)
		for (int i = 0; i < STAGES; i++)
			if (p->visited & (1 << i))
				record(c->index, i, p->spent[i]);
	p->visited = 0;
	__builtin_memset(p->spent, 0, sizeof(p->spent));
	return c;
}

static __always_inline u32 class_of(const struct spawnlat_process *p)
{
	if (p->execs)
		return p->execs == 1 ? CLASS_EXEC : CLASS_CHAIN;
	/* A child of a template that executes nothing has failed earlier. */
	return p->failed_execs || p->method == METHOD_TEMPLATE ?
		CLASS_EXEC_FAILED : CLASS_NO_EXEC;
}

static __always_inline void describe(struct spawnlat_event *e,
				     const struct spawnlat_process *p)
{
	e->pid = p->pid;
	e->parent = p->parent;
	e->method = p->method;
	e->class_ = class_of(p);
	e->exited = p->exited;
	e->cgroup = p->cgroup;
	e->shown = matches(p);
	copy_name(e->name, p->name);
	copy_name(e->parent_name, p->parent_name);
}

/* To wake the reader costs more than all the rest, and it may want this CPU. */
static __always_inline u64 wakeup(void)
{
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) < wakeup_bytes ?
		BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP;
}

static __always_inline void tell_stage(const struct spawnlat_process *p,
				       u32 stage, u64 start, u64 end)
{
	struct spawnlat_event *e;

	if (!want_events)
		return;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		count_lost(LOST_EVENTS);
		return;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->kind = EVENT_STAGE;
	e->stage = stage;
	e->start = start;
	e->duration = end - start;
	describe(e, p);
	bpf_ringbuf_submit(e, wakeup());
}

static __noinline int add(struct spawnlat_process *p, u64 stage, u64 start,
			  u64 end)
{
	if (!p || stage >= STAGES)
		return 0;
	/* The clocks of two CPUs need not agree to the nanosecond. */
	if (end < start)
		end = start;
	p->spent[stage] += end - start;
	p->visited |= 1ULL << stage;
	tell_stage(p, stage, start, end);
	return 0;
}

/* The present stage is over, the next begins. */
static __always_inline void move(struct spawnlat_process *p, u32 next, u64 now)
{
	/* Never go back, or the stages would add up to more than the total. */
	if (now < p->since)
		now = p->since;
	add(p, p->stage, p->since, now);
	p->stage = next;
	p->since = now;
}

#endif
