# SPDX-License-Identifier: MIT
"""What starts cost, in instructions, compared with others' ways: budgets, and known results."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

VM = Path(__file__).resolve().parent.parent / "qemu/vm"
BENCH = "/spawntpl/bin/spawntpl bench --unit instructions --quick --program nolibc " \
        "--method fork --method posix_spawn --method vfork --method safe-clone3 " \
        "--method clone3 --method kernel --method raw-kernel-nowait"

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

    def test_clone3_costs_at_most_1_05_of_the_same_without_the_library(self):
        self.assert_within(self.cost("fds", "clone3"), 1.05, self.cost("fds", "safe-clone3"))

    def test_fork_grows_with_memory_and_nothing_else_does(self):
        self.assertGreater(self.cost("rss", "fork", True), 3 * self.cost("rss", "fork"))
        for method in ("posix_spawn", "vfork", "safe-clone3", "clone3", "kernel"):
            with self.subTest(method=method):
                self.assert_within(self.cost("rss", method, True), 1.05, self.cost("rss", method))

    def test_a_copied_descriptor_table_grows(self):
        for method in ("fork", "posix_spawn", "vfork"):
            with self.subTest(method=method):
                self.assertGreater(self.cost("fds", method, True), 4 * self.cost("fds", method))

    def test_posix_spawn_of_this_libc_costs_more_than_vfork(self):
        self.assertGreater(self.cost("fds", "posix_spawn"), 1.3 * self.cost("fds", "vfork"))

    def test_the_clock_leaps_in_no_start(self):
        self.assertEqual([key for key, row in self.rows.items() if row["idle"]], [])

    def test_what_the_parent_has_costs_next_to_nothing(self):
        for question in VARIED:
            for method in ("kernel", "clone3"):
                with self.subTest(question=question, method=method):
                    small, large = (self.cost(question, method, large) for large in (False, True))
                    self.assert_within(large, 1.10, small)
                    self.assert_within(small, 1.10, large)


class ProfileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory(prefix="spawntpl-test.") as directory:
            results, profile = Path(directory, "results"), Path(directory, "profile")
            subprocess.run([VM, "run", "--quiet", "--icount", "--profile", profile,
                            "--get", f"/tmp/json={results}", "--", "sh", "-c",
                            f"{BENCH} --json /tmp/json"], check=True, stdin=subprocess.DEVNULL,
                           capture_output=True)
            cls.rows = {row["method"]: row for row in json.loads(results.read_text())["results"]}
            cls.profile = json.loads(profile.read_text())

    def of_one_start(self, method, part=0):
        row = self.rows[method]
        entry = self.profile[str(row["mark"] + part)]
        return {name: count / row["n"] for name, count in entry["functions"].items()}

    def test_the_clock_and_the_profile_count_the_same(self):
        for method, row in self.rows.items():
            with self.subTest(method=method):
                for part, expected in ((0, row["return_mean"]), (1, row["mean"] - row["return_mean"])):
                    counted = sum(self.of_one_start(method, part).values())
                    self.assertAlmostEqual(counted / expected, 1, delta=0.02)

    def test_functions_show_what_went_away(self):
        self.assertGreater(self.of_one_start("posix_spawn")["do_sigaction"], 3000)
        for method in ("vfork", "clone3", "kernel"):
            self.assertEqual(self.of_one_start(method).get("do_sigaction", 0), 0)
