# SPDX-License-Identifier: MIT
"""The shared library exports what its headers declare, under the right versions, and nothing else."""

import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "build/lib/libspawntpl.so"
HEADER = ROOT / "userspace/include/spawntpl/spawntpl.h"
C_VERSIONS = ("SPAWNTPL_0.1",)


def output(*command):
    return subprocess.run(command, text=True, check=True, stdout=subprocess.PIPE).stdout


def c_header():
    """Without comments."""
    return re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)


def c_functions():
    return set(re.findall(r"\b(spawntpl_\w+)\(", c_header()))


class Symbols(unittest.TestCase):
    def setUp(self):
        self.exported = {}  # name -> version
        for line in output("nm", "-D", "--defined-only", "-C", LIBRARY).splitlines():
            kind, symbol = line.split(maxsplit=2)[1:]
            name, _, version = symbol.partition("@@")
            if kind != "A":  # the versions themselves
                self.exported[name] = version

    def test_c_functions(self):
        exported = {name for name, version in self.exported.items() if version in C_VERSIONS}
        self.assertEqual(exported, c_functions())

    def test_all_else_is_of_the_namespace(self):
        version = output(ROOT / "build/bin/spawntpl", "--version").strip()
        rest = {name: version for name, version in self.exported.items()
                if version not in C_VERSIONS}
        self.assertEqual(set(rest.values()), {f"SPAWNTPL_CXX_{version}"})
        for name in rest:
            self.assertRegex(name, r"^((typeinfo|typeinfo name|vtable) for )?spawntpl::(?!detail::)")

    def test_name_of_the_library(self):
        dynamic = output("readelf", "-d", LIBRARY)
        self.assertIn("Library soname: [libspawntpl.so.0]", dynamic)

    def test_every_function_is_tested(self):
        tests = "".join(path.read_text() for path in (ROOT / "tests").glob("c_api_*_test.cpp"))
        self.assertEqual([name for name in sorted(c_functions()) if name not in tests], [])


if __name__ == "__main__":
    unittest.main()
