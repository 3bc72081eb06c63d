# SPDX-License-Identifier: MIT
"""Sentences with figures in them. Each takes the machines' results and copes with what is missing."""

import warm_starts
from amounts import (KEPT, NO_GAIN, UNITS, bounds, bounds_of_others, gain, is_seen, mark, median, ratio, times,
                     with_interval)

MISSING = "Not measured."
# Backends of ours, in the order of what they need of the system.
LIBRARY = ("kernel", *KEPT, "clone3", "lib-posix_spawn")
TEMPLATES = LIBRARY[:-1]
# What nobody has to patch a kernel for, and nobody forgets anything of: the honest baseline.
BY_HAND = "safe-clone3"
# What a caller's size is not expected to matter to, where it does not say so by itself.
OTHERS = ("posix_spawn", "vfork", "helper", BY_HAND, *TEMPLATES)
# What a question varies: its member of the parent, and what to call it.
PROPERTIES = {"rss": ("rss_mib", "MiB"), "mappings": ("extra_mappings", "mappings"), "threads": ("threads", "threads"),
              "fds": ("fds", "descriptors"), "env": ("env", "variables")}
# Of a start, as spawnlat tells them apart.
STAGES = ("create", "wakeup", "setup", "exec", "link", "run", "zombie")
# Of what is varied something does not depend as long as it changes by no more.
STEADY = 0.2


def ends_of(results, question, methods):
    """Of each method the smallest and the largest value of what a question varies."""
    pairs = {method: results and results.ends(question, PROPERTIES[question][0], method) for method in methods}
    return {method: pair for method, pair in pairs.items() if pair}


def growth(machines, question, methods):
    """For each machine: what grows from the smallest to the largest, and that the others do not."""
    member, what = PROPERTIES[question]
    sentences = []
    for name, results in machines.items():
        ends = ends_of(results, question, methods)
        if not ends:
            continue
        first, last = next(iter(ends.values()))
        growing = {method: pair for method, pair in ends.items() if grows(results, *pair)}
        parts = [f"`{method}` {median(few)} to {median(many)} {UNITS[name]}" + other_span(few, many, first, last, member)
                 for method, (few, many) in growing.items()]
        parts += of_the_steady({method: pair for method, pair in ends.items() if method not in growing},
                               first, last, member)
        sentences.append(f"{name}, {first['parent'][member]:,} to {last['parent'][member]:,} {what}: "
                         f"{', '.join(parts)}.")
    return " ".join(sentences) or MISSING


def of_the_steady(ends, first, last, member):
    """Those that were not asked all of it are named, before what is true of all others."""
    spans = {}
    for method, pair in ends.items():
        spans.setdefault(other_span(*pair, first, last, member), {})[method] = pair
    others = spans.pop("", {})
    parts = [f"{', '.join(f'`{method}`' for method in pairs)} {changed(list(pairs.values()))}{span}"
             for span, pairs in spans.items()]
    return [*parts, *([f"the others {changed(list(others.values()))}"] if others else [])]


def growth_table(machines):
    """Every method's ends, for the details."""
    lines = []
    for question, (member, what) in PROPERTIES.items():
        for name, results in machines.items():
            for method, (few, many) in ends_of(results, question, results.methods(question) if results else ()).items():
                lines.append(f"| {name} | {few['parent'][member]:,} to {many['parent'][member]:,} {what} | `{method}` | "
                             f"{median(few)} | {median(many)} | {ratio(many, few, bounds_of_others(many, few))} |")
    return ["| machine | from, to | method | few | many | many to few |", "|---|---|---|---:|---:|---:|",
            *lines] if lines else [MISSING]


def grows(results, few, many):
    """Only by more than the same start was apart, and of times what is beyond the intervals of both."""
    least = max(1 + STEADY, results.spread(few["method"]))
    return many["p50"] / few["p50"] > least and is_seen(bounds_of_others(many, few))


