# SPDX-License-Identifier: MIT
"""Sentences with figures in them. Each takes the machines' results and copes with what is missing."""

from amounts import UNITS, figure, gain, median, timed, times, without_interval

MISSING = "Not measured."
# Backends of ours, in the order of what they need of the system.
LIBRARY = ("kernel", "warm", "clone3", "lib-posix_spawn")
TEMPLATES = LIBRARY[:-1]
# What nobody has to patch a kernel for, and nobody forgets anything of: the honest baseline.
BY_HAND = "safe-clone3"
# What a dynamic linker starts.
DYNAMIC = ("hello", "true", "sed", "grep", "awk", "git", "bash", "python3")
# Of what is varied something does not depend as long as it changes by no more.
STEADY = 0.2
NO_GAIN = 0.98


def growth(machines, question, member, what, methods):
    """For each machine: what grows from the smallest to the largest, and that the others do not."""
    sentences = []
    for name, results in machines.items():
        ends = {method: pair for method in methods for pair in [results and results.ends(question, member, method)]
                if pair}
        if not ends:
            continue
        first, last = next(iter(ends.values()))
        changes = {method: many["p50"] / few["p50"] - 1 for method, (few, many) in ends.items()}
        parts = [f"`{method}` {median(few)} to {median(many)}" + other_span(few, many, first, last, member)
                 for method, (few, many) in ends.items() if changes[method] > STEADY]
        steady = [method for method in ends if changes[method] <= STEADY]
        if steady:
            most = max((changes[method] for method in steady), key=abs)
            costs = span([row["p50"] / 1000 for method in steady for row in ends[method]])
            parts.append(f"{listed(steady)} {costs}, changed by {changed(most)}")
        sentences.append(f"{name}, {first['parent'][member]:,} to {last['parent'][member]:,} {what}: "
                         f"{'; '.join(parts)} ({UNITS[name]}).")
    return " ".join(sentences) or MISSING


def changed(part):
    return f"at most {100 * abs(part):.0f} %" if abs(part) >= 0.01 else "less than 1 %"


def listed(methods):
    return ", ".join(f"`{method}`" for method in methods)


def span(values):
    return f"{min(values):,.0f} to {max(values):,.0f}"


def other_span(few, many, first, last, member):
    """For a method that not all of it was measured of."""
    span = [row["parent"][member] for row in (few, many)]
    return "" if span == [row["parent"][member] for row in (first, last)] else f" ({span[0]:,} to {span[1]:,})"


def rss(machines):
    return growth(machines, "rss", "rss_mib", "MiB",
                  ("fork", "fork-thp", "posix_spawn", "vfork", "helper", BY_HAND, *TEMPLATES))


def mappings(machines):
    methods = ("fork", "posix_spawn", BY_HAND, *TEMPLATES)
    return " ".join((growth(machines, "mappings", "extra_mappings", "mappings", methods),
                     growth(machines, "threads", "threads", "threads", methods)))


def fds(machines):
    return growth(machines, "fds", "fds", "descriptors", ("fork", "posix_spawn", "vfork", BY_HAND, *TEMPLATES))


def env(machines):
    text = growth(machines, "env", "env", "variables", ("posix_spawn", "vfork", BY_HAND, *TEMPLATES))
    return " ".join([text, *(sentence for name, results in machines.items() if results
                             for sentence in prepared_environment(name, results))])


def prepared_environment(name, results):
    """Of the first of our methods that has it."""
    for method in TEMPLATES:
        rows = {variant or "inherited": results.one("env", method=method, variant=variant, env=1000)
                for variant in (None, "changed", "prepared")}
        if not rows["inherited"] or not rows["prepared"]:
            continue
        saved = 1 - rows["prepared"]["p50"] / rows["inherited"]["p50"]
        costs = ", ".join(f"{variant} {median(row)}" for variant, row in rows.items() if row)
        verdict = f"a prepared one saves {100 * saved:.0f} %" if saved >= 0.02 else "to prepare it gains nothing"
        return [f"{name}, 1,000 by `{method}`: {costs}: {verdict}."]
    return []


def starts(machines):
    native = machines["native"]
    rows = native.select("starts") if native else []
    if not rows:
        return MISSING
    most = max(row["starts"] for row in rows)
    rows = [row for row in rows if row["starts"] == most and
            row["method"] in ("fork", "vfork", "posix_spawn", BY_HAND, *TEMPLATES, "exec-loop")]
    # A sample of exec-loop is a mean of many execs, which has no tail.
    parts = [f"`{row['method']}` {row['per_second']:,.0f}/s" +
             (f" (p99 {row['p99'] / 1000:,.0f} µs)" if row["method"] != "exec-loop" else "") for row in rows]
    loops = f", in loops of {rows[0]['in_a_row']:,}" if rows[0].get("in_a_row") else ", in turns"
    return f"{most:,} starts of nolibc by each{loops}: {', '.join(parts)}."


