# SPDX-License-Identifier: MIT
"""What a start may cost, in instructions, compared with others' ways."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

VM = Path(__file__).resolve().parent.parent / "qemu/vm"
BENCH = "/spawntpl/bin/spawntpl bench --unit instructions --quick --program nolibc " \
        "--method posix_spawn --method vfork --method clone3 --method kernel " \
        "--method raw-kernel-nowait"

# What of the parent is varied: the option, the key in the results, a small and a large value.
VARIED = {
    "fds": ("--fds", "fds", 10, 10_000),
    "rss": ("--rss-mib", "rss_mib", 0, 50),
    "mappings": ("--mappings", "extra_mappings", 0, 200),
    "threads": ("--threads", "threads", 1, 64),
}


def measure():
    """Results by question, method and whether the value is the large one, out of one machine."""
    script = " && ".join(f"{BENCH} --json /tmp/{question} {option} {small} {option} {large}"
                         for question, (option, _, small, large) in VARIED.items())
    with tempfile.TemporaryDirectory(prefix="spawntpl-test.") as directory:
        gets = [word for question in VARIED
                for word in ("--get", f"/tmp/{question}={directory}/{question}")]
        result = subprocess.run([VM, "run", "--quiet", "--icount", *gets, "--", "sh", "-c", script],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if result.returncode:
            raise RuntimeError(f"status {result.returncode}: {result.stderr}")
        results = [json.loads(Path(directory, question).read_text()) for question in VARIED]
    not_measured = [row for result in results for row in result["not_measured"]]
    if not_measured:
        raise RuntimeError(f"not measured: {not_measured}")
    rows = [row for result in results for row in result["results"]]
    units = {row["unit"] for row in rows}
    if units != {"instructions"}:
        raise RuntimeError(f"not counted in instructions: {units}")
    return {(row["question"], row["method"],
             row["parent"][VARIED[row["question"]][1]] == VARIED[row["question"]][3]): row
            for row in rows}


class BudgetTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rows = measure()

    def cost(self, question, method, large=False, what="p50"):
        return self.rows[question, method, large][what]

    def assert_within(self, cost, factor, reference):
        self.assertLessEqual(cost, factor * reference,
                             f"{cost / reference:.3f} times as many instructions")

    def test_a_small_start_costs_at_most_0_7_of_posix_spawn(self):
        self.assert_within(self.cost("fds", "kernel"), 0.70, self.cost("fds", "posix_spawn"))

    def test_a_small_start_costs_at_most_1_08_of_vfork(self):
        self.assert_within(self.cost("fds", "kernel"), 1.08, self.cost("fds", "vfork"))

    def test_a_call_that_does_not_wait_returns_in_0_4_of_posix_spawn(self):
        self.assert_within(self.cost("fds", "raw-kernel-nowait", what="return_p50"), 0.40,
                           self.cost("fds", "posix_spawn", what="return_p50"))

    def test_with_many_descriptors_it_costs_at_most_an_eighth_of_posix_spawn(self):
        self.assert_within(self.cost("fds", "kernel", True), 1 / 8,
                           self.cost("fds", "posix_spawn", True))

    def test_clone3_costs_at_most_0_72_of_posix_spawn(self):
        self.assert_within(self.cost("fds", "clone3"), 0.72, self.cost("fds", "posix_spawn"))

    def test_what_the_parent_has_costs_next_to_nothing(self):
        for question in VARIED:
            for method in ("kernel", "clone3"):
                with self.subTest(question=question, method=method):
                    small, large = (self.cost(question, method, large) for large in (False, True))
                    self.assert_within(large, 1.10, small)
                    self.assert_within(small, 1.10, large)
