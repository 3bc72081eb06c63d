# SPDX-License-Identifier: MIT
"""What is gained where a program's own start is left out as well, and what that costs elsewhere."""

from amounts import NO_GAIN, bounds, is_seen, ratio, timed, times

# What a dynamic linker starts.
DYNAMIC = ("hello", "true", "sed", "grep", "awk", "git", "bash", "python3")
# By as much the means have to differ from the medians to be said beside them.
OTHER_MEAN = 0.05


def pairs(results):
    """For each program what a warm start needs, and what posix_spawn."""
    rows = {program: [results and results.one("start", method=method, program=program)
                      for method in ("warm", "posix_spawn")] for program in DYNAMIC}
    return {program: both for program, both in rows.items() if all(both)}


def median_ratio(pair):
    return pair[0]["p50"] / pair[1]["p50"]


def mean_ratio(pair):
    """Or None, where there is no other."""
    value = pair[0]["mean"] / pair[1]["mean"]
    return value if abs(value / median_ratio(pair) - 1) > OTHER_MEAN else None


def gains(pair):
    interval = bounds(pair[0], "posix_spawn")
    return is_seen(interval) and median_ratio(pair) < (1 if interval else NO_GAIN)


def text_of(pair):
    return ratio(*pair, bounds(pair[0], "posix_spawn"))


def answers(machines):
    """For each machine; each program is in the details."""
    sentences = []
    for name, results in machines.items():
        gaining = {program: pair for program, pair in pairs(results).items() if gains(pair)}
        if not gaining:
            continue
        ends = [function(gaining, key=lambda program: median_ratio(gaining[program])) for function in (min, max)]
        span = " to ".join(f"{ratio(*gaining[program])} ({program})" for program in dict.fromkeys(ends))
        means = [pair[0]["mean"] / pair[1]["mean"] for pair in gaining.values()]
        also = f", by the means to {max(means):.2f}x" if any(mean_ratio(pair) for pair in gaining.values()) else ""
        sentences.append(f"{name} {span}{also}")
    return [f"`warm` to posix_spawn: {'; '.join(sentences)}."] if sentences else []


def table(machines):
    """Every program on every machine."""
    columns = {name: pairs(results) for name, results in machines.items() if pairs(results)}
    if not columns:
        return []
    lines = [f"| program | {' | '.join(f'{name}, median | mean' for name in columns)} |",
             "|---" + "|---:|---:" * len(columns) + "|"]
    for program in DYNAMIC:
        cells = [f"{text_of(column[program])} | {column[program][0]['mean'] / column[program][1]['mean']:.2f}x"
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
    """What the fastest way to start a program costs."""
    caller = joined({name: times(results, "start", "warm", "posix_spawn", what="return_p50", program="true")
                     for name, results in machines.items()})
    if not caller:
        return []
    kept = [held(row) for results in machines.values() if results
            for row in [results.one("template", method="create warm", program="true")] if row]
    nothing = joined({name: ", ".join(f"{program} {text_of(pair)}" for program, pair in pairs(results).items()
                                      if not gains(pair)) for name, results in machines.items()})
    next_child = joined({name: of_true(results) for name, results in machines.items()})
    return [f"- `warm` keeps the caller for {caller} of posix_spawn's time (true), until the child stands before its "
            "main()." + (f" It holds {kept[0]}." if kept else "") +
            (f" No gain is seen for {nothing}; no static program can be warm." if nothing else ""),
            "- The child of the next `warm` start is made meanwhile, if a CPU is free, and is not all in the median: true, "
            f"to posix_spawn, {next_child}."]


def of_true(results):
    pair = pairs(results).get("true")
    if not pair:
        return None
    mean = mean_ratio(pair)
    return timed(results, "start", "warm", "posix_spawn", program="true") + (f", mean {mean:.2f}x" if mean else "")
