# SPDX-License-Identifier: MIT
"""Draws the figures by gnuplot: SVG, readable in black and white."""

import math
import subprocess
from pathlib import Path

from amounts import KEPT, mark
from answers import STAGES

HEADER = """set terminal svg size {width},{height} noenhanced font "DejaVu Sans,12" dashed background "white"
set output "{output}"
set encoding utf8
set title "{title}"
set key outside right top
set grid ytics lc rgb "#cccccc"
"""

# What figures show; helper and python are processes of their own with costs of their own.
LINES = ("fork", "fork-thp", "vfork", "safe-clone3", "posix_spawn", "helper", "python", "clone3", *KEPT, "kernel")
BARS = ("fork", "vfork", "safe-clone3", "posix_spawn", "clone3", *KEPT, "kernel", "kernel-nowait")

# gnuplot has five of its own, and begins again with the first: a solid line.
DASHES = ("1", "2", "3", "4", "5", "(16,4,2,4,2,4)", "(2,6)", "(20,6)", "(10,2,2,2)", "(6,6,2,6)", "(24,4,8,4)",
          "(3,3)", "(1,5)", "(8,2)")


# What is beyond is seen well enough on the other axis.
LARGEST_RELATION = 1.6


class FigureError(Exception):
    pass


def gnuplot(script):
    result = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True)
    if result.returncode:
        raise FigureError(f"gnuplot: {result.stderr.strip()}")


def header(path, title, width=760, height=400):
    return HEADER.format(output=path, title=title, width=width, height=height)


def quoted(text):
    return '"' + str(text).replace('"', "'") + '"'


def block(name, rows):
    lines = "\n".join(" ".join("NaN" if value is None else str(value) for value in row)
                      for row in rows)
    return f"${name} << END\n{lines}\nEND\n"


def logarithmic(axis, values):
    """From one power of ten to another, all of whose digits are written: gnuplot writes 1e+06."""
    positive = [value for value in values if value is not None and value > 0]
    first, last = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    powers = range(first, max(last, first + 1) + 1)
    named = [f'"{10 ** power if power >= 0 else 10.0 ** power:,}" {10.0 ** power:g}' for power in powers]
    between = [f'"" {digit * 10.0 ** power:g} 1' for power in powers[:-1] for digit in range(2, 10)]
    # Its logarithm is not exact: the name of the first power would be outside.
    low = 0.9999 * 10.0 ** powers[0]
    return (f"set logscale {axis}\nset {axis}range [{low:g}:{10.0 ** powers[-1]:g}]\n"
            f"set {axis}tics ({', '.join(named + between)})\n")


def lines(path, title, xlabel, ylabel, series, logx=True, logy=True, relative_to=None):
    """Series: a name and its points (x, y). Returns whether there was something to draw. With the name
    of one of them, their relation to it below: on a logarithmic axis those that are close are one."""
    series = {name: points for name, points in series.items() if points}
    if not series:
        return False
    both = relative_to in series
    script = header(path, title, height=640 if both else 400)
    script += f'set xlabel "{xlabel}"\nset ylabel "{ylabel}"\n'
    script += "set multiplot layout 2,1\n" if both else ""
    points = [point for line in series.values() for point in line]
    script += logarithmic("x", [x for x, _ in points]) if logx else ""
    script += logarithmic("y", [y for _, y in points]) if logy else ""
    script += plot_lines("s", series)
    if both:
        script += f'unset title\nunset logscale y\nset ytics autofreq\nset yrange [0:{LARGEST_RELATION}]\n'
        script += f'set ylabel "in relation to {relative_to}"\n' + plot_lines("r", relations(series, relative_to))
    gnuplot(script)
    return True


def plot_lines(prefix, series):
    blocks, plots = "", []
    for number, (name, points) in enumerate(series.items(), 1):
        blocks += block(f"{prefix}{number}", sorted(points))
        plots.append(f"${prefix}{number} using 1:2 with linespoints dt {DASHES[number - 1]} pt {number} lw 1.5 "
                     f"lc rgb 'black' title {quoted(name)}")
    return blocks + "plot " + ", ".join(plots) + "\n"


def relations(series, name):
    reference = dict(series[name])
    return {other: [(x, y / reference[x]) if x in reference else (x, None) for x, y in points]
            for other, points in series.items()}


def bars(path, title, ylabel, groups, series, logy=False, stacked=False):
    """Groups along the axis; series: a name and one value (or None) for each group."""
    series = {name: values for name, values in series.items()
              if any(value is not None for value in values)}
    if not groups or not series:
        return False
    if logy:
        return dots(path, title, ylabel, groups, series)
    script = header(path, title, width=max(760, 70 * len(groups)))
    script += f'set ylabel "{ylabel}"\nset style fill pattern border -1\nset boxwidth 0.9\n'
    script += "set style data histograms\nset style histogram "
    script += "rowstacked\n" if stacked else "clustered gap 1\n"
    script += "set xtics rotate by -30\nset bmargin 6\n"
    script += "set yrange [0:]\n"
    script += block("d", [[quoted(group), *(values[index] for values in series.values())]
                          for index, group in enumerate(groups)])
    plots = [f"$d using {column}:xtic(1) lc rgb 'black' fs pattern {column - 2} title {quoted(name)}"
             for column, name in enumerate(series, 2)]
    gnuplot(script + "plot " + ", ".join(plots) + "\n")
    return True


