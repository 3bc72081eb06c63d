# SPDX-License-Identifier: MIT
"""The table of figures of the cover letter, made of the counts in the virtual machine."""

import re
from pathlib import Path

LETTER = Path(__file__).resolve().parents[3] / "kernel-patch/series/0000-cover-letter.patch"

HEAD = "                      10 open fds     x    10,000 open fds     x"
# The letter names what a reader of the kernel's list knows: the method, and its line.
LINES = (("posix_spawn()", "posix_spawn"), ("vfork(), execve()", "vfork"),
         ("clone3(), execve()", "raw-clone3"), ("spawn_template", "raw-kernel"),
         ("  without waiting", "raw-kernel-nowait"))
OURS = "raw-kernel"


def cell(row):
    return f"{row['p50'] / 1000:,.0f} ({row['return_p50'] / 1000:,.0f})" if row else "-"


def relation(ours, row):
    if not row or not ours or row["method"].startswith(OURS):
        return ""
    return f"{ours['p50'] / row['p50']:.2f}"


def tables(results):
    """The table, or why there is none."""
    if not results:
        return "No counts of the virtual machine.\n"
    lines = [HEAD]
    for title, method in LINES:
        few, many = (results.one("fds", method=method, fds=fds) for fds in (10, 10_000))
        ours_few, ours_many = (results.one("fds", method=OURS, fds=fds) for fds in (10, 10_000))
        lines.append(f" {title:<21}{cell(few):<12}{relation(ours_few, few):>5}    "
                     f"{cell(many):<15}{relation(ours_many, many):>6}".rstrip())
    return "\n".join(lines) + "\n"


def update(letter, table):
    """Puts the table in the place of the one that is there."""
    text = letter.read_text()
    pattern = re.compile(r"^ +10 open fds +x .*\n(?:.+\n)+", re.MULTILINE)
    if not table.startswith(HEAD) or len(pattern.findall(text)) != 1:
        return
    letter.write_text(pattern.sub(lambda _: table, text))
