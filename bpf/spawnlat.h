/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the BPF programs and the user-space side of spawnlat share. */
#ifndef SPAWNLAT_H
#define SPAWNLAT_H

#include <linux/types.h>

#define SPAWNLAT_NAME_SIZE 16

/*
 * The first eight split the life of a process without a remainder: from
 * entering the call that started it until it is reaped.  The others are looked
 * at beside them, or are parts of them.
 */
enum spawnlat_stage {
	STAGE_CREATE,		/* call entered -> child created */
	STAGE_WAKEUP,		/* created -> first on a CPU */
	STAGE_SETUP,		/* on a CPU -> exec, in a child that tries one */
	STAGE_EXEC_FAILED,	/* execs that did not succeed */
	STAGE_EXEC,		/* exec entered -> new program in place */
	STAGE_LINK,		/* program in place -> its entry point */
	STAGE_RUN,		/* -> next exec or exit; without exec, all of it */
	STAGE_ZOMBIE,		/* exit -> reaped */
	STAGE_TOTAL,		/* call entered -> reaped */
	STAGE_CALLER,		/* call entered -> returned, in the caller */
	STAGE_COPY_MM,		/* part of create */
	STAGE_COPY_FILES,	/* part of create */
	STAGE_COPY_SIGHAND,	/* part of create */
	STAGE_EXEC_OPEN,	/* part of exec: until the binary is accepted */
	STAGE_EXEC_MM,		/* part of exec: the old mm goes, the new comes */
	STAGE_EXEC_MAP,		/* part of exec: the ELF file is mapped */
	STAGE_FAULTS,		/* page faults of the process, until its exit */
	STAGES,
};

#define STAGE_PARTS STAGE_TOTAL	/* how many make up the total */

enum spawnlat_method {
	METHOD_OTHER,		/* started by the kernel, or by a 32-bit call */
	METHOD_FORK,		/* fork(), or the clone() that libc makes of it */
	METHOD_VFORK,
	METHOD_CLONE,
	METHOD_CLONE3,
	METHOD_POSIX_SPAWN,	/* clone, clone3 with CLONE_VM | CLONE_VFORK */
	METHOD_SPAWNTPL_CLONE3,	/* ... CLONE_PIDFD, CLONE_CLEAR_SIGHAND: ours */
	METHOD_TEMPLATE,	/* spawn_template_spawn() */
	METHODS,
};

enum spawnlat_class {
	CLASS_EXEC,		/* executed one program */
	CLASS_CHAIN,		/* executed several, one after the other */
	CLASS_EXEC_FAILED,	/* tried to, and never did */
	CLASS_NO_EXEC,		/* never tried */
	CLASSES,
};

enum spawnlat_group {
	GROUP_NONE,
	GROUP_METHOD,
	GROUP_COMMAND,
	GROUP_CGROUP,
	GROUP_PARENT,
	GROUP_BACKEND,
	GROUPS,
};

/* What could not be counted or shown, for want of room. */
enum spawnlat_lost {
	LOST_PROCESSES,
	LOST_CALLS,
	LOST_GROUPS,
	LOST_EVENTS,
	LOSTS,
};

struct spawnlat_group_key {
	__u64 id;		/* method, cgroup, process, backend */
	char name[SPAWNLAT_NAME_SIZE];	/* command */
};

/*
 * Log-linear: values below 16 have a slot each, each power of two above has
 * 16.  The last power is 2^40 ns, 18 minutes; what is longer is in its slot.
 */
#define SLOT_BITS 4
#define SLOTS_PER_POWER (1 << SLOT_BITS)
#define MAX_POWER 40
#define SLOTS ((MAX_POWER - SLOT_BITS + 2) * SLOTS_PER_POWER)

struct spawnlat_histogram {
	__u64 sum;
	__u64 min;
	__u64 max;
	__u64 slots[SLOTS];
};

struct spawnlat_counts {
	__u64 classes[CLASSES];	/* of the processes that ended */
	__u64 threads;
	__u64 failed_calls;	/* calls that created nothing */
	__u64 execs;
	__u64 failed_execs;
	__u64 faults;
	__u64 linker_maps;
	__u64 index;		/* of the group, among the histograms */
};

/* A process that is alive or not reaped yet; the key is its pid. */
struct spawnlat_process {
	__u64 request;		/* when the call was entered */
	__u64 since;		/* when the present stage began */
	__u64 step;		/* within an exec: when the present part began */
	__u64 spent[STAGES];	/* what is not in a histogram yet */
	__u64 task;		/* address of its first thread */
	__u64 cgroup;
	__u64 caller_ns;
	__u64 meetings;		/* call returned, process reaped: done when both */
	__u64 faults;
	__u64 faults_ns;
	__u64 linker_maps;
	__u32 visited;		/* stages with an entry in spent */
	__u32 pid;
	__u32 parent;
	__u32 exec_thread;	/* which one is in an exec, or 0 */
	__u32 execs;
	__u32 failed_execs;
	__s32 error;		/* of the last exec that failed */
	__s32 failed_step;	/* of a spawn template, or -1 */
	__u8 stage;
	__u8 method;
	__u8 exited;
	__u8 reaped;
	__u8 entered;		/* its entry point was reached */
	__u8 in_exec_part;
	__u8 in_cgroup;
	__u8 pad;
	union {
		char name[SPAWNLAT_NAME_SIZE];
		__u64 name_words[2];
	};
	char parent_name[SPAWNLAT_NAME_SIZE];
};

enum spawnlat_event_kind {
	EVENT_STAGE,		/* a stage, or part of one, is over */
	EVENT_PROCESS,		/* a process is: the last event that it has */
};

struct spawnlat_event {
	__u64 start;		/* CLOCK_MONOTONIC, in ns */
	__u64 duration;
	__u64 cgroup;
	__u32 kind;
	__u32 pid;
	__u32 parent;
	__u32 stage;
	__u32 method;
	__u32 class_;
	__u32 execs;
	__u32 failed_execs;
	__s32 error;
	__s32 failed_step;
	__u32 shown;		/* 0: the filters leave this process out */
	__u32 exited;
	__u64 faults;
	__u64 linker_maps;
	char name[SPAWNLAT_NAME_SIZE];
	char parent_name[SPAWNLAT_NAME_SIZE];
};

#endif
