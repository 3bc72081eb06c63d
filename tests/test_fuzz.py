# SPDX-License-Identifier: MIT
"""The fuzz targets accept their corpora, the inputs that fuzzing has found worth keeping."""

import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "tests/fuzz/corpus"
PROGRAMS = ROOT / "build/bin/fuzz"


class Corpus(unittest.TestCase):
    def test_is_there_for_each_target(self):
        self.assertEqual(sorted(path.name for path in CORPUS.iterdir()),
                         sorted(path.name for path in PROGRAMS.iterdir()))


def replay(target):
    def test(self):
        result = subprocess.run([PROGRAMS / target, CORPUS / target], text=True,
                                capture_output=True, timeout=600)
        # The last file that was named is the one that went wrong.
        self.assertEqual(result.returncode, 0, "\n".join(result.stderr.splitlines()[-5:]))
        self.assertRegex(result.stdout, r"^[1-9]\d* inputs$")
    return test


for directory in sorted(CORPUS.iterdir()):
    setattr(Corpus, f"test_{directory.name}", replay(directory.name))


if __name__ == "__main__":
    unittest.main()
