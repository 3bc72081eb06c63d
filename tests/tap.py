#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Runs unittest modules, classes or methods and prints TAP: what a virtual machine tells its host."""

import sys
import unittest
from pathlib import Path


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.shown = 0

    def show(self, verdict, test, text=""):
        self.shown += 1
        print(f"{verdict} {self.shown} - {test.id()}{text}", flush=True)

    def addSuccess(self, test):
        self.show("ok", test)

    def addSkip(self, test, reason):
        self.show("ok", test, f" # SKIP {reason}")

    def addError(self, test, error):
        print(self._exc_info_to_string(error, test), flush=True)
        self.show("not ok", test)

    addFailure = addError

    def addSubTest(self, test, part, error):
        if error:
            self.addError(part, error)


def main():
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    tests = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:])
    result = TapResult()
    tests.run(result)
    print(f"1..{result.shown}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
