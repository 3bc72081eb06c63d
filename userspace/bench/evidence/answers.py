# SPDX-License-Identifier: MIT
"""Sentences with figures in them. Each takes the machines' results and copes with what is missing."""

from amounts import UNITS, figure, gain, median, timed, times

MISSING = "Not measured."
# Backends of ours, in the order of what they need of the system.
LIBRARY = ("kernel", "warm", "clone3", "lib-posix_spawn")
# What nobody has to patch a kernel for, and nobody forgets anything of: the honest baseline.
BY_HAND = "safe-clone3"


def growth(machines, question, member, what, methods):
    """From the smallest to the largest, for each machine."""
    sentences = []
    for name, results in machines.items():
        ends = {method: pair for method in methods for pair in [results and results.ends(question, member, method)]
                if pair}
        if not ends:
            continue
        first, last = next(iter(ends.values()))
        parts = [f"`{method}` {median(few)} to {median(many)}" +
                 other_span(few, many, first, last, member)
                 for method, (few, many) in ends.items()]
        sentences.append(f"{name}, {first['parent'][member]:,} to {last['parent'][member]:,} {what}: "
                         f"{', '.join(parts)} {UNITS[name]}.")
    return " ".join(sentences) or MISSING


def other_span(few, many, first, last, member):
    """For a method that not all of it was measured of."""
    span = [row["parent"][member] for row in (few, many)]
    return "" if span == [row["parent"][member] for row in (first, last)] else f" ({span[0]:,} to {span[1]:,})"


def rss(machines):
    return growth(machines, "rss", "rss_mib", "MiB",
                  ("fork", "fork-thp", "posix_spawn", "vfork", "helper", BY_HAND, *LIBRARY[:-1]))


def mappings(machines):
    methods = ("fork", "posix_spawn", *LIBRARY[:-1])
    return " ".join((growth(machines, "mappings", "extra_mappings", "mappings", methods),
                     growth(machines, "threads", "threads", "threads", methods)))


def fds(machines):
    return growth(machines, "fds", "fds", "descriptors",
                  ("fork", "posix_spawn", "vfork", BY_HAND, *LIBRARY[:-1]))


def env(machines):
    text = growth(machines, "env", "env", "variables", ("posix_spawn", "vfork", BY_HAND, *LIBRARY[:-1]))
    return " ".join([text, *(sentence for name, results in machines.items() if results
                             for method in ("kernel", "clone3")
                             for sentence in [prepared_environment(name, results, method)] if sentence)])


def prepared_environment(name, results, method):
    rows = {variant or "inherited": results.one("env", method=method, variant=variant, env=1000)
            for variant in (None, "changed", "prepared")}
    if not rows["inherited"] or not rows["prepared"]:
        return None
    saved = 1 - rows["prepared"]["p50"] / rows["inherited"]["p50"]
    listed = ", ".join(f"{variant} {median(row)}" for variant, row in rows.items() if row)
    verdict = f"a prepared one saves {100 * saved:.0f} %" if saved >= 0.02 else "to prepare it gains nothing"
    return f"{name}, 1,000 variables by `{method}`: {listed} {UNITS[name]}; {verdict}."


def starts(machines):
    native = machines["native"]
    rows = native.select("starts") if native else []
    if not rows:
        return MISSING
    most = max(row["starts"] for row in rows)
    # A sample of exec-loop is a mean of many execs, which has no tail.
    parts = [f"`{row['method']}` {row['per_second']:,.0f}/s (p50 {row['p50'] / 1000:,.0f}" +
             (f", p99 {row['p99'] / 1000:,.0f}" if row["method"] != "exec-loop" else "") + " µs)"
             for row in rows if row["starts"] == most and
             row["method"] in ("fork", "vfork", "posix_spawn", "helper", "python", BY_HAND, *LIBRARY[:-1], "exec-loop")]
    return f"{most:,} starts of nolibc by each, in turns: {', '.join(parts)}."


def path(machines):
    native = machines["native"]
    parts = []
    for method in ("vfork", "posix_spawn", "kernel", "clone3"):
        absolute = figure(native, "path", method=method, variant="absolute path")
        last = figure(native, "path", method=method, path_entries=50, hit="last")
        if absolute and last:
            parts.append(f"`{method}` {absolute} µs by path, {last} µs by a name in the last of 50")
    return f"{'; '.join(parts)}: a template has searched before." if parts else MISSING


def parallel(machines):
    native = machines["native"]
    parts = []
    for method in ("fork", "posix_spawn", "vfork", BY_HAND, "kernel", "clone3"):
        rates = {row["workers"]: row["per_second"]
                 for row in (native.select("parallel", method=method) if native else [])}
        if len(rates) > 1:
            best = max(rates, key=rates.get)
            more = f"{rates[best]:,.0f}/s by {best}" if best != min(rates) else "no more by several"
            parts.append(f"`{method}` {rates[min(rates)]:,.0f}/s by one thread, {more}")
    for method in ("batch", "supervisor"):
        row = native and native.one("parallel", method=method)
        if row:
            relation = times(native, "parallel", method, "posix_spawn", workers=1)
            parts.append(f"`{method}` {row['per_second']:,.0f}/s by one thread" +
                         (f", {relation} of posix_spawn" if relation else ""))
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
                 f"{split['after', 'user']:,.0f}k the dynamic linker's and the program's after it, and "
                 f"{split['after', 'kernel']:,.0f}k the kernel's for them: page faults, system calls and the exit.")
    return " ".join((text, *warm(machines)))