def path(machines):
    native = machines["native"]
    parts = []
    for method in ("vfork", "posix_spawn", *TEMPLATES):
        absolute = figure(native, "path", method=method, variant="absolute path")
        last = figure(native, "path", method=method, path_entries=50, hit="last")
        if absolute and last:
            parts.append(f"`{method}` {absolute} and {last} µs")
    return ("By an absolute path, and by a name in the last of 50 directories: "
            f"{', '.join(parts)}; a template has searched before.") if parts else MISSING


def parallel(machines):
    native = machines["native"]
    parts = []
    for method in ("posix_spawn", BY_HAND, *TEMPLATES):
        rates = {row["workers"]: row["per_second"]
                 for row in (native.select("parallel", method=method) if native else [])}
        if len(rates) > 1:
            best = max(rates, key=rates.get)
            more = f"{rates[best]:,.0f} by {best}" if best != min(rates) else "no more by several"
            parts.append(f"`{method}` {rates[min(rates)]:,.0f}/s by one thread, {more}")
    for method in ("batch", "supervisor"):
        relation = times(native, "parallel", method, "posix_spawn", workers=1)
        if relation:
            parts.append(f"`{method}` {relation} of posix_spawn's time")
    return f"{'; '.join(parts)}." if parts else MISSING


def programs(machines):
    """What of a start is done when the call returns, and what the program's own."""
    vm = machines["vm"]
    parts = []
    for program in ("nolibc", "true", "git", "python3"):
        row = vm and vm.one("start", program=program, method="kernel")
        if row:
            parts.append(f"{program} {100 * (row['p50'] - row['return_p50']) / row['p50']:.0f} %")
    if not parts:
        return MISSING
    text = f"Of all instructions of a start by `kernel`, after the exec: {', '.join(parts)}."
    entries = [entry for entry in vm.profile if entry["program"] == "true" and entry["method"] == "kernel"]
    split = {(entry["phase"], side): entry[side] / 1000 for entry in entries for side in ("kernel", "user")}
    if len(split) == 4:
        text += (f" Of `true`, {split['start', 'kernel']:,.0f}k are the kernel's until the call returns, "
                 f"{split['after', 'user']:,.0f}k the dynamic linker's and the program's after it, "
                 f"{split['after', 'kernel']:,.0f}k the kernel's for them.")
    return " ".join((text, *warm(machines)))


def warm(machines):
    """What is gained where the program's own start is left out as well."""
    sentences = []
    for name, results in machines.items():
        parts = [f"{program} {without_interval(text)}" for program in DYNAMIC
                 for text in [times(results, "start", "warm", "posix_spawn", program=program)] if text]
        if parts:
            sentences.append(f"{name}, `warm` to posix_spawn: {', '.join(parts)}.")
    return sentences


def agent(machines):
    """What is left of it in a mix: for each backend, what it gains to posix_spawn, or that this cannot be seen."""
    native = machines["native"]
    sentences = []
    for method in LIBRARY:
        rows = agent_rows(native, method)
        if not rows:
            continue
        gains = [gain(row) for row in rows]
        values = [value for value, _ in gains]
        sentences.append(f"`{method}` makes {min(values):+.1f} to {max(values):+.1f} % calls per second to "
                         f"posix_spawn: {verdict(rows, [interval for _, interval in gains if interval])}.")
    return " ".join(sentences) or MISSING


def agent_rows(native, method):
    return [row for row in (native.select("agent", method=method) if native else []) if "posix_spawn" in row["ratio"]]


def verdict(rows, intervals):
    if len(intervals) < len(rows):
        return "too few samples to tell"
    seen = sum(not low <= 0 <= high for low, high in intervals)
    if seen:
        return f"a difference in {seen} of {len(rows)} shapes"
    widest = max(max(-low, high) for low, high in intervals)
    return f"no difference that {rows[0]['n']} samples can show ({widest:.0f} % might be there)"


