/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Groups of processes and their counters.
 */
#ifndef SPAWNLAT_GROUPS_BPF_H
#define SPAWNLAT_GROUPS_BPF_H

#include "state.bpf.h"

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

#endif
