# SPDX-License-Identifier: MIT
"""Finds in a kernel log what must fail a test even if the command succeeded."""

import re

# Each of these starts a report of the kernel about itself.
REPORTS = re.compile(
    r"\bOops\b"
    r"|\bBUG\b"
    r"|WARNING: "
    r"|Kernel panic"
    r"|general protection fault"
    r"|unable to handle (kernel|page fault)"
    r"|stack segment|double fault|invalid opcode: "
    r"|KASAN: |UBSAN: "
    r"|INFO: (possible|inconsistent|suspicious|task .* blocked|rcu_)"
    r"|rcu: INFO: |rcu.*detected stall|soft lockup|hard LOCKUP"
    r"|possible (circular|recursive) locking|suspicious RCU usage|bad unlock balance"
    r"|sleeping function called from invalid context"
    r"|Bad (rss-counter|page state|page map)"
    r"|refcount_t: |list_(add|del) corruption"
    r"|kmemleak: .*(new suspected|disabled)"
    r"|corrupted stack end|scheduling while atomic"
    r"|EXT4-fs error|guest-init: "
)

# A program's own faults are logged with the same words, after its name and process id.
USER_FAULT = re.compile(r"\btraps: .+\[\d+\] .* ip:")

# What follows a report's first line and explains it, up to a limit.
CONTEXT_LINES = 30


def find_reports(log):
    """The lines of each report, as one string per report."""
    lines = log.splitlines()
    reports = []
    shown_up_to = 0
    for number, line in enumerate(lines):
        if number < shown_up_to or not REPORTS.search(line) or USER_FAULT.search(line):
            continue
        end = number + 1
        while end < min(len(lines), number + CONTEXT_LINES) and "end trace" not in lines[end]:
            end += 1
        reports.append("\n".join(lines[number:end]))
        shown_up_to = end
    return reports
