# SPDX-License-Identifier: MIT
"""Times are of use only where the machine has nothing else to do."""

import time
from pathlib import Path

STAT = Path("/proc/stat")

# Of the time of all CPUs. The load, a mean over a minute, would be that of the measurement before.
MOST_BUSY = 0.1
WINDOW = 5  # seconds
PATIENCE = 600


class Busy(Exception):
    pass


def cpu_times():
    """Of all CPUs since the machine was started: idle, and all together."""
    user, nice, system, idle, iowait, irq, softirq, steal = map(int, STAT.read_text().split()[1:9])
    return idle + iowait, user + nice + system + idle + iowait + irq + softirq + steal


def busy_part():
    """The part of the CPUs' time in which something ran, as this waits for some seconds."""
    idle, everything = cpu_times()
    time.sleep(WINDOW)
    idle_later, everything_later = cpu_times()
    return max(0.0, 1 - (idle_later - idle) / (everything_later - everything))


def wait(say):
    """Returns when nothing else runs, with what runs all the same, or raises Busy."""
    for passed in range(0, PATIENCE, WINDOW):
        part = busy_part()
        if part <= MOST_BUSY:
            return part
        if not passed:
            say(f"the CPUs are busy for {100 * part:.0f} % of the time: waiting until nothing else runs")
    raise Busy(f"times would be of what else runs: the CPUs are still busy for {100 * part:.0f} % of the time after "
               f"{PATIENCE} s (--busy measures all the same)")
