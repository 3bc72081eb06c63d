# SPDX-License-Identifier: MIT
"""What is gained where a program's own start is left out as well, and what that costs elsewhere."""

from dataclasses import dataclass

from amounts import KEPT, NO_GAIN, UNITS, bounds, is_seen, mark, ratio, timed, times

# What a dynamic linker starts.
DYNAMIC = ("hello", "true", "sed", "grep", "awk", "git", "bash", "python3")
# By as much the means have to differ from the medians to be said beside them.
OTHER_MEAN = 0.05


@dataclass(frozen=True)
class Traits:
    until: str  # the caller waits
    limit: str
    makes_next: bool  # a process of its own has the next child ready


TRAITS = {"kernel-warm": Traits("the program is loaded", "", False),
          "warm": Traits("the child stands before its main()", "; no static program can be warm", True)}


def pairs(results, method):
    """For each program what such a start needs, and what posix_spawn."""
    rows = {program: [results and results.one("start", method=name, program=program)
                      for name in (method, "posix_spawn")] for program in DYNAMIC}
    return {program: both for program, both in rows.items() if all(both)}


def median_ratio(pair):
    return pair[0]["p50"] / pair[1]["p50"]


def mean_ratio(pair):
    return pair[0]["mean"] / pair[1]["mean"]


def mean_text(pair):
    """Of counts that are not repeatable the mean is not, either."""
    return f"{mean_ratio(pair):.2f}x{mark(*pair)}"


def has_other_mean(pair):
    return abs(mean_ratio(pair) / median_ratio(pair) - 1) > OTHER_MEAN


def gains(pair):
    interval = bounds(pair[0], "posix_spawn")
    return is_seen(interval) and median_ratio(pair) < (1 if interval else NO_GAIN)


def text_of(pair):
    return ratio(*pair, bounds(pair[0], "posix_spawn"))


def answers(machines):
    """For each method and machine; each program is in the details."""
    return [f"`{method}` to posix_spawn: {'; '.join(sentences)}."
            for method in KEPT for sentences in [span(machines, method)] if sentences]


def span(machines, method):
    """From the most that is gained to the least."""
    sentences = []
    for name, results in machines.items():
        gaining = {program: pair for program, pair in pairs(results, method).items() if gains(pair)}
        if not gaining:
            continue
        ends = [function(gaining, key=lambda program: median_ratio(gaining[program])) for function in (min, max)]
        both = " to ".join(f"{text_of(gaining[program])} ({program})" for program in dict.fromkeys(ends))
        most = max(gaining.values(), key=mean_ratio)
        also = f", by the means to {mean_text(most)}" if any(map(has_other_mean, gaining.values())) else ""
        sentences.append(f"{name} {both}{also}")
    return sentences


def table(machines):
    """Every program, by each method on every machine."""
    columns = {f"`{method}` {name}": found for method in KEPT for name, results in machines.items()
               for found in [pairs(results, method)] if found}
    if not columns:
        return []
    lines = [f"| program | {' | '.join(f'{name}, median | mean' for name in columns)} |",
             "|---" + "|---:|---:" * len(columns) + "|"]
    for program in DYNAMIC:
        cells = [f"{text_of(column[program])} | {mean_text(column[program])}"
                 if program in column else "- | -" for column in columns.values()]
        lines.append(f"| {program} | {' | '.join(cells)} |")
    return lines


def held(row):
    return (f"{row['processes']} process{'es' if row['processes'] > 1 else ''} of "
            f"{row['process_bytes'] / 1024:,.0f} KiB")


def joined(texts):
    """Those of the machines that have one, each with its name."""
    return ", ".join(f"{text} ({name})" for name, text in texts.items() if text) or None


def costs(machines):
    """What the fastest ways to start a program cost."""
    return [line for method in KEPT for line in costs_of(machines, method)]


def costs_of(machines, method):
    traits = TRAITS[method]
    caller = joined({name + (" counted" if UNITS[name] == "k" else ""):
                     times(results, "start", method, "posix_spawn", what="return_p50", program="true")
                     for name, results in machines.items()})
    if not caller:
        return []
    kept = [f"{held(row)} ({name})" for name, results in machines.items() if results
            for row in [results.one("template", method=f"create {method}", program="true")]
            if row and "processes" in row]
    nothing = joined({name: ", ".join(f"{program} {text_of(pair)}" for program, pair in pairs(results, method).items()
                                      if not gains(pair)) for name, results in machines.items()})
    lines = [f"- `{method}` needs {caller} of posix_spawn's (true), until {traits.until}." +
             (f" It holds {kept[0]}." if kept else "") +
             (f" No gain is seen for {nothing}{traits.limit}." if nothing else "") + static_programs(machines, method)]
    if traits.makes_next:
        next_child = joined({name: of_true(results, method) for name, results in machines.items()})
        whole = joined({name: cpu_time(results, method) for name, results in machines.items()})
        lines.append(f"- The next children of `{method}` are made between starts, not in the median: true, to posix_spawn, "
                     f"{next_child}" + (f"; of CPU time, all included, {whole}" if whole else "") + ".")
    return lines


def static_programs(machines, method):
    """There is nothing linked that could be kept of them."""
    texts = [f"{', '.join(relations)} ({name})" for name, results in machines.items()
             for relations in [[f"{text} of `{other}`" for other in ("kernel", "vfork")
                                for text in [times(results, "start", method, other, program="hello-static")] if text]]
             if relations]
    return f" A static program: {'; '.join(texts)}." if texts else ""


def cpu_time(results, method):
    """Of all processes that have to do with a start of true."""
    times_of = [row and row.get("cpu_ns") for name in (method, "posix_spawn")
                for row in [results and results.one("template", method=name, program="true")]]
    return f"{times_of[0] / times_of[1]:.2f}x" if all(times_of) else None


def of_true(results, method):
    pair = pairs(results, method).get("true")
    if not pair:
        return None
    return timed(results, "start", method, "posix_spawn", program="true") + (
        f", mean {mean_text(pair)}" if has_other_mean(pair) else "")
