# SPDX-License-Identifier: MIT
"""The header of the kernel interface is one file: the library's copy is the one that the series adds."""

import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERIES = (ROOT / "kernel-patch/series", ROOT / "kernel-patch/warm")
KERNEL_HEADER = "include/uapi/linux/spawn_template.h"
LIBRARY_HEADER = ROOT / "userspace/src/uapi/linux/spawn_template.h"


class UapiHeader(unittest.TestCase):
    def test_library_has_the_header_of_the_series(self):
        patches = [patch for series in SERIES for patch in sorted(series.glob("0*.patch"))]
        with tempfile.TemporaryDirectory(prefix="spawntpl-test.") as directory:
            for patch in patches:
                if f" b/{KERNEL_HEADER}\n" in patch.read_text():
                    subprocess.run(["git", "apply", f"--include={KERNEL_HEADER}", patch],
                                   cwd=directory, check=True)
            in_series = Path(directory, KERNEL_HEADER).read_text()
        self.assertEqual(LIBRARY_HEADER.read_text(), in_series,
                         f"{LIBRARY_HEADER.relative_to(ROOT)} and {KERNEL_HEADER} of the series differ")


if __name__ == "__main__":
    unittest.main()
