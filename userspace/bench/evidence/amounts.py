# SPDX-License-Identifier: MIT
"""Figures of results as text: marked where they are not repeatable, with an interval where there is one.

Counts have no interval: a mark says whether counting again gives the same. A ratio of times has one, and where 1
is in it, no difference was seen.
"""

# With fewer samples there are too few turns for an interval: see statistics.hpp.
LEAST_FOR_INTERVAL = 12

UNITS = {"native": "µs", "kvm": "µs", "vm": "k"}

# Methods of ours that keep what a program is after its own start, in the order of what they need of the system.
KEPT = ("kernel-warm", "warm")

# A count is no gain from here on.
NO_GAIN = 0.98

# Of each median, where the ratios to other methods' are.
RATIOS = {"p50": "ratio", "return_p50": "return_ratio"}


# Of each median, what says whether it was confirmed.
REPEATABLE = {"p50": "repeatable", "return_p50": "return_repeatable"}


def mark(*rows, what="p50"):
    """Of counts that another boot, or the other half of a run, does not confirm."""
    return "" if all(row.get(REPEATABLE[what], True) for row in rows) else "*"


def median(row, what="p50"):
    """In thousands."""
    return f"{row[what] / 1000:,.0f}{mark(row, what=what)}"


def figure(results, question, **wanted):
    """A median, or None."""
    row = results and results.one(question, **wanted)
    return median(row) if row else None


def bounds(row, to, what="p50"):
    """The interval of the ratio of two methods that took turns, or None."""
    ratio = row.get(RATIOS[what], {}).get(to, {})
    if row["unit"] != "ns" or row["n"] < LEAST_FOR_INTERVAL or ratio.get("low") is None:
        return None
    return ratio["low"], ratio["high"]


def bounds_of_others(row, to):
    """The same of two that were measured one after the other: what the intervals of both medians leave possible."""
    ends = [row.get("p50_low"), row.get("p50_high"), to.get("p50_low"), to.get("p50_high")]
    if row["unit"] != "ns" or None in ends:
        return None
    low, high, to_low, to_high = ends
    return low / to_high, high / to_low


def is_seen(interval):
    """Whether there is a difference; unknown of too few samples, and not asked of counts."""
    return interval is None or not interval[0] <= 1 <= interval[1]


def short(value):
    """A ratio, as far as its digits say something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def with_interval(value, interval, marked=""):
    return f"{short(value)}x{marked}" + (f" [{short(interval[0])}, {short(interval[1])}]" if interval else "")


def ratio(row, to, interval=None, what="p50"):
    return with_interval(row[what] / to[what], interval, mark(row, to, what=what))


def times(results, question, slow, fast, what="p50", **wanted):
    """How many times as much one method needs, or None."""
    row = results and results.one(question, method=slow, **wanted)
    to = results and results.one(question, method=fast, **wanted)
    return ratio(row, to, bounds(row, fast, what), what) if row and to else None


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
    def percent(value):
        return 100 * (1 / value - 1)

    interval = bounds(row, "posix_spawn")
    return (percent(row["ratio"]["posix_spawn"]["value"]),
            (percent(interval[1]), percent(interval[0])) if interval else None)
