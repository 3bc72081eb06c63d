# SPDX-License-Identifier: MIT
"""The reference of the public headers is complete: doxygen has nothing to complain about. The manual
names the programs that a test knows to be never warm."""

import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Docs(unittest.TestCase):
    def test_doxygen_is_content(self):
        result = subprocess.run(["make", "-C", ROOT, "docs"], text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_manual_names_programs_that_are_never_warm(self):
        source = (ROOT / "tests/warm_differential_test.cpp").read_text()
        table = re.search(r"refusing\[\] = \{(.*?)\n\};", source, re.S).group(1)
        programs = re.findall(r'\{"/[^"]*/([^"/]+)", ', table)
        self.assertGreater(len(programs), 5)
        manual = (ROOT / "userspace/man/spawntpl.7").read_text()
        paragraph = re.search(r"Of the programs that Debian ships(.*?)\n\.PP", manual, re.S).group(1)
        self.assertEqual([name for name in programs
                          if not re.search(rf"\b{name}\b", paragraph)], [])


if __name__ == "__main__":
    unittest.main()