def agent_table(machines, rfc):
    """As the RFC's table, with its pairs beside, and below what each gains with its interval."""
    native = machines["native"]
    methods = native.methods("agent") if native else []
    if not methods:
        return [MISSING]
    lines = [f"| workers x in flight | calls | {' | '.join(f'{method}/s' for method in methods)} | RFC, /s |",
             "|---" + "|---:" * (len(methods) + 2) + "|"]
    for variant in dict.fromkeys(row["variant"] for row in native.select("agent")):
        rows = [native.one("agent", variant=variant, method=method) for method in methods]
        calls = next(row["calls"] for row in rows if row)
        cells = [f"{row['per_second']:,.0f}" if row else "-" for row in rows]
        pair = rfc["calls_per_second"].get(variant)
        theirs = f"{pair[0]:,.0f} to {pair[1]:,.0f} ({100 * (pair[1] / pair[0] - 1):+.1f} %)" if pair else "-"
        lines.append(f"| {variant} | {calls:,} | {' | '.join(cells)} | {theirs} |")
    gains = [f"- `{method}` to posix_spawn, by the medians: "
             f"{', '.join(agent_gain(row) for row in agent_rows(native, method))}."
             for method in LIBRARY if agent_rows(native, method)]
    return [*lines, "", *gains]


def agent_gain(row):
    value, interval = gain(row)
    return f"{row['variant']} {value:+.1f} %" + (f" [{interval[0]:+.1f}, {interval[1]:+.1f}]" if interval else "")


def trade(machines):
    """Each backend on the first machine that has it."""
    sentences, said = [], set()
    for name, results in machines.items():
        rows = [row for row in (results.select("template") if results else [])
                if row["method"].startswith("create ") and row["backend"] not in said and
                row["program"] == ("true" if row["backend"] == "warm" else "nolibc")]
        if rows:
            said.update(row["backend"] for row in rows)
            parts = [f"`{row['backend']}` {row['p50'] / 1000:,.1f} {UNITS[name]}{held(row)}; it {pays(row)}"
                     for row in rows]
            sentences.append(f"{name}, to create: {'. '.join(parts)}.")
    return " ".join(sentences) or MISSING


def held(row):
    if "processes" in row:
        return f", {row['processes']} process{'es' if row['processes'] > 1 else ''} of {row['process_bytes'] / 1024:,.0f} KiB"
    if row.get("heap_bytes") is None:
        return ""
    kernel = row.get("kernel_slab_bytes")
    # Without a descriptor there is nothing that the kernel could hold; below 0 others gave memory back.
    of_kernel = f", {kernel:,.0f} in the kernel" if row["fds"] and (kernel or -1) >= 0 else ""
    return f" and {row['heap_bytes']:,.0f} bytes{of_kernel}"


def pays(row):
    paid, never = [], []
    for method in ("posix_spawn", "vfork"):
        starts = row.get(f"break_even_{method}", "not compared")
        if starts is None:
            never.append(method)
        elif starts != "not compared":
            paid.append(f"after {starts:,.0f} start{'' if starts == 1 else 's'} against {method}")
    if not paid:
        return f"never pays against {' or '.join(never)}" if never else "was not compared"
    return f"pays {' and '.join(paid)}" + (f", never against {' or '.join(never)}" if never else "")


def where_not(machines):
    """What a reader has to know before the rest."""
    lines = []

    def line(text, *values):
        if all(value is not None for value in values):
            lines.append("- " + text.format(*values))

    vm, native = machines["vm"], machines["native"]
    line(f"Against a careful start by hand on a stock kernel (`{BY_HAND}`: clone3 that shares the descriptors and "
         "leaves them by close_range, with all signals and errors handled) the system call alone is {} at 10 "
         "descriptors and {} at 10,000, the library with it {} and {}.",
         *(times(vm, "fds", method, BY_HAND, fds=fds) for method in ("raw-kernel", "kernel") for fds in (10, 10_000)))
    line("Of a whole start of git `kernel` needs {} of what `" + BY_HAND + "` does.",
         times(vm, "start", "kernel", BY_HAND, program="git"))
    line("A small parent: a start by `kernel` is {} of `vfork` and exec, and {} of glibc's posix_spawn; the second "
         "gap is glibc's.", times(vm, "fds", "kernel", "vfork", fds=10),
         times(vm, "fds", "kernel", "posix_spawn", fds=10))
    line("A program with a dynamic linker: `kernel` keeps the caller for {} of the time of `vfork` (true: {} to {} "
         "thousand instructions until the call returns): it returns when the program is loaded, vfork when the child "
         "has left the caller's memory.",
         times(vm, "start", "kernel", "vfork", what="return_p50", program="true"),
         *(row and f"{row['return_p50'] / 1000:,.0f}" for method in ("kernel", "vfork")
           for row in [vm and vm.one("start", program="true", method=method)]))
    line("On a stock kernel a template's `clone3` is {} of `vfork`, and {} of `" + BY_HAND + "`.",
         timed(native, "fds", "clone3", "vfork", fds=10), timed(native, "fds", "clone3", BY_HAND, fds=10))
    line("Where only posix_spawn works, a template adds to it: {}. A helper process that was started early, and needs "
         "no patch, is {} of posix_spawn.", timed(native, "fds", "lib-posix_spawn", "posix_spawn", fds=10),
         timed(native, "fds", "helper", "posix_spawn", fds=10))
    lines += [*real_programs(machines), *kept_warm(machines)]
    line("A prepared environment is no faster than an inherited one: {} of it by `clone3`.",
         prepared_relation(native, "clone3"))
    line("No exec is made faster: a loop of execs alone, the floor, is {} µs of the {} of `clone3`.",
         figure(native, "start", program="nolibc", method="exec-loop"),
         figure(native, "start", program="nolibc", method="clone3"))
    return lines or [MISSING]


