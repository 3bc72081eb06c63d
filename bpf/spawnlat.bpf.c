// SPDX-License-Identifier: GPL-2.0
/*
 * Follows each process from the call that starts it until it is reaped.
 *
 * A process is in one stage at a time; a hook moves it on and adds the time to
 * the stage that it leaves, so that the stages always add up to the total.
 * The times go into the histograms of the process's group when the group is
 * known: at an exec, which gives the process its name, at the exit, and when
 * it is reaped.  Nothing leaves the kernel but events, if somebody wants them.
 *
 * Programs can be preempted by others on the same CPU: counters are atomic.
 */
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

/* --- groups --------------------------------------------------------------- */

static __always_inline void copy_name(char *to, const char *from)
{
	__builtin_memcpy(to, from, SPAWNLAT_NAME_SIZE);
}

static __always_inline bool is_backend(u32 method)
{
	return method == METHOD_TEMPLATE || method == METHOD_SPAWNTPL_CLONE3 ||
	       method == METHOD_POSIX_SPAWN;
}

static __always_inline void
group_of(struct spawnlat_group_key *group, const struct spawnlat_process *p)
{
	group->id = 0;
	__builtin_memset(group->name, 0, sizeof(group->name));
	switch (group_by) {
	case GROUP_METHOD:
		group->id = p->method;
		break;
	case GROUP_COMMAND:
		copy_name(group->name, p->name);
		break;
	case GROUP_CGROUP:
		group->id = p->cgroup;
		break;
	case GROUP_PARENT:
		group->id = p->parent;
		copy_name(group->name, p->parent_name);
		break;
	case GROUP_BACKEND:
		group->id = is_backend(p->method) ? p->method : METHOD_OTHER;
		break;
	}
}

/* Whether the process is one of those asked for, as far as is known now. */
static __always_inline bool matches(const struct spawnlat_process *p)
{
	if (cgroup_filter && !p->in_cgroup)
		return false;
	/* Names are filled up with zeros. */
	return !filter_name || (!((p->name_words[0] ^ name_filter[0]) |
				  (p->name_words[1] ^ name_filter[1])));
}

/* Two may try at once: who writes the entry of an index has it. */
static __noinline int make_group(struct spawnlat_group_key *group)
{
	struct spawnlat_counts c = {};
	u32 index = next_group;

	if (!group)
		return 0;
	for (int tries = 0; tries < 32; tries++, index++) {
		if (index >= max_groups)
			break;
		if (bpf_map_update_elem(&groups, &index, group, BPF_NOEXIST))
			continue;
		next_group = index + 1;
		c.index = index;
		if (bpf_map_update_elem(&counts, group, &c, BPF_NOEXIST)) {
			bpf_map_delete_elem(&groups, &index);
			next_group = index;
		}
		break;
	}
	return 0;
}

static __always_inline struct spawnlat_counts *
counts_of(const struct spawnlat_process *p)
{
	struct spawnlat_group_key group;
	struct spawnlat_counts *c;

	group_of(&group, p);
	c = bpf_map_lookup_elem(&counts, &group);
	if (c)
		return c;
	make_group(&group);
	c = bpf_map_lookup_elem(&counts, &group);
	if (!c)
		count_lost(LOST_GROUPS);
	return c;
}

#define count(p, member, number)					\
	({								\
		struct spawnlat_counts *__c = counts_of(p);		\
									\
		if (__c)						\
			__sync_fetch_and_add(&__c->member, number);	\
	})

/* What is known of the current process only. */
static __always_inline void describe_current(struct spawnlat_process *p)
{
	bpf_get_current_comm(p->name, sizeof(p->name));
	if (group_by == GROUP_CGROUP || cgroup_filter || want_events)
		p->cgroup = bpf_get_current_cgroup_id();
	if (cgroup_filter)
		p->in_cgroup = bpf_get_current_ancestor_cgroup_id(
				       cgroup_level) == cgroup_filter;
}

/* --- histograms ----------------------------------------------------------- */

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

/* --- stages --------------------------------------------------------------- */

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

/* --- the caller ----------------------------------------------------------- */

static __always_inline void call_begins(u32 number, bool compat)
{
	u32 tid = current_tid();
	struct call call = {
		.entered = bpf_ktime_get_ns(),
		.number = number,
		.compat = compat,
	};

	if (!starts_count())
		return;
	if (bpf_map_update_elem(&calls, &tid, &call, BPF_ANY))
		count_lost(LOST_CALLS);
}

