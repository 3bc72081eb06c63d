# SPDX-License-Identifier: MIT
"""Sentences with figures in them. Each takes the machines' results and copes with what is missing."""

MISSING = "Not measured."
UNITS = {"native": "µs", "kvm": "µs", "vm": "k instructions"}
COLD = ("kernel", "clone3")
WARM = ("warm",)


def median(row):
    """In thousands; marked where a count is not repeatable."""
    return f"{row['p50'] / 1000:,.0f}" + ("" if row.get("repeatable", True) else "*")


def figure(results, question, **wanted):
    """A median as text, or None."""
    row = results and results.one(question, **wanted)
    return median(row) if row else None


def times(results, question, slow, fast, **wanted):
    """How many times as much one method needs, with its interval where there is one."""
    row = results and results.one(question, method=slow, **wanted)
    to = results and results.one(question, method=fast, **wanted)
    if not row or not to:
        return None
    ratio = row["ratio"].get(fast)
    if ratio:
        return f"{ratio['value']:.2f}x [{ratio['low']:.2f}, {ratio['high']:.2f}]"
    return f"{row['p50'] / to['p50']:.2f}x"


def ends(results, question, member, method):
    """The rows with the smallest and the largest value of what a question varies."""
    rows = results.select(question, method=method, variant=None) if results else []
    rows = sorted(rows, key=lambda row: row["parent"][member])
    return (rows[0], rows[-1]) if len(rows) > 1 else None


def growth(machines, question, member, what, methods):
    """From the smallest to the largest, for each machine."""
    sentences = []
    for name, results in machines.items():
        parts = []
        for method in methods:
            pair = ends(results, question, member, method)
            if pair:
                few, many = pair
                parts.append(f"`{method}` {median(few)} to {median(many)}")
                span = f"{few['parent'][member]:,} to {many['parent'][member]:,} {what}"
        if parts:
            sentences.append(f"{name}, {span}: {', '.join(parts)} {UNITS[name]}.")
    return " ".join(sentences) or MISSING


def rss(machines):
    return growth(machines, "rss", "rss_mib", "MiB",
                  ("fork", "fork-thp", "posix_spawn", "vfork", "helper", "clone3", "kernel"))


def mappings(machines):
    methods = ("fork", "posix_spawn", "clone3", "kernel")
    return " ".join((growth(machines, "mappings", "extra_mappings", "mappings", methods),
                     growth(machines, "threads", "threads", "threads", methods)))


def fds(machines):
    return growth(machines, "fds", "fds", "descriptors",
                  ("fork", "posix_spawn", "vfork", "safe-clone3", "clone3", "kernel"))


def env(machines):
    text = growth(machines, "env", "env", "variables", ("posix_spawn", "vfork", "clone3", "kernel"))
    native = machines["native"]
    parts = [f"{variant} {value} µs" for variant in (None, "changed", "prepared")
             for value in [figure(native, "env", method="clone3", variant=variant, env=1000)] if value
             for variant in [variant or "inherited"]]
    return text + (f" 1,000 variables by `clone3`: {', '.join(parts)}." if parts else "")


def starts(machines):
    native = machines["native"]
    rows = native.select("starts") if native else []
    if not rows:
        return MISSING
    most = max(row["starts"] for row in rows)
    parts = [f"`{row['method']}` {row['per_second']:,.0f}/s (p50 {row['p50'] / 1000:,.0f}, p99 "
             f"{row['p99'] / 1000:,.0f} µs)" for row in rows
             if row["starts"] == most and row["method"] in ("fork", "vfork", "posix_spawn", "helper",
                                                            "python", "clone3", "exec-loop")]
    return f"{most:,} starts of nolibc in a row: {', '.join(parts)}."


def path(machines):
    native = machines["native"]
    parts = []
    for method in ("vfork", "posix_spawn", "clone3"):
        absolute = figure(native, "path", method=method, variant="absolute path")
        last = figure(native, "path", method=method, path_entries=50, hit="last")
        if absolute and last:
            parts.append(f"`{method}` {absolute} µs by path, {last} µs by a name in the last of 50")
    return f"{'; '.join(parts)}: a template has searched before." if parts else MISSING


def parallel(machines):
    native = machines["native"]
    parts = []
    for method in ("fork", "posix_spawn", "vfork", "clone3"):
        rates = {row["workers"]: row["per_second"]
                 for row in (native.select("parallel", method=method) if native else [])}
        if len(rates) > 1:
            best = max(rates, key=rates.get)
            more = f"{rates[best]:,.0f}/s by {best}" if best != min(rates) else "no more by several"
            parts.append(f"`{method}` {rates[min(rates)]:,.0f}/s by one thread, {more}")
    return f"{'; '.join(parts)}." if parts else MISSING


