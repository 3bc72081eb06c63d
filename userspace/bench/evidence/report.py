# SPDX-License-Identifier: MIT
"""Writes the report: for each question a figure, an answer, and what it cannot show; and its details."""

import json
from pathlib import Path

import answers
import quiet

PUBLISHED = json.loads((Path(__file__).parent / "literature.json").read_text())

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
     "As many CPUs as the details say; with more threads than those one starts while another waits."),
    ("What of a real program's start is the start?", ("native-start", "vm-start", "native-stages",
                                                      "vm-phases"), answers.programs,
     "A call of `kernel` returns when the program is loaded, one of vfork, clone3 or posix_spawn when the child has "
     "left the caller's memory, fork's before the exec. In a virtual machine libc's start-up pays for CPUID exits that "
     "no count shows."),
    ("What is left of it in a mix of tools?", ("native-agent",), answers.agent,
     "The mix is ours, of the shape that the RFC of May 2026 gave: 6,144 calls, 16 in flight; its "
     "own benchmark is not public, its baseline most likely Python's subprocess."),
    ("When does a template pay?", (), answers.trade,
     "The kernel's memory is the growth of all its slab caches during many templates, as a mean."),
)

# What has one reason and is listed one by one.
MOST_NAMES = 8

CANNOT_SHOW = """\
- Instruction counts (vm) are exact and show work: not cache or TLB misses, not other CPUs, not what leaving a
  virtual machine costs. A `*` marks what another boot, or the other half of its run, does not confirm to 0.1 %.
- Times (native) are of one machine, shared with whatever its host does. p50 over turns of up to five starts (question 1 says
  its own), in another order each round; ratios with a 95 % bootstrap interval, of twelve turns or more. The ends of a
  range (10 to 10,000 descriptors) are measured one after the other: of times compare methods, not ends.
- This kernel is patched in the virtual machine only: times of the kernel's calls need a machine that boots it.
"""


def environment(name, results):
    words = ", ".join(f"{key.replace('_', ' ')} {shown(value)}" for key, value in results.environment.items()
                      if key not in ("busy_part", "calibration", "clock", "machine", "pinned_to"))
    return f"- **{name}**: {words}"


def shown(value):
    if isinstance(value, dict):
        return ", ".join(f"{name} {text}" for name, text in value.items()) or "none"
    return "unknown" if value is None else value


def busy(machines):
    """Times of a machine with something else to do are said to be that before they are shown."""
    native = machines["native"]
    shares = native.of_parts("busy_part") if native else {}
    most = max(shares.values(), default=0)
    if most <= quiet.MOST_BUSY:
        return []
    count = sum(share > quiet.MOST_BUSY for share in shares.values())
    return [f"**The machine was busy** when times were taken: before {count} of {len(shares)} parts, for up to "
            f"{100 * most:.0f} % of its CPUs' time.", ""]


def speed(native):
    """How fast the CPU was when each part began."""
    parts = native.of_parts("calibration") if native else {}
    if not parts:
        return [answers.MISSING]
    ticks = {name: found["ticks"] / 1000 for name, found in parts.items()}
    instructions = next(iter(parts.values()))["instructions"]
    quoted = ", ".join(f"{name.removeprefix('native-')} {value:,.0f}" for name, value in ticks.items())
    lines = [f"A loop of {instructions:,} instructions took {min(ticks.values()):,.0f} to {max(ticks.values()):,.0f} µs "
             f"when the parts of the measurement began: {quoted}. So far times of different parts may be apart."]
    shares = native.of_parts("busy_part")
    if shares:
        lines += ["", "Of all CPUs' time, others used before each part: " + ", ".join(
            f"{name.removeprefix('native-')} {100 * share:.0f} %" for name, share in shares.items()) + "."]
    return lines


def question(number, entry, machines, drawn):
    title, names, answer, caveat = entry
    figures = ", ".join(f"[{name}]({name}.svg)" for name in names if name in drawn)
    return [f"{number}. **{title}** {answer(machines)} *{caveat}*" + (f" {figures}" if figures else "")]


def here(native, entry):
    ours = entry["ours"] if isinstance(entry["ours"], list) else [entry["ours"]]
    return "; ".join(answers.ours(native, wanted) for wanted in ours)


def literature(machines):
    """Each with what it was measured by only in the details."""
    return ["| what | published | here |", "|---|---:|---:|",
            *(f"| {entry['what']} | {entry['published']} ([{entry['source']}]({entry['url']})) "
              f"| {here(machines['native'], entry)} |" for entry in PUBLISHED["ratios"])]


def how_it_was_published(machines):
    return [*(f"- {entry['what']}: {entry['published']}, {entry['how']} ([{entry['source']}]({entry['url']}))."
              for entry in PUBLISHED["ratios"]), "", "What this project measured first, on another machine:", "",
            "| what | then | how | here |", "|---|---:|---|---:|",
            *(f"| {entry['what']} | {entry['figure']} | {entry['how']} | {here(machines['native'], entry)} |"
              for entry in PUBLISHED["earlier"])]


def not_measured(machines):
    """By the reason; of each method, what it was asked."""
    reasons = {}
    for name, results in machines.items():
        if not results:
            reasons.setdefault("no such machine here, or it was not asked", {})[name] = []
            continue
        for row in results.not_measured:
            questions = reasons.setdefault(row["reason"], {}).setdefault(f"{name} {row['method']}", [])
            if row["question"] not in questions:
                questions.append(row["question"])
        for entry in results.skipped:
            reasons.setdefault(entry["why"], {})[f"{name} {entry['what']}"] = []
    return [f"- {shortened(what)}: {reason}" for reason, what in reasons.items()]


def shortened(what):
    names = [f"{name} ({', '.join(questions)})" if questions else name for name, questions in what.items()]
    return ", ".join(names) if len(names) <= MOST_NAMES else f"{', '.join(names[:2])} and {len(names) - 2} more"


def text(machines, drawn):
    lines = ["<!-- Made by `make evidence`. -->", "# What starts cost", "",
             "Start, exit and wait of one child, median, unless something else is said; nolibc is a program of two "
             "instructions. `kernel`, `warm` and `clone3` are this project's backends, in one run with the others and in turns.",
             "", *busy(machines), "## Where a template does not help", "", *answers.where_not(machines), "",
             "## Questions", ""]
    for number, entry in enumerate(QUESTIONS, 1):
        lines += question(number, entry, machines, drawn)
    lines += ["", "## What others have published", "", *literature(machines), "",
              "Other machines, kernels and decades: the direction is to be compared, not the digits.", "",
              "## What this cannot show", "", CANNOT_SHOW,
              "Which functions the instructions are in, the mix of tools by shape, how others measured, what was not "
              "measured and why, and the machines: [details](details.md)."]
    return "\n".join(lines) + "\n"


def details(machines):
    lines = ["<!-- Made by `make evidence`. -->", "# What starts cost: details", "",
             "## Where the instructions went", "", *answers.functions(machines["vm"]), "",
             "## The mix of tools", "", *answers.agent_table(machines, PUBLISHED["rfc"]), "",
             "## How the published figures were measured", "", *how_it_was_published(machines), "",
             "## The speed of the CPU", "", *speed(machines["native"]), "",
             "## Not measured", "", *not_measured(machines), "", "## Environment", ""]
    lines += [environment(name, results) for name, results in machines.items() if results]
    return "\n".join(lines) + "\n"
