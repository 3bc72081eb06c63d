/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A process from its birth until it is reaped.
 */
#ifndef SPAWNLAT_CHILD_BPF_H
#define SPAWNLAT_CHILD_BPF_H

#include "caller.bpf.h"

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

#endif