def programs(machines):
    parts = []
    for program in ("nolibc", "true", "git", "python3"):
        row = machines["vm"] and machines["vm"].one("start", program=program, method="kernel")
        if row:
            parts.append(f"{program} {100 * (row['p50'] - row['return_p50']) / row['p50']:.0f} %")
    if not parts:
        return MISSING
    return f"Of all instructions of a start by `kernel`, after the exec: {', '.join(parts)}. {warm(machines)}"


def warm(machines):
    parts = []
    for program in ("true", "hello", "sed", "grep", "git", "bash", "python3"):
        time, count = (times(machines[name], "start", "posix_spawn", "warm", program=program)
                       for name in ("native", "vm"))
        if time or count:
            parts.append(f"{program} {time or '-'} and {count or '-'}")
    return f"posix_spawn to `warm`, time and instructions: {', '.join(parts)}." if parts else ""


def agent(machines):
    """As the RFC's table: calls per second by method, and what templates gain."""
    native = machines["native"]
    methods = native.methods("agent") if native else []
    if not methods:
        return MISSING
    lines = [f"Templates make {agent_gain(machines, COLD)} more calls per second than posix_spawn, warm ones "
             f"{agent_gain(machines, WARM)}.", "",
             f"| workers x in flight | calls | {' | '.join(f'{method}/s' for method in methods)} |",
             "|---" + "|---:" * (len(methods) + 1) + "|"]
    for variant in dict.fromkeys(row["variant"] for row in native.select("agent")):
        rows = [native.one("agent", variant=variant, method=method) for method in methods]
        calls = next(row["calls"] for row in rows if row)
        cells = [f"{row['per_second']:,.0f}" if row else "-" for row in rows]
        lines.append(f"| {variant} | {calls:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def agent_gain(machines, methods):
    """From the least to the most, over the shapes."""
    native = machines["native"]
    gains = []
    for row in native.select("agent") if native else []:
        plain = native.one("agent", variant=row["variant"], method="posix_spawn")
        if plain and row["method"] in methods:
            gains.append(100 * (row["per_second"] / plain["per_second"] - 1))
    return f"{min(gains):+.1f} % to {max(gains):+.1f} %" if gains else "-"


def trade(machines):
    sentences = []
    for name, results in machines.items():
        for row in results.select("template", program="nolibc") if results else []:
            if not row["method"].startswith("create ") or row.get("heap_bytes") is None:
                continue
            pays = row.get("break_even_posix_spawn")
            after = f"pays after {pays:,.0f} starts" if pays else "never pays"
            sentences.append(
                f"{name}: `{row['backend']}` takes {row['p50'] / 1000:,.1f} {UNITS[name]} to create, holds "
                f"{row['heap_bytes']:,.0f} bytes, {row['kernel_slab_bytes']:,.0f} in the kernel and "
                f"{row['fds']:.0f} descriptors, and {after} compared with posix_spawn.")
    return " ".join(sentences) or MISSING


def where_not(machines):
    """What a reader has to know before the rest."""
    lines = []

    def line(text, *values):
        if all(value is not None for value in values):
            lines.append("- " + text.format(*values))

    vm, native = machines["vm"], machines["native"]
    line("A small parent: a start by `kernel` is {} of `vfork` and exec, and {} of glibc's posix_spawn; the second "
         "gap is glibc's.", times(vm, "fds", "kernel", "vfork", fds=10),
         times(vm, "fds", "kernel", "posix_spawn", fds=10))
    line("On a stock kernel a template's `clone3` is {} of `vfork`, and {} of a careful clone3 by hand.",
         times(native, "fds", "clone3", "vfork", fds=10),
         times(native, "fds", "clone3", "safe-clone3", fds=10))
    line("Where only posix_spawn works, a template adds to it: {}.",
         times(native, "fds", "lib-posix_spawn", "posix_spawn", fds=10))
    for program in ("true", "git", "python3"):
        line(f"{program}: {{}} of posix_spawn by `kernel` (counted), {{}} by `clone3` (time): the rest is the "
             "program's own start.", times(vm, "start", "kernel", "posix_spawn", program=program),
             times(native, "start", "clone3", "posix_spawn", program=program))
    line("A mix of tools gains {} to posix_spawn by `kernel` and `clone3`: most of a call is the tool.",
         agent_gain(machines, COLD) if native else None)
    line("No exec is made faster: a loop of execs alone, the floor, is {} µs of the {} of `clone3`.",
         figure(native, "start", program="nolibc", method="exec-loop"),
         figure(native, "start", program="nolibc", method="clone3"))
    return lines or [MISSING]


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
    return times(results, question, wanted["slow"], wanted["fast"], **shape) or "-"


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
