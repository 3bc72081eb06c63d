/* SPDX-License-Identifier: MIT */
/*
 * A plugin of QEMU's TCG that counts guest instructions by where they are, between marks that a
 * program in the guest sets: what a profile is made of, without a sample left to chance.
 *
 * A mark is an instruction that does nothing, "nopl 0x5350NNNN(%rax)"; NNNN says what begins there.
 * At the end it writes lines of "MARK ADDRESS INSTRUCTIONS" to its file; see qemu/profile.py.
 *
 * What it uses of QEMU is declared here: Debian has no package with the header. This is version 1
 * of the interface, see docs/devel/tcg-plugins.rst of QEMU.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
enum { QEMU_PLUGIN_CB_NO_REGS = 0, QEMU_PLUGIN_INLINE_ADD_U64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*callback)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *counter,
					      uint64_t add);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*callback)(unsigned int, void *), int flags,
					    void *argument);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t, void *),
				    void *argument);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
			       char **argv);

enum {
	MAX_MARKS = 256,
	MAX_BLOCKS = 1 << 20,
	BUCKETS = 1 << 20,
};

/* The code from an address, as many instructions of it as QEMU translates at once. */
struct block {
	uint64_t address;
	uint64_t instructions;
	struct block *next;
};

static const char *output;
static struct block blocks[MAX_BLOCKS];
static uint64_t counts[MAX_BLOCKS]; /* QEMU adds to them, as instructions are executed. */
static uint64_t seen[MAX_BLOCKS]; /* What they were at the last mark. */
static uint64_t *totals[MAX_MARKS]; /* For each mark what was counted behind it. */
static struct block *buckets[BUCKETS];
static size_t used;
static unsigned int current; /* 0: before the first mark, and between measurements. */

static size_t block_index(uint64_t address, uint64_t instructions)
{
	uint64_t hash = (address * 0x9e3779b97f4a7c15 + instructions) >> 44;
	struct block *block;

	for (block = buckets[hash]; block; block = block->next)
		if (block->address == address && block->instructions == instructions)
			return block - blocks;
	if (used == MAX_BLOCKS) {
		fprintf(stderr, "profile plugin: more than %d blocks of code\n", MAX_BLOCKS);
		exit(1);
	}
	block = &blocks[used];
	*block = (struct block){ address, instructions, buckets[hash] };
	buckets[hash] = block;
	return used++;
}

static void reach_mark(unsigned int cpu, void *argument)
{
	(void)cpu;
	if (current && !totals[current])
		totals[current] = calloc(MAX_BLOCKS, sizeof(uint64_t));
	for (size_t i = 0; i < used; ++i) {
		if (counts[i] == seen[i])
			continue;
		if (current)
			totals[current][i] += counts[i] - seen[i];
		seen[i] = counts[i];
	}
	current = (unsigned int)(uintptr_t)argument;
}

static void find_mark(struct qemu_plugin_insn *insn)
{
	static const unsigned char nop[3] = { 0x0f, 0x1f, 0x80 };
	unsigned char bytes[7];
	uint16_t magic, mark;

	if (qemu_plugin_insn_size(insn) != sizeof(bytes))
		return;
	memcpy(bytes, qemu_plugin_insn_data(insn), sizeof(bytes));
	memcpy(&mark, bytes + 3, sizeof(mark));
	memcpy(&magic, bytes + 5, sizeof(magic));
	if (memcmp(bytes, nop, sizeof(nop)) == 0 && magic == 0x5350 && mark < MAX_MARKS)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, reach_mark, QEMU_PLUGIN_CB_NO_REGS,
						       (void *)(uintptr_t)mark);
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t instructions = qemu_plugin_tb_n_insns(tb);
	size_t index = block_index(qemu_plugin_tb_vaddr(tb), instructions);

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &counts[index],
						 instructions);
	for (size_t i = 0; i < instructions; ++i)
		find_mark(qemu_plugin_tb_get_insn(tb, i));
}

static void write_totals(qemu_plugin_id_t id, void *argument)
{
	FILE *file = fopen(output, "w");

	(void)id;
	(void)argument;
	if (!file) {
		perror(output);
		return;
	}
	for (unsigned int mark = 1; mark < MAX_MARKS; ++mark)
		for (size_t i = 0; totals[mark] && i < used; ++i)
			if (totals[mark][i])
				fprintf(file, "%u %" PRIx64 " %" PRIu64 "\n", mark,
					blocks[i].address, totals[mark][i]);
	fclose(file);
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	static const char option[] = "output=";

	(void)info;
	if (argc != 1 || strncmp(argv[0], option, strlen(option)) != 0) {
		fprintf(stderr, "profile plugin: wants %sFILE\n", option);
		return -1;
	}
	output = strdup(argv[0] + strlen(option));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_atexit_cb(id, write_totals, NULL);
	return 0;
}