def dots(path, title, ylabel, groups, series):
    """On an axis without a 0 a bar's length says nothing."""
    script = header(path, title, width=max(760, 70 * len(groups)), height=480)
    script += logarithmic("y", [value for values in series.values() for value in values])
    script += f'set ylabel "{ylabel}"\nset xrange [-0.5:{len(groups) - 0.5}]\n'
    places = ", ".join(f"{quoted(group)} {index}" for index, group in enumerate(groups))
    script += f"set xtics rotate by -30 ({places})\nset bmargin 6\n"
    script += block("d", [[index, *(values[index] for values in series.values())] for index in range(len(groups))])
    # Beside each other, where several need the same.
    shifts = [(number - (len(series) - 1) / 2) * 0.8 / len(series) for number in range(len(series))]
    plots = [f"$d using ($1 + {shift:.3f}):{column} with points pt {column - 1} lc rgb 'black' title {quoted(name)}"
             for column, (name, shift) in enumerate(zip(series, shifts, strict=True), 2)]
    gnuplot(script + "plot " + ", ".join(plots) + "\n")
    return True


def scaled(value, by=1000):
    return None if value is None else value / by


def by_property(results, question, member, methods=LINES):
    """The medians of each method, over what the question varies."""
    return {method: [(max(row["parent"][member], 1), row["p50"] / 1000)
                     for row in results.select(question, method=method, variant=None)]
            for method in methods}


UNITS = {"native": "µs", "vm": "thousand guest instructions", "kvm": "µs"}
# What a question varies, and what its axis and the title call it.
PROPERTIES = {
    "fds": ("fds", "open descriptors of the parent", ""),
    "rss": ("rss_mib", "touched memory of the parent", ", MiB (0 at 1)"),
    "env": ("env", "variables in the environment", ""),
    "mappings": ("extra_mappings", "added memory mappings of the parent", " (0 at 1)"),
    "threads": ("threads", "threads of the parent", ""),
}
MACHINES = {"native": "timed", "vm": "counted", "kvm": "timed by KVM"}


def draw_properties(machine, results, path):
    for question, (member, what, unit) in PROPERTIES.items():
        yield (f"{machine}-{question}",
               lines(path(f"{machine}-{question}"), f"Start, exit and wait by {what}, {MACHINES[machine]}",
                     what + unit, UNITS[machine],
                     by_property(results, question, member), relative_to="posix_spawn"))


def draw_programs(machine, results, path):
    programs = list(dict.fromkeys(row["program"] for row in results.select("start")))
    series = {method: [scaled(results.p50("start", program=program, method=method))
                       for program in programs] for method in BARS}
    yield (f"{machine}-start",
           bars(path(f"{machine}-start"), f"A start of each program, {MACHINES[machine]}",
                f"start, exit and wait, {UNITS[machine]}", programs, series, logy=True))


def draw_starts(results, path):
    series = {method: [(row["starts"], row["per_second"])
                       for row in results.select("starts", method=method)] for method in LINES}
    yield "native-starts", lines(path("native-starts"), "Starts by each method", "starts",
                                 "starts per second", series, logy=False)


def draw_path(results, path):
    rows = results.select("path")
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    series = {method: [scaled(results.p50("path", variant=variant, method=method))
                       for variant in variants]
              for method in ("vfork", "posix_spawn", "clone3", *KEPT, "kernel")}
    yield "native-path", bars(path("native-path"), "A bare name against a path",
                              "start, exit and wait, µs", variants, series)


def draw_parallel(results, path):
    series = {method: [(row["workers"], row["per_second"])
                       for row in results.select("parallel", method=method)]
              for method in (*LINES, "supervisor", "batch")}
    yield "native-parallel", lines(path("native-parallel"), "Starts by several threads", "threads",
                                   "starts per second", series, logx=False, logy=False)


def draw_agent(results, path):
    variants = list(dict.fromkeys(row["variant"] for row in results.select("agent")))
    series = {method: [row and row["per_second"] for variant in variants
                       for row in [results.one("agent", variant=variant, method=method)]]
              for method in results.methods("agent")}
    yield "native-agent", bars(path("native-agent"), "Mix of 16 tools, workers x calls in flight",
                               "calls per second", variants, series)


def draw_stages(results, path):
    # Beside an interpreter's own work nothing else would be seen.
    entries = [entry for entry in results.stages if entry["program"] != "python3"]
    groups = [f"{entry['program']} {entry['method']}" for entry in entries]
    # Means add up, medians do not.
    series = {stage: [scaled(entry["stages"].get(stage, {}).get("avg_ns")) or 0
                      for entry in entries] for stage in STAGES}
    yield "native-stages", bars(path("native-stages"), "Stages of a start (times by spawnlat, with its own cost)",
                                "mean, µs", groups, series, stacked=True)


def draw_phases(results, path):
    entries = {(entry["program"], entry["method"]): {} for entry in results.profile}
    for entry in results.profile:
        for side in ("kernel", "user"):
            entries[entry["program"], entry["method"]][entry["phase"], side] = entry[side] / 1000
    marked = {(entry["program"], entry["method"]) for entry in results.profile if mark(entry)}
    groups = [" ".join(key) + ("*" if key in marked else "") for key in entries]
    series = {f"{title}, {side}": [values.get((phase, side)) for values in entries.values()]
              for phase, title in (("start", "until the return"), ("after", "after it"))
              for side in ("kernel", "user")}
    yield "vm-phases", bars(path("vm-phases"), "Where the instructions of a start are executed",
                            "thousand guest instructions, means", groups, series, stacked=True)


def draw(machines, directory):
    """The names of the figures that could be drawn."""
    def path(name):
        return Path(directory) / f"{name}.svg"

    drawn = []
    for machine, results in machines.items():
        if not results:
            continue
        drawn += [*draw_programs(machine, results, path), *draw_properties(machine, results, path)]
        if machine == "native":
            for draw_one in (draw_starts, draw_path, draw_parallel, draw_agent, draw_stages):
                drawn += draw_one(results, path)
        if machine == "vm":
            drawn += draw_phases(results, path)
    return [name for name, done in drawn if done]
