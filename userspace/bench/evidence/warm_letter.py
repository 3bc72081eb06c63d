# SPDX-License-Identifier: MIT
"""The figures of the warm series' cover letter, made of what tests/payloads/warm_cost.c counts in the virtual machine."""

import textwrap
from pathlib import Path

from replaced_text import replace

LETTER = Path(__file__).resolve().parents[3] / "kernel-patch/warm/0000-cover-letter.patch"

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
        lines.append(line(program, [thousands(images[program, start, bound]["p50"]) for _, start, bound in COLUMNS]))
    return "\n".join(lines) + "\n\n" + textwrap.fill(
        f"Of that the call itself takes {returns(images, 'recycled')} thousand, with a copy {returns(images, 'copied')} "
        f"(posix_spawn(): {returns(images, 'posix_spawn')}).", 75, fix_sentence_endings=True) + "\n"


def returns(images, start):
    counts = [row["return_p50"] for (_, found, _), row in images.items() if found == start]
    return " to ".join(dict.fromkeys(thousands(count) for count in (min(counts), max(counts))))


def update(letter, results):
    """Puts all of it in the place of what is there."""
    if results and results.images:
        replace(letter, r"^ +posix_spawn\(\) +recycled .*\n(?:.*\n)+?(?=\nWhat it does not do)", table(results))
