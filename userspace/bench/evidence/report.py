# SPDX-License-Identifier: MIT
"""Writes the report: for each question a figure, an answer, and what it cannot show; and its details."""

import json
import statistics
from pathlib import Path

import answers
import drawbacks
import quiet
import warm_starts

PUBLISHED = json.loads((Path(__file__).parent / "literature.json").read_text())


def published_gains():
    """Of the mix of tools in the RFC."""
    gains = [100 * (after / before - 1) for before, after in PUBLISHED["rfc"]["calls_per_second"].values()]
    return f"{min(gains):+.1f} to {max(gains):+.1f} %"


# The question, its figures, who answers it, and the caveat.
QUESTIONS = (
    ("How many starts a second, and how evenly?", ("native-starts",), answers.starts,
     "One child at a time; the tail is the machine's, too."),
    ("What does the parent's memory cost?", ("native-rss", "vm-rss"), answers.rss,
     "fork-thp: on huge pages."),
    ("What do its mappings and threads cost?", ("native-mappings", "native-threads", "vm-mappings",
                                                 "vm-threads"), answers.mappings,
     "The threads sleep."),
    ("What do its open descriptors cost?", ("native-fds", "vm-fds"), answers.fds,
     "Close-on-exec duplicates of one file but 0 to 2."),
    ("What does the environment cost?", ("native-env", "vm-env"), answers.env,
     "Variables of 40 bytes."),
    ("What does a bare name cost?", ("native-path",), answers.path,
     "Empty directories, in the kernel's cache."),
    ("Do starts scale?", ("native-parallel",), answers.parallel,
     "With more threads than CPUs, some wait."),
    ("What of a real program's start is the start?", ("native-start", "vm-start", "native-stages",
                                                      "vm-phases"), answers.programs,
     "No count shows libc's CPUID exits in a virtual machine."),
    ("What is left of it in a mix of tools?", ("native-agent",), answers.agent,
     f"Our mix of the RFC's shape: 6,144 calls, 16 in flight; the RFC's, not public, has {published_gains()}."),
    ("When does a template pay?", (), answers.trade,
     "By medians; the kernel's memory: growth of all slab caches, a mean."),
)

# What has one reason and is listed one by one.
MOST_NAMES = 8

CANNOT_SHOW = """\
- Counts (vm) show work: not cache or TLB misses, other CPUs, or exits of a virtual machine. {boots}
- Times (native): one machine and its host. Methods take turns, questions and sizes do not: compare
  methods.{same}
- The patched kernel ran in the virtual machine only.
"""