static __always_inline u32 method_of(const struct call *call)
{
	const u64 vm_vfork = CLONE_VM | CLONE_VFORK;
	const u64 ours = vm_vfork | CLONE_PIDFD | CLONE_CLEAR_SIGHAND;

	if (!call || call->compat)
		return METHOD_OTHER;
	switch (call->number) {
	case __NR_spawn_template_spawn:
		return METHOD_TEMPLATE;
	case __NR_fork:
		return METHOD_FORK;
	case __NR_vfork:
		return METHOD_VFORK;
	case __NR_clone:
		if ((call->flags & vm_vfork) == vm_vfork)
			return METHOD_POSIX_SPAWN;
		return call->flags & ~(u64)(CLONE_CHILD_SETTID |
					    CLONE_CHILD_CLEARTID) ?
			METHOD_CLONE : METHOD_FORK;
	case __NR_clone3:
		if ((call->flags & ours) == ours)
			return METHOD_SPAWNTPL_CLONE3;
		return (call->flags & vm_vfork) == vm_vfork ?
			METHOD_POSIX_SPAWN : METHOD_CLONE3;
	}
	return METHOD_OTHER;
}

static __always_inline void describe_caller(struct spawnlat_process *p,
					    const struct call *call)
{
	p->method = method_of(call);
	p->parent = current_tgid();
	bpf_get_current_comm(p->parent_name, sizeof(p->parent_name));
	describe_current(p);
}

/* The call has returned and the process is reaped: nothing more will come. */
static __always_inline void finish(struct spawnlat_process *p)
{
	struct spawnlat_event e = {
		.kind = EVENT_PROCESS,
		.start = p->request,
		.duration = p->since - p->request,
		.execs = p->execs,
		.failed_execs = p->failed_execs,
		.error = p->error,
		.failed_step = p->failed_step,
		.faults = p->faults,
		.linker_maps = p->linker_maps,
	};
	struct spawnlat_counts *c = matches(p) ? counts_of(p) : NULL;
	u64 caller_ns = p->caller_ns;
	u32 pid = p->pid;

	describe(&e, p);
	/* Both may come here at once; one of them deletes it. */
	if (bpf_map_delete_elem(&processes, &pid))
		return;
	if (c && caller_ns)
		record(c->index, STAGE_CALLER, caller_ns);
	if (want_events &&
	    bpf_ringbuf_output(&events, &e, sizeof(e), wakeup()))
		count_lost(LOST_EVENTS);
}

static __always_inline void meet(struct spawnlat_process *p)
{
	__sync_fetch_and_add(&p->meetings, 1);
	if (p->meetings >= 2)
		finish(p);
}

static __always_inline void call_ends(long ret)
{
	u32 tid = current_tid();
	u64 now = bpf_ktime_get_ns();
	struct spawnlat_process *p;
	struct call *call;

	call = bpf_map_lookup_elem(&calls, &tid);
	if (!call)
		return;
	if (call->child) {
		p = find(call->child);
		if (p && p->request == call->entered) {
			p->caller_ns = now - call->entered;
			tell_stage(p, STAGE_CALLER, call->entered, now);
			meet(p);
		}
	} else if (ret < 0 && !is_restart(ret)) {
		struct spawnlat_process caller = {};

		describe_caller(&caller, call);
		if (matches(&caller))
			count(&caller, failed_calls, 1);
	}
	bpf_map_delete_elem(&calls, &tid);
}

SEC("tp_btf/task_newtask")
int BPF_PROG(task_newtask, struct task_struct *task, u64 flags)
{
	u32 tid = current_tid();
	struct call *call = bpf_map_lookup_elem(&calls, &tid);

	if (call)
		call->flags = flags;
	return 0;
}

static __always_inline void thread_created(struct call *call)
{
	struct spawnlat_process caller = {};

	describe_caller(&caller, call);
	if (matches(&caller))
		count(&caller, threads, 1);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent,
	     struct task_struct *child)
{
	u64 now = bpf_ktime_get_ns();
	u32 tid = current_tid(), pid = child->pid;
	struct call *call = bpf_map_lookup_elem(&calls, &tid);
	struct spawnlat_process *p;

