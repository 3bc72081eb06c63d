# SPDX-License-Identifier: MIT
"""Times are of use only where the machine has nothing else to do."""

import os
import time

# Of each CPU, in the mean over a minute.
MOST_LOAD = 0.5
# After a build that mean needs minutes to fall.
PATIENCE = 600  # seconds
PAUSE = 15


class Busy(Exception):
    pass


def is_busy(load, cpus):
    return load > MOST_LOAD * cpus


def wait(say):
    """Returns when nothing else runs, or raises Busy."""
    cpus = len(os.sched_getaffinity(0))
    for passed in range(0, PATIENCE, PAUSE):
        load = os.getloadavg()[0]
        if not is_busy(load, cpus):
            return
        if not passed:
            say(f"a load of {load:.1f} on {cpus} CPUs: waiting until nothing else runs")
        time.sleep(PAUSE)
    raise Busy(f"times would be of what else runs: still a load of {load:.1f} on {cpus} CPUs after {PATIENCE} s "
               "(--busy measures all the same)")
