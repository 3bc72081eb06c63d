# SPDX-License-Identifier: MIT
"""The figures of the warm series' cover letter, made of what tests/payloads/warm_cost.c counts in the virtual machine."""

import textwrap
from pathlib import Path

from amounts import mark
from replaced_text import replace

LETTER = Path(__file__).resolve().parents[3] / "kernel-patch/warm/0000-cover-letter.patch"

LIMITS = "The counts show work on one CPU, not cache misses or waiting."
# The kind of start, and whether the captive had LD_BIND_NOW.
COLUMNS = (("posix_spawn()", "posix_spawn", False), ("recycled", "recycled", False), ("bound", "recycled", True),
           ("copied", "copied", False), ("bound", "copied", True))


def line(name, cells):
    return f" {name:<18}{cells[0]:>13}" + "".join(f"{cell:>10}" for cell in cells[1:])


HEAD = line("", [title for title, _, _ in COLUMNS])


def thousands(count):
    return f"{count / 1000:,.0f}"


def table(results):
    """A line for each program, and for how long its caller waits; or why there is none."""
    images = {(row["program"], row["start"], row["bound"]): row for row in (results.images if results else [])}
    if not images:
        return "No counts of the virtual machine.\n"
    lines = [HEAD]
    for program in dict.fromkeys(program for program, _, _ in images):
        lines.append(line(program, [thousands(row["p50"]) + mark(row) for _, start, bound in COLUMNS
                                    for row in [images[program, start, bound]]]))
    notes = (f"Of that the call itself takes {returns(images, 'recycled')} thousand, with a copy "
             f"{returns(images, 'copied')} (posix_spawn(): {returns(images, 'posix_spawn')}).", limits(images.values()))
    return "\n".join(lines) + "\n\n" + "\n\n".join(textwrap.fill(note, 75, fix_sentence_endings=True)
                                                 for note in notes) + "\n"


def returns(images, start):
    rows = [row for (_, found, _), row in images.items() if found == start]
    counts = [row["return_p50"] for row in rows]
    marked = "" if all(row.get("return_repeatable", True) for row in rows) else "*"
    return " to ".join(dict.fromkeys(thousands(count) for count in (min(counts), max(counts)))) + marked


def limits(rows):
    """What the figures do not show, and what was done about chance."""
    starts = min(row.get("n", 0) for row in rows)
    if not starts:
        return f"{LIMITS} No other boot has confirmed them."
    boots = [[row["p50"], *row["p50_of_other_boots"]] for row in rows]
    spread = max((max(counts) - min(counts)) / counts[0] for counts in boots)
    of_boots = f", of one of {len(boots[0])} boots, which are up to {100 * spread:.1f} % apart" if len(boots[0]) > 1 else ""
    return (f"{LIMITS} They are medians of {starts} starts, the kinds in turns{of_boots}; a * marks what the halves of these "
            f"{'starts, or the boots,' if of_boots else 'starts'} do not have alike to 0.1 %.")


def after_the_exec(images):
    """Of a start by posix_spawn(), which returns when the exec is done: from the least to the most."""
    parts = [1 - row["return_p50"] / row["p50"] for row in images if row["start"] == "posix_spawn"]
    return " to ".join(dict.fromkeys(f"{100 * part:.0f}" for part in (min(parts), max(parts))))


def update(letter, results):
    """Puts all of it in the place of what is there."""
    if results and results.images:
        replace(letter, r"cost to start, \d+(?: to \d+)? % comes after their exec:",
                f"cost to start, {after_the_exec(results.images)} % comes after their exec:")
        replace(letter, r"^ +posix_spawn\(\) +recycled .*\n(?:.*\n)+?(?=\nWhat it does not do)", table(results))