def real_programs(machines):
    """Most of their start is their own, unless it is left out."""
    parts = []
    for method, name, how in (("kernel", "vm", "counted"), ("clone3", "native", "in time")):
        relations = [f"{program} {without_interval(text)}" for program in ("true", "git", "python3")
                     for text in [times(machines[name], "start", method, "posix_spawn", program=program)] if text]
        if relations:
            parts.append(f"by `{method}`, {how}, {', '.join(relations)}")
    lines = [f"- Of real programs' starts by posix_spawn: {'; '.join(parts)}. The rest is the program's own, and of a "
             "mix of tools (question 9) even more."] if parts else []
    return lines


def kept_warm(machines):
    """What the fastest way to start a program costs elsewhere."""
    lines = []
    for name, results in machines.items():
        slower = [f"{program} {text}" for program in DYNAMIC
                  for text, relation in [relation_to(results, "warm", "posix_spawn", program)] if relation >= NO_GAIN]
        caller = times(results, "start", "warm", "posix_spawn", what="return_p50", program="true")
        kept = results and results.one("template", method="create warm", program="true")
        parts = ([f"keeps the caller for {caller} of posix_spawn's time (true), as it returns when the child stands "
                  "before its main()"] if caller else []) + (
                 [f"holds{held(kept)[1:]}"] if kept and held(kept) else []) + (
                 [f"gains nothing for {', '.join(slower)}"] if slower else [])
        if parts:
            lines.append(f"- `warm` ({name}) {'; '.join(parts)}; a static program has no warm start.")
    return lines


def relation_to(results, method, to, program):
    """As text and as a number, which is 0 where it was not measured."""
    rows = [results and results.one("start", method=name, program=program) for name in (method, to)]
    if not all(rows):
        return None, 0
    return times(results, "start", method, to, program=program), rows[0]["p50"] / rows[1]["p50"]


def prepared_relation(results, method):
    rows = [results and results.one("env", method=method, variant=variant, env=1000)
            for variant in ("prepared", None)]
    # Said only where it is so.
    if not all(rows) or rows[0]["p50"] < NO_GAIN * rows[1]["p50"]:
        return None
    return f"{rows[0]['p50'] / rows[1]['p50']:.2f}x"


def ours(results, wanted):
    """What the figure of a publication is here."""
    if not results:
        return "-"
    question = wanted["question"]
    if "method" in wanted:
        slow = results.p50(question, method=wanted["method"], env=wanted["slow_env"], variant=None)
        fast = results.p50(question, method=wanted["method"], env=wanted["fast_env"], variant=None)
        return f"{slow / fast:.2f}x" if slow and fast else "-"
    shape = {name: wanted[name] for name in ("rss_mib", "fds") if name in wanted}
    text = times(results, question, wanted["slow"], wanted["fast"], **shape)
    return f"{text} (`{wanted['slow']}`)" if text else "-"


def functions(results):
    """Of each method, the functions in which most instructions of its start are."""
    entries = [entry for entry in (results.profile if results else [])
               if entry["program"] == "nolibc" and entry["phase"] == "start"]
    if not entries:
        return [MISSING]
    rows = ["Until the call returns, nolibc; exact counts by function, not samples.", "",
            "| method | kernel | user | most of it in |", "|---|---:|---:|---|"]
    for entry in entries:
        top = ", ".join(f"`{function['name']}` {function['instructions'] / 1000:.1f}k"
                        for function in entry["functions"][:6])
        rows.append(f"| `{entry['method']}` | {entry['kernel'] / 1000:,.0f}k | {entry['user'] / 1000:,.1f}k | {top} |")
    return rows
