# SPDX-License-Identifier: MIT
"""What a warm start saves, in instructions: budgets."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

VM = Path(__file__).resolve().parent.parent / "qemu/vm"
BENCH = "/spawntpl/bin/spawntpl bench start --unit instructions --n 20 " \
        "--method posix_spawn --method clone3 --method warm --method kernel-warm " \
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

    # Of posix_spawn: by a process, by the kernel. The process makes the next children in pauses,
    # which are not in it.
    PARTS = {"hello": (0.36, 0.60), "true": (0.39, 0.66), "sed": (0.35, 0.63)}

    def test_warm_start_costs_a_part_of_posix_spawn(self):
        with tempfile.TemporaryDirectory(prefix="spawntpl-test.") as directory:
            results = Path(directory, "results")
            result = subprocess.run([VM, "run", "--quiet", "--icount", "--get",
                                     f"/tmp/warm={results}", "--", *BENCH.split()],
                                    stdin=subprocess.DEVNULL, capture_output=True, text=True)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            written = json.loads(results.read_text())
        self.assertEqual(written["not_measured"], [])
        rows = {(row["program"], row["method"]): row for row in written["results"]}
        for program, parts in self.PARTS.items():
            for method, part in zip(("warm", "kernel-warm"), parts):
                with self.subTest(program=program, method=method):
                    row = rows[program, method]
                    self.assertEqual(row["backend"], method)
                    self.assertLessEqual(row["p50"] / rows[program, "posix_spawn"]["p50"], part)

    def test_kernel_recycled_start_costs_a_small_part_of_posix_spawn(self):
        # Program, and how many times less: with the memory of another child, and with a copy.
        programs = (("/spawntpl/bin/payloads/hello", 11, 3.4), ("/usr/bin/git --version", 9.2, 3.1),
                    ("/bin/sed --version", 7, 3.1), ("/bin/grep -c a /etc/passwd", 3.45, 2.1))
        script = "".join(f"/spawntpl/bin/payloads/warm_cost 20 {program}; "
                         for program, _, _ in programs)
        result = subprocess.run([VM, "run", "--quiet", "--icount", "--", "sh", "-ec", script],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        for (program, recycled, copied), line in zip(programs, result.stdout.splitlines(),
                                                     strict=True):
            with self.subTest(program=program):
                rows = {row["start"]: row for row in json.loads(line) if not row["bound"]}
                cost = {start: row["p50"] for start, row in rows.items()}
                self.assertGreaterEqual(cost["posix_spawn"] / cost["recycled"], recycled)
                self.assertGreaterEqual(cost["posix_spawn"] / cost["copied"], copied)
                # How long the caller waits.
                self.assertLessEqual(rows["recycled"]["return_p50"], 25_500)


if __name__ == "__main__":
    unittest.main()
