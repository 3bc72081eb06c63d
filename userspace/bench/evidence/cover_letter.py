# SPDX-License-Identifier: MIT
"""The figures of the cover letter, made of the counts in the virtual machine."""

import textwrap
from pathlib import Path

from amounts import median
from replaced_text import replace

LETTER = Path(__file__).resolve().parents[3] / "kernel-patch/series/0000-cover-letter.patch"

HEAD = "                      10 open fds     x    10,000 open fds     x"
DYNAMIC = "                      true(1), 10 open fds     x"
# The letter names what a reader of the kernel's list knows: the method, and its line.
LINES = (("posix_spawn()", "posix_spawn"), ("vfork(), execve()", "vfork"),
         ("clone3(), execve()", "raw-clone3"), ("clone3 + close_range", "safe-clone3"),
         ("spawn_template", "raw-kernel"), ("  without waiting", "raw-kernel-nowait"))
OURS = "raw-kernel"
# What a caller may have, that costs a fork: the question, what varies, and its name.
NOT_COPIED = (("mappings", "extra_mappings", "mappings"), ("threads", "threads", "threads"),
              ("rss", "rss_mib", "MiB of touched memory"))

NOTES = """\
A * marks what another boot, or the other half of its run, does not confirm to 0.1 %.  The call returns when the \
child has left the caller's memory, with spawn_template_spawn() when the program is loaded.  posix_spawn() is that of \
{libc}, which resets signals one at a time; clone3() has CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND, and the careful \
one shares the descriptors and leaves them by close_range(CLOSE_RANGE_UNSHARE).  """


def cell(row):
    return f"{median(row)} ({median(row, 'return_p50')})" if row else "-"


def relation(ours, row):
    if not row or not ours or row["method"].startswith(OURS):
        return ""
    return f"{ours['p50'] / row['p50']:.2f}"


def tables(results):
    """The tables and what is to be known of them, or why there are none."""
    if not results:
        return "No counts of the virtual machine.\n"
    lines = [HEAD]
    for title, method in LINES:
        few, many = (results.one("fds", method=method, fds=fds) for fds in (10, 10_000))
        ours_few, ours_many = (results.one("fds", method=OURS, fds=fds) for fds in (10, 10_000))
        lines.append(f" {title:<21}{cell(few):<12}{relation(ours_few, few):>5}    "
                     f"{cell(many):<15}{relation(ours_many, many):>6}".rstrip())
    ours = results.one("start", program="true", method=OURS)
    lines += ["", DYNAMIC] if ours else []
    for title, method in LINES if ours else ():
        row = results.one("start", program="true", method=method)
        lines.append(f" {title:<21}{cell(row):<21}{relation(ours, row):>5}".rstrip())
    notes = NOTES.format(libc=results.environment.get("libc", "this libc")) + what_changes_nothing(results)
    return "\n".join(lines) + "\n\n" + textwrap.fill(notes.strip(), 75, fix_sentence_endings=True) + "\n"


def what_changes_nothing(results):
    """Of the methods in the table, between the least and the most of what the caller has."""
    most, names = 0, []
    for question, member, name in NOT_COPIED:
        pairs = [pair for _, method in LINES for pair in [results.ends(question, member, method)] if pair]
        if pairs:
            most = max([most, *(abs(last["p50"] / first["p50"] - 1) for first, last in pairs)])
            names.append(f"{pairs[0][1]['parent'][member]:,} {name}")
    if not names:
        return ""
    listed = " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
    apart = max(results.spread(method) for _, method in LINES) - 1
    return (f"{listed} of the caller change the figures by at most {100 * most:.1f} %.  The same start, asked for with "
            f"each of these, is up to {100 * apart:.1f} % apart.")


def cost_of_a_descriptor(results):
    """What vfork() pays, in instructions, or None."""
    pair = results and results.ends("fds", "fds", "vfork")
    if not pair:
        return None
    few, many = pair
    return (many["p50"] - few["p50"]) / (many["parent"]["fds"] - few["parent"]["fds"])


def update(letter, results):
    """Puts all of it in the place of what is there."""
    cost = cost_of_a_descriptor(results)
    if cost is None:
        return
    replace(letter, r"some [\d,]+ instructions for each open fd,", f"some {cost:,.0f} instructions for each open fd,")
    replace(letter, r"^ +10 open fds +x .*\n(?:.*\n)+?(?=\nThe counts show work)", tables(results))
