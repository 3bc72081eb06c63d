# SPDX-License-Identifier: MIT
"""The figures of README.md: its table, made of the counts in the virtual machine, and what a warm start gains."""

import re
from pathlib import Path

from amounts import median, times, without_interval
from replaced_text import replace

README = Path(__file__).resolve().parents[3] / "README.md"

HEAD = "| descriptors open in the parent "
COLUMNS = (("`vfork` + `exec`", "vfork"), ("careful `clone3`", "safe-clone3"), ("glibc `posix_spawn`", "posix_spawn"),
           ("template", "kernel"))
COMPARED = (("to `clone3`", "safe-clone3"), ("to `posix_spawn`", "posix_spawn"))
# The method, the machine, and the sentence.
WARM = (("warm", "native", "takes {} of `posix_spawn`'s time then, of `sed` {}, of `git` {} (details of the evidence)"),
        ("kernel-warm", "vm", "executes {} of its instructions, of `sed` {}, of `git` {} (counted)"))
DESCRIPTORS = (10, 100, 1_000, 10_000)


def table(results):
    """Aligned, as the other tables there."""
    rows = [[HEAD[2:-1], *(title for title, _ in COLUMNS), *(title for title, _ in COMPARED)]]
    for fds in DESCRIPTORS:
        medians = [row and median(row) for _, method in COLUMNS for row in [results.one("fds", method=method, fds=fds)]]
        rows.append([f"{fds:,}", *(value or "-" for value in medians),
                     *(without_interval(times(results, "fds", "kernel", to, fds=fds)) or "-" for _, to in COMPARED)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"| {' | '.join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))} |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|")
    return "\n".join(lines) + "\n"


def warm(machines):
    """For each sentence of what was measured its pattern, and what it says."""
    for method, machine, sentence in WARM:
        gains = [without_interval(times(machines[machine], "start", method, "posix_spawn", program=program))
                 for program in ("true", "sed", "git")]
        if all(gains):
            yield re.escape(sentence).replace(r"\{\}", r"\S+"), sentence.format(*gains)


def update(readme, machines):
    if machines["vm"]:
        replace(readme, rf"^{HEAD.replace('|', '[|]')}.*\n(?:[|].*\n)+", table(machines["vm"]))
    for pattern, sentence in warm(machines):
        replace(readme, pattern, sentence)
