# SPDX-License-Identifier: MIT
"""What a start on the patched kernel may cost, in instructions, compared with posix_spawn's."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

VM = Path(__file__).resolve().parent.parent / "qemu/vm"
FEW, MANY = 10, 10_000  # open descriptors of the parent
SMALL, LARGE = 0, 50  # MiB that it has touched
PROPERTY = {"fds": "fds", "rss": "rss_mib"}  # of the parent, by question
BENCH = "/spawntpl/bin/spawntpl bench --unit instructions --quick --program nolibc " \
        "--method posix_spawn --method kernel"


def measure():
    """Medians by method and property of the parent, out of one machine."""
    script = f"{BENCH} --json /tmp/fds --fds {FEW} --fds {MANY} && " \
             f"{BENCH} --json /tmp/rss --rss-mib {SMALL} --rss-mib {LARGE}"
    with tempfile.TemporaryDirectory(prefix="spawntpl-test.") as directory:
        top = Path(directory)
        result = subprocess.run(
            [VM, "run", "--quiet", "--icount", "--get", f"/tmp/fds={top}/fds",
             "--get", f"/tmp/rss={top}/rss", "--", "sh", "-c", script],
            stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if result.returncode:
            raise RuntimeError(f"status {result.returncode}: {result.stderr}")
        rows = [row for name in ("fds", "rss")
                for row in json.loads((top / name).read_text())["results"]]
    units = {row["unit"] for row in rows}
    if units != {"instructions"}:
        raise RuntimeError(f"not counted in instructions: {units}")
    return {(row["method"], row["question"], row["parent"][PROPERTY[row["question"]]]): row["p50"]
            for row in rows}


class BudgetTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cost = measure()

    def assert_within(self, cost, factor, reference):
        self.assertLessEqual(self.cost[cost], factor * self.cost[reference],
                             f"{cost} costs more than {factor} times {reference}: {self.cost}")

    def test_a_small_start_costs_at_most_0_7_of_posix_spawn(self):
        self.assert_within(("kernel", "fds", FEW), 0.70, ("posix_spawn", "fds", FEW))

    def test_open_descriptors_cost_next_to_nothing(self):
        self.assert_within(("kernel", "fds", MANY), 1.3, ("kernel", "fds", FEW))

    def test_with_many_descriptors_it_costs_at_most_an_eighth_of_posix_spawn(self):
        self.assert_within(("kernel", "fds", MANY), 1 / 8, ("posix_spawn", "fds", MANY))

    def test_memory_of_the_parent_costs_nothing(self):
        self.assert_within(("kernel", "rss", LARGE), 1.1, ("kernel", "rss", SMALL))