	if (child->flags & PF_KTHREAD)
		return 0;
	if (child->pid != child->tgid) {
		if (call && !call->thread) {
			call->thread = true;
			call->child = 0;
			thread_created(call);
		}
		return 0;
	}
	if (!starts_count())
		return 0;
	/* What had this pid, if it was not seen to be reaped, is forgotten. */
	if (bpf_map_update_elem(&processes, &pid, &new_process, BPF_ANY)) {
		count_lost(LOST_PROCESSES);
		return 0;
	}
	p = bpf_map_lookup_elem(&processes, &pid);
	if (!p)
		return 0;
	p->pid = pid;
	p->failed_step = -1;
	describe_caller(p, call);
	p->request = p->since = call ? call->entered : now;
	p->meetings = !call;
	p->stage = STAGE_CREATE;
	if (call) {
		call->child = pid;
		for (int i = 0; i < COPIES; i++)
			if (call->copy_to[i])
				add(p, STAGE_COPY_MM + i, call->copy_from[i],
				    call->copy_to[i]);
	}
	p->task = (unsigned long)child;
	move(p, STAGE_WAKEUP, now);
	__sync_fetch_and_add(&sleepers, 1);
	return 0;
}

/* --- the child ------------------------------------------------------------ */

static __always_inline int on_cpu(u32 pid)
{
	struct spawnlat_process *p = find(pid);

	if (p && p->stage == STAGE_WAKEUP) {
		move(p, STAGE_SETUP, bpf_ktime_get_ns());
		__sync_fetch_and_add(&sleepers, -1);
	}
	return 0;
}

static __always_inline void exec_begins(struct spawnlat_process *p, u64 now)
{
	p->exec_thread = current_tid();
	p->step = now;
	p->in_exec_part = STAGE_EXEC_OPEN;
	move(p, STAGE_EXEC, now);
}

static __always_inline int exec_entered(void)
{
	struct spawnlat_process *p = find(current_tgid());

	if (p && !p->exec_thread)
		exec_begins(p, bpf_ktime_get_ns());
	return 0;
}

/* One part of an exec ends, the next begins. */
static __always_inline int exec_part(u32 next)
{
	struct spawnlat_process *p = find(current_tgid());
	u64 now;

	if (!p)
		return 0;
	now = bpf_ktime_get_ns();
	/* No system call has led here. */
	if (!p->exec_thread)
		exec_begins(p, now);
	else
		add(p, p->in_exec_part, p->step, now);
	p->step = now;
	p->in_exec_part = next;
	return 0;
}

static __always_inline void exec_fails(struct spawnlat_process *p, s64 error,
				       u64 now)
{
	p->exec_thread = 0;
	p->in_exec_part = 0;
	p->failed_execs++;
	p->error = error;
	p->stage = STAGE_EXEC_FAILED;
	move(p, p->execs ? STAGE_RUN : STAGE_SETUP, now);
	if (matches(p))
		count(p, failed_execs, 1);
}