def warm(machines):
    """What is gained where the program's own start is left out as well."""
    parts = []
    for program in ("true", "hello", "sed", "grep", "git", "bash", "python3"):
        relations = [f"{text} by {UNITS[name]}" for name, results in machines.items()
                     for text in [times(results, "start", "warm", "posix_spawn", program=program)] if text]
        if relations:
            parts.append(f"{program} {' and '.join(relations)}")
    return [f"`warm` to posix_spawn: {', '.join(parts)}."] if parts else []


def agent(machines, rfc):
    """As the RFC's table, with its pairs beside: calls per second by method, and what templates gain."""
    native = machines["native"]
    methods = native.methods("agent") if native else []
    if not methods:
        return MISSING
    lines = [*agent_gains(machines), "",
             f"| workers x in flight | calls | {' | '.join(f'{method}/s' for method in methods)} | RFC, /s |",
             "|---" + "|---:" * (len(methods) + 2) + "|"]
    for variant in dict.fromkeys(row["variant"] for row in native.select("agent")):
        rows = [native.one("agent", variant=variant, method=method) for method in methods]
        calls = next(row["calls"] for row in rows if row)
        cells = [f"{row['per_second']:,.0f}" if row else "-" for row in rows]
        pair = rfc["calls_per_second"].get(variant)
        theirs = f"{pair[0]:,.0f} to {pair[1]:,.0f} ({100 * (pair[1] / pair[0] - 1):+.1f} %)" if pair else "-"
        lines.append(f"| {variant} | {calls:,} | {' | '.join(cells)} | {theirs} |")
    return "\n".join(lines)


def agent_gains(machines):
    """For each backend, what it gains to posix_spawn, or that this cannot be seen."""
    native = machines["native"]
    lines = []
    for method in LIBRARY:
        rows = [row for row in (native.select("agent", method=method) if native else [])
                if "posix_spawn" in row["ratio"]]
        if not rows:
            continue
        gains = [gain(row) for row in rows]
        known = [interval for _, interval in gains if interval]
        values = ", ".join(f"{row['variant']} {value:+.1f} %" + (f" [{interval[0]:+.1f}, {interval[1]:+.1f}]"
                                                                 if interval else "")
                           for row, (value, interval) in zip(rows, gains, strict=True))
        unseen = all(low <= 0 <= high for low, high in known)
        widest = max((max(-low, high) for low, high in known), default=None)
        verdict = ("too few samples to tell" if len(known) < len(rows) else
                   f"no difference that {rows[0]['n']} samples can show (one of {widest:.0f} % might be there)"
                   if unseen else "a difference where the interval has no 0")
        lines.append(f"- `{method}` to posix_spawn, calls per second by the medians: {values}: {verdict}.")
    return lines


def trade(machines):
    sentences = []
    for name, results in machines.items():
        for row in results.select("template", program="nolibc") if results else []:
            if row["method"].startswith("create "):
                sentences.append(f"{name}: `{row['backend']}` takes {row['p50'] / 1000:,.1f} {UNITS[name]} to create"
                                 f"{held(row)}; it {pays(row, 'posix_spawn')}, and {pays(row, 'vfork')}.")
    return " ".join(sentences) or MISSING


def held(row):
    if row.get("heap_bytes") is None:
        return ""
    kernel = row.get("kernel_slab_bytes")
    # Without a descriptor there is nothing that the kernel could hold; below 0 others gave memory back.
    of_kernel = f", {kernel:,.0f} in the kernel" if row["fds"] and (kernel or -1) >= 0 else ""
    plural = "" if round(row["fds"]) == 1 else "s"
    return f" and holds {row['heap_bytes']:,.0f} bytes{of_kernel} and {row['fds']:.0f} descriptor{plural}"


def pays(row, method):
    name = f"break_even_{method}"
    if name not in row:
        return f"was not compared with {method}"
    if row[name] is None:
        return f"never pays compared with {method}"
    return f"pays after {row[name]:,.0f} start{'' if row[name] == 1 else 's'} compared with {method}"


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
         timed(native, "fds", "clone3", "vfork", fds=10),
         timed(native, "fds", "clone3", BY_HAND, fds=10))
    line("Where only posix_spawn works, a template adds to it: {}.",
         timed(native, "fds", "lib-posix_spawn", "posix_spawn", fds=10))
    line("A helper process that was started early is {} of posix_spawn, and "
         "needs no patch.", timed(native, "fds", "helper", "posix_spawn", fds=10))
    for program in ("true", "git", "python3"):
        line(f"{program}: {{}} of posix_spawn by `kernel` (counted), {{}} by `clone3` (time): the rest is the "
             "program's own start.", times(vm, "start", "kernel", "posix_spawn", program=program),
             times(native, "start", "clone3", "posix_spawn", program=program))
    if agent_gains(machines):
        lines.append("- A mix of tools: most of a call is the tool. See question 9 for what is left.")
    line("A prepared environment is no faster than an inherited one: {} of it by `clone3`.",
         prepared_relation(native, "clone3"))
    line("No exec is made faster: a loop of execs alone, the floor, is {} µs of the {} of `clone3`.",
         figure(native, "start", program="nolibc", method="exec-loop"),
         figure(native, "start", program="nolibc", method="clone3"))
    return lines or [MISSING]


def prepared_relation(results, method):
    rows = [results and results.one("env", method=method, variant=variant, env=1000)
            for variant in ("prepared", None)]
    # Said only where it is so.
    if not all(rows) or rows[0]["p50"] < 0.98 * rows[1]["p50"]:
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