def changed(pairs):
    most = max(abs(many["p50"] / few["p50"] - 1) for few, many in pairs)
    if most < 0.01:
        return "by less than 1 %"
    seen = any(is_seen(bounds_of_others(many, few)) for few, many in pairs)
    return f"by at most {100 * most:.0f} %" + (", which may be chance" if most > STEADY and not seen else "")


def other_span(few, many, first, last, member):
    """For a method that not all of it was measured of."""
    span = [row["parent"][member] for row in (few, many)]
    return "" if span == [row["parent"][member] for row in (first, last)] else f" ({span[0]:,} to {span[1]:,})"


def rss(machines):
    return growth(machines, "rss", ("fork", "fork-thp", *OTHERS))


def mappings(machines):
    return " ".join(growth(machines, question, ("fork", *OTHERS)) for question in ("mappings", "threads"))


def fds(machines):
    return growth(machines, "fds", ("fork", *OTHERS)) + static_cannot(machines["native"])


def static_cannot(native):
    """What is known of a method that cannot start the small program of these questions: of true."""
    pair = native and native.ends("fds", "fds", "warm", pinned=True, program="true")
    if not pair or native.ends("fds", "fds", "warm"):
        return ""
    return f" `warm`, of true on one CPU, {changed([pair])}."


def env(machines):
    text = growth(machines, "env", ("posix_spawn", *TEMPLATES))
    prepared = [part for name, results in machines.items() for part in prepared_environment(name, results)]
    return text + (f" Prepared, to inherited, of 1,000: {', '.join(prepared)}." if prepared else "")


def prepared_environment(name, results):
    """Of the first of our methods that has it."""
    for method in TEMPLATES:
        rows = environments(results, method)
        if rows:
            return [f"`{method}` {ratio(*rows, bounds_of_others(*rows))} ({name})"]
    return []


def environments(results, method):
    """A prepared and an inherited one, of the most variables; or None."""
    rows = [results and results.one("env", method=method, variant=variant, env=1000) for variant in ("prepared", None)]
    return rows if all(rows) else None


def saved_by_preparing(results, method):
    """The part of a start that a prepared environment saves, or 0, or None if that was not measured."""
    rows = environments(results, method)
    if not rows:
        return None
    part = rows[0]["p50"] / rows[1]["p50"]
    least = min(NO_GAIN, 1 / results.spread(method))
    return 1 - part if part < least and is_seen(bounds_of_others(*rows)) else 0


def starts(machines):
    native = machines["native"]
    rows = native.select("starts") if native else []
    if not rows:
        return MISSING
    most = max(row["starts"] for row in rows)
    rows = [row for row in rows if row["starts"] == most and
            row["method"] in ("fork", "vfork", "posix_spawn", BY_HAND, *TEMPLATES)]
    turns = f", {rows[0]['in_a_row']:,} in a row" if rows[0].get("in_a_row") else ""
    return (f"{most:,} starts of nolibc by each{turns}, per second by the mean (p99 in µs; median to posix_spawn's): "
            f"{', '.join(map(of_many, rows))}.")


def of_many(row):
    """Rate, tail, and what the median is of posix_spawn's."""
    tail = f"{row['p99'] / 1000:,.0f}"
    to = row["ratio"].get("posix_spawn")
    if to and row["method"] != "posix_spawn":
        tail += "; " + with_interval(to["value"], bounds(row, "posix_spawn"))
    return f"`{row['method']}` {row['per_second']:,.0f} ({tail})"


def path(machines):
    """Of both within their own turns: one was measured after the other."""
    native = machines["native"]
    parts = []
    for method in ("vfork", *TEMPLATES):
        absolute = times(native, "path", method, "posix_spawn", variant="absolute path")
        last = times(native, "path", method, "posix_spawn", path_entries=50, hit="last")
        if absolute and last:
            parts.append(f"`{method}` {absolute} and {last}")
    return ("To posix_spawn, by an absolute path and by a name in the last of 50 directories: "
            f"{', '.join(parts)}.") if parts else MISSING


