# SPDX-License-Identifier: MIT
"""What a warm start saves, in instructions: budgets."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

VM = Path(__file__).resolve().parent.parent / "qemu/vm"
BENCH = "/spawntpl/bin/spawntpl bench start --unit instructions --n 20 " \
        "--method posix_spawn --method clone3 --method warm " \
        "--program hello --program true --program sed --json /tmp/warm"


class WarmBudget(unittest.TestCase):
    def test_python_with_its_modules_starts_5_times_as_fast(self):
        # The guest's clock counts instructions.
        result = subprocess.run([VM, "run", "--quiet", "--icount", "--", "env",
                                 "SPAWNTPL_CLOCK_COUNTS=1", "/spawntpl/bin/spawntpl-tests",
                                 "--gtest_filter=WarmReady.python*"],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("[  PASSED  ] 1 test.", result.stdout)

    def test_warm_start_costs_a_part_of_posix_spawn(self):
        with tempfile.TemporaryDirectory(prefix="spawntpl-test.") as directory:
            results = Path(directory, "results")
            result = subprocess.run([VM, "run", "--quiet", "--icount", "--get",
                                     f"/tmp/warm={results}", "--", *BENCH.split()],
                                    stdin=subprocess.DEVNULL, capture_output=True, text=True)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            written = json.loads(results.read_text())
        self.assertEqual(written["not_measured"], [])
        cost = {(row["program"], row["method"]): row["p50"] for row in written["results"]}
        for program, part in (("hello", 0.75), ("true", 0.82), ("sed", 0.65)):
            with self.subTest(program=program):
                share = cost[program, "warm"] / cost[program, "posix_spawn"]
                self.assertLessEqual(share, part)


if __name__ == "__main__":
    unittest.main()