static __always_inline int exec_left(s64 ret)
{
	struct spawnlat_process *p = find(current_tgid());

	if (p && ret < 0 && p->stage == STAGE_EXEC &&
	    p->exec_thread == current_tid())
		exec_fails(p, ret, bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task)
{
	struct spawnlat_process *p = find(current_tgid());
	struct spawnlat_counts *c;
	u64 now;

	if (!p)
		return 0;
	now = bpf_ktime_get_ns();
	if (p->in_exec_part == STAGE_EXEC_MAP)
		add(p, STAGE_EXEC_MAP, p->step, now);
	move(p, STAGE_RUN, now);
	p->exec_thread = 0;
	p->in_exec_part = 0;
	p->entered = 0;
	p->execs++;
	/* A thread that executes takes the place of the first one. */
	p->task = (unsigned long)task;
	describe_current(p);
	c = flush(p);
	if (c)
		__sync_fetch_and_add(&c->execs, 1);
	return 0;
}

SEC("tp_btf/spawn_template_fail")
int BPF_PROG(spawn_template_fail, const char *name, u32 step, s32 index,
	     int error)
{
	struct spawnlat_process *p = find(current_tgid());

	if (!p || p->method != METHOD_TEMPLATE || p->execs)
		return 0;
	p->failed_step = step;
	if (p->stage == STAGE_EXEC)
		exec_fails(p, error, bpf_ktime_get_ns());
	else
		p->error = error;
	return 0;
}

/* The child of a template makes no system call that would tell. */
SEC("tp_btf/spawn_template_child")
int BPF_PROG(spawn_template_child)
{
	return on_cpu(current_tgid());
}

SEC("uprobe")
int entry_point(void *ctx)
{
	struct spawnlat_process *p = find(current_tgid());
	u64 now = bpf_ktime_get_ns();
	struct spawnlat_counts *c;

	if (!p || p->stage != STAGE_RUN || p->entered)
		return 0;
	p->entered = 1;
	p->stage = STAGE_LINK;
	move(p, STAGE_RUN, now);
	c = flush(p);
	if (c)
		__sync_fetch_and_add(&c->linker_maps, p->linker_maps);
	return 0;
}

static __always_inline int mapped(void)
{
	struct spawnlat_process *p = find(current_tgid());

	if (p && p->stage == STAGE_RUN && p->execs && !p->entered)
		__sync_fetch_and_add(&p->linker_maps, 1);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task)
{
	u32 tid = current_tid();
	struct spawnlat_process *p;
	struct spawnlat_counts *c;
	struct call *call;
	u64 now, class;

	/* Killed within a call, for instance while a vfork's child ran. */
	call = bpf_map_lookup_elem(&calls, &tid);
	if (call) {
		p = call->child ? find(call->child) : NULL;
		if (p && p->request == call->entered)
			meet(p);
		bpf_map_delete_elem(&calls, &tid);
	}
	if (want_faults)
		bpf_map_delete_elem(&faults, &tid);

	p = find(current_tgid());
	/* The process ends with its last thread. */
	if (!p || BPF_CORE_READ(task, signal, live.counter) || p->exited)
		return 0;
	now = bpf_ktime_get_ns();
	p->exited = 1;
	describe_current(p);
	if (p->stage == STAGE_EXEC)
		exec_fails(p, p->error, now);
	if (class_of(p) == CLASS_NO_EXEC && p->stage == STAGE_SETUP)
		p->stage = STAGE_RUN;
	if (p->faults_ns) {
		p->spent[STAGE_FAULTS] = p->faults_ns;
		p->visited |= 1 << STAGE_FAULTS;
	}
	move(p, STAGE_ZOMBIE, now);
	c = flush(p);
	class = class_of(p);
	if (c && class < CLASSES) {
		__sync_fetch_and_add(&c->classes[class], 1);
		if (want_faults)
			__sync_fetch_and_add(&c->faults, p->faults);
	}
	if (!sees_reaping)
		meet(p);
	return 0;
}

static __always_inline int reaped(struct spawnlat_process *p)
{
	if (!p || !p->exited || p->reaped)
		return 0;
	p->reaped = 1;
	move(p, STAGE_ZOMBIE, bpf_ktime_get_ns());
	p->spent[STAGE_TOTAL] = p->since - p->request;
	p->visited |= 1 << STAGE_TOTAL;
	flush(p);
	meet(p);
	return 0;
}

static __always_inline int released(struct task_struct *task)
{
	pid_t pid = BPF_CORE_READ(task, pid);

	return pid == BPF_CORE_READ(task, tgid) ? reaped(find(pid)) : 0;
}

/* The pid is that of the caller's namespace; it may be somebody else's. */
static __always_inline int waited(u32 pid)
{
	struct spawnlat_process *p = find(pid);

	return p && p->parent == current_tgid() ? reaped(p) : 0;
}

/* --- where to hook in ------------------------------------------------------
 * There are up to three ways to see the same.  fentry and fexit cost least; a
 * kernel without the function tracer, or one that forbids them, has kprobes or
 * trace points.  User space loads the best way that the kernel offers.
 */

#define ENTRY(function, body)						\
	SEC("fentry/" #function)					\
	int BPF_PROG(fentry_##function)					\
	{								\
		return body;						\
	}

#define ENTRY_OR_KPROBE(function, body)					\
	ENTRY(function, body)						\
	SEC("kprobe/" #function)					\
	int BPF_KPROBE(kprobe_##function)				\
	{								\
		return body;						\
	}

ENTRY(schedule_tail, on_cpu(current_tgid()))
ENTRY_OR_KPROBE(begin_new_exec, exec_part(STAGE_EXEC_MM))
ENTRY_OR_KPROBE(setup_new_exec, exec_part(STAGE_EXEC_MAP))
/* Where the exec of a template's child begins; it makes no system call. */
ENTRY_OR_KPROBE(spawn_image_open, exec_entered())

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev,
	     struct task_struct *next)
{
	/* Most switches are not to a new process. */
	return sleepers ? on_cpu(next->pid) : 0;
}

/* Since Linux 6.10. */
SEC("tp_btf/sched_prepare_exec")
int BPF_PROG(sched_prepare_exec)
{
	return exec_part(STAGE_EXEC_MM);
}

SEC("fentry/release_task")
int BPF_PROG(fentry_release_task, struct task_struct *task)
{
	return released(task);
}

SEC("kprobe/release_task")
int BPF_KPROBE(kprobe_release_task, struct task_struct *task)
{
	return released(task);
}

/* Later than it is reaped, but nobody may have waited for it. */
SEC("tp_btf/sched_process_free")
int BPF_PROG(sched_process_free, struct task_struct *task)
{
	struct spawnlat_process *p = find(task->pid);

	return p && p->task == (unsigned long)task ? reaped(p) : 0;
}

SEC("fentry/kernel_clone")
int BPF_PROG(fentry_kernel_clone)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct pt_regs *regs;

	if (task->flags & PF_KTHREAD)
		return 0;
	regs = (void *)bpf_task_pt_regs((void *)task);
	call_begins(regs->orig_ax, regs->cs == USER32_CS);
	return 0;
}

SEC("fexit/kernel_clone")
int BPF_PROG(fexit_kernel_clone, void *args, pid_t ret)
{
	call_ends(ret);
	return 0;
}

SEC("fentry/__x64_sys_spawn_template_spawn")
int BPF_PROG(fentry_spawn_template_spawn)
{
	call_begins(__NR_spawn_template_spawn, false);
	return 0;
}

SEC("fexit/__x64_sys_spawn_template_spawn")
int BPF_PROG(fexit_spawn_template_spawn, void *regs, long ret)
{
	call_ends(ret);
	return 0;
}

#define EXEC_CALL(name)							\
	SEC("fentry/__x64_sys_" #name)					\
	int BPF_PROG(fentry_##name)					\
	{								\
		return exec_entered();					\
	}								\
	SEC("fexit/__x64_sys_" #name)					\
	int BPF_PROG(fexit_##name, void *regs, long ret)		\
	{								\
		return exec_left(ret);					\
	}

EXEC_CALL(execve)
EXEC_CALL(execveat)

SEC("fentry/__x64_sys_mmap")
int BPF_PROG(fentry_mmap)
{
	return mapped();
}

SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *regs, long number)
{
	switch (number) {
	case __NR_mmap:
		return count_maps && regs->cs != USER32_CS ? mapped() : 0;
	case __NR_execve:
	case __NR_execveat:
		return regs->cs != USER32_CS ? exec_entered() : 0;
	case __NR_fork:
	case __NR_vfork:
	case __NR_clone:
	case __NR_clone3:
	case __NR_spawn_template_spawn:
		if (regs->cs != USER32_CS)
			call_begins(number, false);
	}
	return 0;
}

/* waitid() writes the pid to the third argument's si_pid, unless it is NULL. */
static __always_inline int waitid_left(struct pt_regs *regs, long ret)
{
	u32 pid = 0;

	/* It may have been told to leave the zombie alone. */
	if (ret || regs->r10 & WNOWAIT || !regs->dx)
		return 0;
	bpf_probe_read_user(&pid, sizeof(pid), (void *)(regs->dx + SI_PID));
	return waited(pid);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
	switch ((long)regs->orig_ax) {
	case __NR_wait4:
		return reaped_by_wait && ret > 0 ? waited(ret) : 0;
	case __NR_waitid:
		return reaped_by_wait ? waitid_left(regs, ret) : 0;
	case __NR_execve:
	case __NR_execveat:
		return exec_left(ret);
	case __NR_fork:
	case __NR_vfork:
	case __NR_clone:
	case __NR_clone3:
		/* In the child.  One switch in thousands is not reported. */
		if (!ret)
			return on_cpu(current_tgid());
		/* Fall through. */
	case __NR_spawn_template_spawn:
		call_ends(ret);
	}
	return 0;
}

/* --- what a clone copies; static functions, which a compiler may inline --- */

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

/* --- page faults, if they are asked for ----------------------------------- */

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

char LICENSE[] SEC("license") = "GPL";