def parallel(machines):
    """To posix_spawn by as many threads: both took turns."""
    native = machines["native"]
    parts = [f"`{method}` {' and '.join(relations)}" for method in (BY_HAND, *TEMPLATES)
             for relations in [[times(native, "parallel", method, "posix_spawn", workers=workers)
                                for workers in (1, 4)]] if all(relations)]
    batches = [f"`{method}` {relation}" for method in ("batch", "supervisor")
               for relation in [times(native, "parallel", method, "posix_spawn", workers=1)] if relation]
    return " ".join([*([f"To posix_spawn, by 1 and by 4 threads: {', '.join(parts)}."] if parts else []),
                     *([f"By one: {', '.join(batches)}."] if batches else [])]) or MISSING


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
    marks = {entry["phase"]: mark(entry) for entry in entries}
    if len(split) == 4:
        text += (f" Of true, as means, {split['start', 'kernel']:,.0f}{marks['start']} k are the kernel's until the "
                 f"return; after it {split['after', 'user']:,.0f}{marks['after']} k the linker's and the program's, "
                 f"{split['after', 'kernel']:,.0f}{marks['after']} k the kernel's.")
    return " ".join((text, *warm_starts.answers(machines)))


def agent(machines):
    """What is left of it in a mix: for each backend, what it gains to posix_spawn, or that this cannot be seen."""
    native = machines["native"]
    sentences = []
    for method in TEMPLATES:
        rows = agent_rows(native, method)
        if not rows:
            continue
        gains = [gain(row) for row in rows]
        values = [value for value, _ in gains]
        sentences.append(f"`{method}` {min(values):+.1f} to {max(values):+.1f} %, "
                         f"{verdict(rows, [interval for _, interval in gains if interval])}")
    return f"Calls per second, to posix_spawn's: {'; '.join(sentences)}." if sentences else MISSING


def agent_rows(native, method):
    return [row for row in (native.select("agent", method=method) if native else []) if "posix_spawn" in row["ratio"]]


def verdict(rows, intervals):
    if len(intervals) < len(rows):
        return "too few samples to tell"
    seen = sum(not low <= 0 <= high for low, high in intervals)
    if seen:
        return f"a difference in {seen} of {len(rows)} shapes"
    widest = max(max(-low, high) for low, high in intervals)
    return f"no difference in {rows[0]['n']} samples ({widest:.0f} % might be there)"


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
                row["backend"] in TEMPLATES and row["program"] == ("true" if row["backend"] in KEPT else "nolibc")]
        if rows:
            said.update(row["backend"] for row in rows)
            parts = [f"`{row['backend']}` {row['p50'] / 1000:,.1f}{mark(row)} {UNITS[name]}{waited(row)}{held(row)}, "
                     f"{pays(row, starts_of(results, row))}" for row in rows]
            sentences.append(f"{name}, to create: {'; '.join(parts)}.")
    return " ".join(sentences) or MISSING


def starts_of(results, row):
    """By each method, of the program of the template that the row is about, of the same measurement."""
    return {found["method"]: found for found in results.select("template", program=row["program"])}


def waited(row):
    """What a count leaves out."""
    return f" and {row['idle'] / 1e6:,.0f} ms of waiting" if row.get("idle", 0) >= 1e6 else ""


def held(row):
    if "kernel_bytes" in row:
        kept = row["kernel_bytes"]
        return f", {kept / 1024:,.0f} KiB in the kernel" if kept else ", memory not known"
    if "processes" in row:
        return f", {warm_starts.held(row)}"
    if row.get("heap_bytes") is None:
        return ""
    kernel = row.get("kernel_slab_bytes")
    # Without a descriptor there is nothing that the kernel could hold; below 0 others gave memory back.
    of_kernel = f", {kernel:,.0f} in the kernel" if row["fds"] and (kernel or -1) >= 0 else ""
    return f" and {row['heap_bytes']:,.0f} bytes{of_kernel}"


