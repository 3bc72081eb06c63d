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
#include "caller.bpf.h"
#include "child.bpf.h"
#include "details.bpf.h"

/*
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

char LICENSE[] SEC("license") = "GPL";
