# SPDX-License-Identifier: MIT
"""The examples do what they say, and README.md shows nothing that is not in one of them."""

import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "userspace/examples"
PROGRAMS = ROOT / "build/bin/examples"
TIME_LIMIT = 60  # seconds, for what takes one

# What each writes, as a pattern.
OUTPUTS = {
    "run": r"git version .+\n"
           r"yes wrote 20 bytes and more\n"
           r"cannot find program 'no-such-program': No such file or directory "
           r"\(searched in PATH\)\n",
    "template": r"1\n2\n10\n-7\n7\nsorted: true\ntrue\nfalse\n",
    "pipes": r"<one>\n<two>\n100\n",
    "terminal": r"40 100\nname\? hello world\n",
    "attributes": r"/\n0027\n64\n5\nvalue\n2\n"
                  r"cannot enter working directory '/no/such/directory': "
                  r"No such file or directory\n",
    "stop": r"it still runs\nended by signal 15\ntime is over\n",
}


def stripped(text):
    return "\n".join(line.strip() for line in text.splitlines())


class Examples(unittest.TestCase):
    def test_each_is_known(self):
        self.assertEqual({path.stem for path in SOURCES.glob("*.cpp")}, OUTPUTS.keys())

    def test_each_fits_on_a_screen(self):
        for path in SOURCES.glob("*.cpp"):
            self.assertLessEqual(len(path.read_text().splitlines()), 60, path.name)

    def test_readme_shows_what_is_in_one(self):
        sources = [stripped(path.read_text()) for path in SOURCES.glob("*.cpp")]
        snippets = re.findall(r"^```cpp\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
        self.assertTrue(snippets)
        for snippet in snippets:
            parts = stripped(snippet).split("\n\n")
            self.assertTrue(any(all(part.strip() in source for part in parts)
                                for source in sources), snippet)


def run_test(name, pattern):
    def test(self):
        result = subprocess.run([PROGRAMS / name], stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, timeout=TIME_LIMIT)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, rf"\A{pattern}\Z")
    return test


for example, output in OUTPUTS.items():
    setattr(Examples, f"test_{example}", run_test(example, output))


if __name__ == "__main__":
    unittest.main()