def pays(row, rows):
    """After how many starts, in relation to which method: where a start gains, as far as can be seen."""
    start = rows.get(row["method"].removeprefix("create "))
    paid, never = {}, []
    for method in ("posix_spawn", "vfork", BY_HAND):
        starts = row.get(f"break_even_{method}", "not compared")
        if starts is None or (start and starts != "not compared" and not is_seen(bounds(start, method))):
            never.append(method)
        elif starts != "not compared":
            made_of = [row, *(rows[name] for name in (start and start["method"], method) if name in rows)]
            paid.setdefault(f"{starts:,.0f}{mark(*made_of)}", []).append(method)
    texts = [f"after {starts} ({', '.join(methods)})" for starts, methods in paid.items()]
    texts += [f"never ({', '.join(never)})"] if never else []
    return f"pays {', '.join(texts)}" if texts else "not compared"


def ours(results, wanted):
    """What the figure of a publication is here."""
    if not results:
        return "-"
    question = wanted["question"]
    if "method" in wanted:
        slow, fast = (results.one(question, method=wanted["method"], env=wanted[env], variant=None)
                      for env in ("slow_env", "fast_env"))
        return ratio(slow, fast, bounds_of_others(slow, fast)) if slow and fast else "-"
    shape = {name: wanted[name] for name in ("rss_mib", "fds") if name in wanted}
    text = times(results, question, wanted["slow"], wanted["fast"], **shape)
    return f"{text} (`{wanted['slow']}`)" if text else "-"


def functions(results):
    """Of each method, the functions in which most instructions of its start are."""
    entries = [entry for entry in (results.profile if results else [])
               if entry["program"] == "nolibc" and entry["phase"] == "start"]
    if not entries:
        return [MISSING]
    starts = entries[0].get("n")
    rows = ["Until the call returns, nolibc; every instruction by its function, not samples, as means of "
            f"{f'{starts} ' if starts else ''}starts: they have what fell into them, as timer ticks; `*`: 0.1 % or more "
            "beside the median. Without the library or the wait (`raw-kernel`, `kernel-nowait`) and processes of their own "
            "(`helper`) are not profiled.", "",
            "| method | kernel | user | most of it in |", "|---|---:|---:|---|"]
    for entry in entries:
        top = ", ".join(f"`{function['name']}` {function['instructions'] / 1000:.1f}k"
                        for function in entry["functions"][:6])
        rows.append(f"| `{entry['method']}` | {entry['kernel'] / 1000:,.0f}k{mark(entry)} | "
                    f"{entry['user'] / 1000:,.1f}k{mark(entry)} | {top} |")
    return rows


def start_tables(machines):
    """For each machine what every start cost, and what of it until the call returned."""
    lines = []
    for name, results in machines.items():
        rows = results.select("start") if results else []
        programs = list(dict.fromkeys(row["program"] for row in rows))
        if not rows:
            continue
        unseen = "caches and other CPUs are not in it" if UNITS[name] == "k" else "the machine may be slower for some programs"
        lines += [f"{name}, {UNITS[name]}: start, exit and wait (until the call returns). Medians of one machine; {unseen}.",
                  "",
                  f"| method | {' | '.join(programs)} |", "|---" + "|---:" * len(programs) + "|"]
        for method in results.methods("start"):
            cells = [f"{median(row)} ({median(row, 'return_p50')})" if row else "-" for program in programs
                     for row in [results.one("start", method=method, program=program)]]
            lines.append(f"| `{method}` | {' | '.join(cells)} |")
        lines.append("")
    return lines or [MISSING, ""]


def stage_table(results):
    """Where the time of a start by vfork goes."""
    entries = [entry for entry in (results.stages if results else []) if entry["method"] == "vfork"]
    if not entries:
        return [MISSING]
    lines = ["Means in µs, by spawnlat, whose own cost is in them; `link` is the dynamic linker's part, `run` the "
             "program's.", "", f"| program | {' | '.join(STAGES)} |", "|---" + "|---:" * len(STAGES) + "|"]
    for entry in entries:
        cells = [f"{entry['stages'][stage]['avg_ns'] / 1000:,.0f}" if stage in entry["stages"] else "-" for stage in STAGES]
        lines.append(f"| {entry['program']} | {' | '.join(cells)} |")
    return lines
