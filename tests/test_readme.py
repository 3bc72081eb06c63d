# SPDX-License-Identifier: MIT
"""What README.md shows of the program is what the program prints."""

import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Readme(unittest.TestCase):
    def test_table_of_backends(self):
        table = subprocess.run([ROOT / "build/bin/spawntpl", "info", "--table"], text=True,
                               check=True, stdout=subprocess.PIPE).stdout
        self.assertIn(table, (ROOT / "README.md").read_text(),
                      "put the output of 'spawntpl info --table' into README.md")


if __name__ == "__main__":
    unittest.main()
