# SPDX-License-Identifier: MIT
"""Writes the report: for each question a figure, an answer of one sentence, and what it cannot show."""

import json
from pathlib import Path

import answers

LITERATURE = json.loads((Path(__file__).parent / "literature.json").read_text())

# The question, its figures, who answers it, and the caveat.
QUESTIONS = (
    ("How many starts a second, and how evenly?", ("native-starts",), answers.starts,
     "One caller, one child at a time; the tail is the machine's as much as the method's."),
    ("What does the parent's memory cost?", ("native-rss", "vm-rss"), answers.rss,
     "fork of a parent on huge pages (fork-thp) and Python are processes of their own, of the same "
     "shape. Counts do not see page-walks and cache misses, which make fork worse."),
    ("What do its mappings and threads cost?", ("native-mappings", "native-threads", "vm-mappings",
                                                 "vm-threads"), answers.mappings,
     "The threads sleep: what busy ones suffer while a fork write-protects their memory is not here."),
    ("What do its open descriptors cost?", ("native-fds", "vm-fds"), answers.fds,
     "All but 0 to 2 are close-on-exec duplicates of one file; others cost more to close."),
    ("What does the environment cost?", ("native-env", "vm-env"), answers.env,
     "Variables of 40 bytes; the exec copies them, whoever starts it."),
    ("What does a bare name cost?", ("native-path",), answers.path,
     "Empty directories, all in the kernel's cache of names."),
    ("Do starts scale?", ("native-parallel",), answers.parallel,
     "As many CPUs as the environment below says; more threads than those only queue."),
    ("What of a real program's start is the start?", ("native-start", "vm-start", "native-stages",
                                                      "vm-phases"), answers.programs,
     "In a virtual machine libc's start-up pays for CPUID exits that no count shows."),
    ("What is left of it in a mix of tools?", ("native-agent",), answers.agent,
     "The mix is ours, of the shape that the RFC of May 2026 gave: 6,144 calls, 16 in flight; its "
     "own benchmark is not public, its baseline most likely Python's subprocess."),
    ("When does a template pay?", (), answers.trade,
     "The kernel's memory is the growth of all its slab caches during 500 templates."),
)

CANNOT_SHOW = """\
- Instruction counts (vm) are exact and show work: not cache or TLB misses, not other CPUs, not what leaving a
  virtual machine costs. Where two boots or the halves of a run differ by more than 0.1 % a figure is marked `*`.
- Times (native) are of one machine, shared with whatever its host does. p50 over interleaved turns of five starts,
  ratios with a 95 % bootstrap interval.
- This kernel is patched in the virtual machine only: times of the kernel's calls need a machine that boots it.
"""


def environment(name, results):
    known = {key: value for key, value in results.environment.items()
             if key in ("kernel", "cpu", "cpus", "hypervisor", "accel", "governor", "libc", "compiler",
                        "clocksource", "huge_pages", "load", "series", "spawntpl")}
    words = ", ".join(f"{key} {'unknown' if value is None else value}" for key, value in known.items())
    return f"- **{name}**: {words}"


def question(number, entry, machines, drawn):
    title, names, answer, caveat = entry
    text = [f"### {number}. {title}", "", answer(machines), "", f"*{caveat}*", ""]
    figures = " ".join(f"![{name}]({name}.svg)" for name in names if name in drawn)
    return text + ([figures, ""] if figures else [])


def literature(machines):
    rows = ["| what | published | source | here |", "|---|---:|---|---:|"]
    for entry in LITERATURE:
        rows.append(f"| {entry['what']} | {entry['published']} | {entry['source']} | "
                    f"{answers.ours(machines['native'], entry['ours'])} |")
    rows.append("| a tool mix through templates, calls per second | +2.0 % to +5.0 % | RFC of May 2026 "
                f"| {answers.agent_gain(machines, answers.COLD)} |")
    return rows


def not_measured(machines):
    lines = {}
    for name, results in machines.items():
        if not results:
            lines.setdefault("no such machine here, or it was not asked", []).append(name)
            continue
        for row in results.not_measured:
            lines.setdefault(row["reason"], []).append(f"{name} {row['method']}")
        for entry in results.skipped:
            lines.setdefault(entry["why"], []).append(f"{name} {entry['what']}")
    return [f"- {', '.join(dict.fromkeys(what))}: {reason}" for reason, what in lines.items()]


def text(machines, drawn):
    lines = ["<!-- Made by `make evidence`. -->", "# What starts cost", "",
             "Start, exit and wait of one child, median, unless something else is said; nolibc is a program of two "
             "instructions. `clone3` and `kernel` are this project's backends, in one run with the others and in turns.",
             "", "## Where a template does not help", "", *answers.where_not(machines), "",
             "## Questions", ""]
    for number, entry in enumerate(QUESTIONS, 1):
        lines += question(number, entry, machines, drawn)
    lines += ["## What others have published", "", *literature(machines), "",
              "Other machines, kernels and decades: the direction is to be compared, not the digits.", "",
              "## Where the instructions went", "", *answers.functions(machines["vm"]), "",
              "## What this cannot show", "", CANNOT_SHOW, "## Not measured", "", *not_measured(machines),
              "", "## Environment", ""]
    lines += [environment(name, results) for name, results in machines.items() if results]
    return "\n".join(lines) + "\n"