def environment(name, results):
    commits = dict.fromkeys(results.of_parts("commit").values())
    known = results.environment | ({"commit": " and ".join(commits)} if commits else {})
    words = ", ".join(f"{key.replace('_', ' ')} {shown(value)}" for key, value in known.items()
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


def boots(vm):
    """How far apart the counts of several boots are."""
    rows = [row for row in (vm.rows if vm else []) if row.get("p50_of_other_boots")]
    if not rows:
        return "No other boot has confirmed them."
    spreads = []
    for row in rows:
        counts = [row["p50"], *row["p50_of_other_boots"]]
        spreads.append((max(counts) - min(counts)) / row["p50"])
    most = rows[spreads.index(max(spreads))]
    return (f"{len(rows)} of them, from {1 + len(most['p50_of_other_boots'])} boots, are "
            f"{100 * statistics.median(spreads):.2f} % apart in the median and {100 * max(spreads):.1f} % at most "
            f"({most['program']} by {most['method']}); `*`: another boot, or half of the run, is off by more than 0.1 %; "
            "the others have one boot.")


def same_start(machines):
    """What an ordinary start was in each question that has one: nothing but the order was another."""
    parts = []
    for name, methods, how in (("vm", ("fork", "kernel"), "counted as"), ("native", ("posix_spawn",), "timed as")):
        results = machines[name]
        spans = [f"{min(medians) / 1000:,.0f} to {max(medians) / 1000:,.0f} {answers.UNITS[name]} (`{method}`)"
                 for method in methods for medians in [results.of_the_same(method) if results else []]
                 if len(medians) > 1]
        if spans:
            parts.append(f"{how} {' and '.join(spans)}")
    return f" By the question, one start of nolibc was {', '.join(parts)}." if parts else ""


def same_apart(native):
    spreads = [native.spread(method) for method in native.methods("start", program="nolibc")] if native else []
    return f" (the same start by the same method: up to {max(spreads):.2f}x)" if spreads and max(spreads) > 1 else ""


def called(name, names):
    """By its machine, where there is one figure of each."""
    machines = [other.split("-")[0] for other in names]
    return name if len(set(machines)) < len(machines) else name.split("-")[0]


def without_kernel(machines, names):
    """Whether nothing of the patched kernel is in the questions that the figures are of."""
    questions = {name.split("-", 1)[1] for name in names}
    return bool(questions) and not any(row["question"] in questions and row["method"] in ("kernel", "kernel-warm")
                                       for results in machines.values() if results for row in results.rows)


def question(number, entry, machines, drawn):
    title, names, answer, caveat = entry
    if without_kernel(machines, names):
        caveat += " No `kernel`."
    figures = ", ".join(f"[{called(name, names)}]({name}.svg)" for name in names if name in drawn)
    return [f"{number}. **{title}** {answer(machines)} *{caveat}*" + (f" {figures}" if figures else "")]


def here(native, entry):
    ours = entry["ours"] if isinstance(entry["ours"], list) else [entry["ours"]]
    return "; ".join(answers.ours(native, wanted) for wanted in ours)


def literature(machines):
    """Where it was and what it was measured by only in the details."""
    return [f"- {entry['what']}: {entry['published']}, here {here(machines['native'], entry)}."
            for entry in PUBLISHED["ratios"]]


def how_it_was_published(machines):
    return ["| what | published | how | here |", "|---|---:|---|---:|",
            *(f"| {entry['what']} | {entry['published']} ([{entry['source']}]({entry['url']})) | {entry['how']} "
              f"| {here(machines['native'], entry)} |" for entry in PUBLISHED["ratios"]), "",
            "What this project measured first, on another machine:", "",
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


def known_templates(machines):
    measured = {row["method"] for results in machines.values() if results for row in results.rows}
    return [method for method in ("kernel", *answers.KEPT) if method in measured]


def not_asked(machines):
    """Of ours, what has no row where a property of the caller is varied."""
    asked = {row["method"] for results in machines.values() if results for row in results.rows
             if row["question"] in answers.PROPERTIES and not row["pinned"]}
    names = [f"`{method}`" for method in known_templates(machines) if method not in asked]
    return f" (not {', '.join(names)}: nolibc is static)" if names and asked else ""


def text(machines, drawn):
    lines = ["<!-- Made by `make evidence`. -->", "# What starts cost", "",
             "Medians of one start, exit and wait, unless said otherwise; nolibc: two instructions; "
             "k: thousand instructions. {} and `clone3` are ours; \"the others\": vfork, posix_spawn, "
             "`safe-clone3`, a helper process and ours{}. Ratios of medians in time of methods that took turns have a 95 % "
             "interval (means: none): with 1 in it, no difference was seen; of so many, one or two miss by chance.".format(
                 ", ".join(f"`{method}`" for method in known_templates(machines)), not_asked(machines)),
             "", *busy(machines), "## Where a template does not help", "", *drawbacks.where_not(machines), "",
             "## Questions", ""]
    for number, entry in enumerate(QUESTIONS, 1):
        lines += question(number, entry, machines, drawn)
    lines += ["", "## What others have published", "", "Elsewhere: compare the direction.", "", *literature(machines), "",
              "## What this cannot show", "", CANNOT_SHOW.format(boots=boots(machines["vm"]), same=same_start(machines)),
              "All else, and the machines: [details](details.md)."]
    return "\n".join(lines) + "\n"


def details(machines):
    lines = ["<!-- Made by `make evidence`. -->", "# What starts cost: details", "",
             "## Where the instructions went", "", *answers.functions(machines["vm"]), "",
             "## Every program by every method", "", *answers.start_tables(machines),
             "## Stages of a start by vfork", "", *answers.stage_table(machines["native"]), "",
             "## What starts depend on, and what not", "",
             "Times were measured one after the other: their interval has all that both medians leave possible, not that the "
             f"machine was faster for one of them{same_apart(machines['native'])}.", "",
             *answers.growth_table(machines), "",
             "## Warm starts", "", "To posix_spawn. The mean has what making the child of the next start delays; what another "
             "CPU does of that is in neither.", "",
             *(warm_starts.table(machines) or [answers.MISSING]), "",
             "## The mix of tools", "", "Calls per second of one machine while nothing else ran, by the mean of all rounds; it "
             "shows no other mix, and no larger machine.", "", *answers.agent_table(machines, PUBLISHED["rfc"]), "",
             "## How the published figures were measured", "", *how_it_was_published(machines), "",
             "## The speed of the CPU", "", *speed(machines["native"]), "",
             "## Not measured", "", *not_measured(machines), "", "## Environment", ""]
    lines += [environment(name, results) for name, results in machines.items() if results]
    return "\n".join(lines) + "\n"
