# SPDX-License-Identifier: MIT
"""Figures of results as text: marked where they are not repeatable, with an interval where there is one."""

# With fewer samples there are too few turns for an interval: see statistics.hpp.
LEAST_FOR_INTERVAL = 12

UNITS = {"native": "µs", "kvm": "µs", "vm": "k instructions"}


def mark(*rows):
    """Of counts that another boot, or the other half of a run, does not confirm."""
    return "" if all(row.get("repeatable", True) for row in rows) else "*"


def median(row, what="p50"):
    """In thousands."""
    return f"{row[what] / 1000:,.0f}{mark(row)}"


def figure(results, question, **wanted):
    """A median, or None."""
    row = results and results.one(question, **wanted)
    return median(row) if row else None


def bounds(row, to):
    """The interval of the ratio of two methods, or None."""
    ratio = row["ratio"].get(to, {})
    # It knows nothing of other boots.
    if "p50_of_other_boots" in row:
        return None
    if row["n"] < LEAST_FOR_INTERVAL or ratio.get("low") is None:
        return None
    return ratio["low"], ratio["high"]


def times(results, question, slow, fast, what="p50", **wanted):
    """How many times as much one method needs."""
    row = results and results.one(question, method=slow, **wanted)
    to = results and results.one(question, method=fast, **wanted)
    if not row or not to:
        return None
    text = f"{row[what] / to[what]:.2f}x{mark(row, to)}"
    interval = bounds(row, fast) if what == "p50" else None
    return text + (f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else "")


def without_interval(text):
    return text and text.split(" [")[0]


def timed(results, question, slow, fast, **wanted):
    """The same where times are measured: on one CPU, which is what a method costs, and on all."""
    pinned = times(results, question, slow, fast, pinned=True, **wanted)
    free = times(results, question, slow, fast, **wanted)
    if pinned and free:
        return f"{pinned} on one CPU ({free} on all)"
    return pinned or free


def gain(row):
    """Calls per second beyond those of posix_spawn, in percent: the value, and its interval or None."""
    def percent(ratio):
        return 100 * (1 / ratio - 1)

    interval = bounds(row, "posix_spawn")
    return (percent(row["ratio"]["posix_spawn"]["value"]),
            (percent(interval[1]), percent(interval[0])) if interval else None)
