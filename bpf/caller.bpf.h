/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The call that creates a process, in the process that makes it.
 */
#ifndef SPAWNLAT_CALLER_BPF_H
#define SPAWNLAT_CALLER_BPF_H

#include "stages.bpf.h"

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

#endif
