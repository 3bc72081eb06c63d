# SPDX-License-Identifier: MIT
"""What a warm start saves, in instructions: budgets."""

import subprocess
import unittest
from pathlib import Path

VM = Path(__file__).resolve().parent.parent / "qemu/vm"


class WarmBudget(unittest.TestCase):
    def test_python_with_its_modules_starts_5_times_as_fast(self):
        # The guest's clock counts instructions.
        result = subprocess.run([VM, "run", "--quiet", "--icount", "--", "env",
                                 "SPAWNTPL_CLOCK_COUNTS=1", "/spawntpl/bin/spawntpl-tests",
                                 "--gtest_filter=WarmReady.python*"],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("[  PASSED  ] 1 test.", result.stdout)


if __name__ == "__main__":
    unittest.main()
