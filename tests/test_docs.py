# SPDX-License-Identifier: MIT
"""The reference of the public headers is complete: doxygen has nothing to complain about."""

import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Docs(unittest.TestCase):
    def test_doxygen_is_content(self):
        result = subprocess.run(["make", "-C", ROOT, "docs"], text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(result.returncode, 0, result.stdout)


if __name__ == "__main__":
    unittest.main()
