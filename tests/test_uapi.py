# SPDX-License-Identifier: MIT
"""The header of the kernel interface is one file: the library's copy is the one that the series adds."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "kernel-patch/scripts"))

import series  # noqa: E402

KERNEL_HEADER = "include/uapi/linux/spawn_template.h"
LIBRARY_HEADER = ROOT / "userspace/src/uapi/linux/spawn_template.h"


class UapiHeader(unittest.TestCase):
    def test_library_has_the_header_of_the_series(self):
        with tempfile.TemporaryDirectory(prefix="spawntpl-test.") as directory:
            for patch, content in series.read_series(series.SERIES).items():
                if f" b/{KERNEL_HEADER}\n".encode() in content:
                    subprocess.run(["git", "apply", f"--include={KERNEL_HEADER}", patch],
                                   cwd=directory, check=True)
            in_series = Path(directory, KERNEL_HEADER).read_text()
        self.assertEqual(LIBRARY_HEADER.read_text(), in_series,
                         f"{LIBRARY_HEADER.relative_to(ROOT)} and {KERNEL_HEADER} of the series differ")


if __name__ == "__main__":
    unittest.main()
