# SPDX-License-Identifier: MIT
"""Test results: what each kind of test program prints, turned into passed, failed and skipped."""

import re
import time
import unittest
from dataclasses import dataclass, field

PROGRESS_SECONDS = 10


@dataclass
class Suite:
    """What one suite has counted so far. Failures and skips are shown as they come."""
    name: str
    skip_is_failure: callable = lambda reason: False
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    shown: float = field(default_factory=time.monotonic)
    failures: list = field(default_factory=list)

    @property
    def total(self):
        return self.passed + self.failed + self.skipped

    def passes(self, test):
        self.passed += 1
        if time.monotonic() - self.shown >= PROGRESS_SECONDS:
            self.show(f"{self.total} tests so far")

    def fails(self, test, text):
        self.failed += 1
        self.failures.append((test, text))
        self.show_failure(test, text)

    def skips(self, test, reason):
        reason = " ".join(reason.split()) or "no reason given"
        if self.skip_is_failure(reason):
            self.fails(test, f"skipped, and must not be here: {reason}")
        else:
            self.skipped += 1
            self.show(f"SKIPPED {test}: {reason}")

    def show_failure(self, test, text):
        self.show("\n    ".join([f"FAILED {test}", *text.splitlines()]))

    def show(self, text):
        # In one piece: other suites may be running, and have something to say, too.
        print(f"{self.name}: {text}\n", end="", flush=True)
        self.shown = time.monotonic()


class GoogleTest:
    """Reads the output of a GoogleTest program line by line."""

    START = re.compile(r"\[ RUN      \] (\S+)")
    END = re.compile(r"\[ +(OK|FAILED|SKIPPED) +\] ([^\s,]+)")
    SKIP_TEXT = re.compile(r"^.*: Skipped$")
    RAN = re.compile(r"\[==========\] (\d+) tests? from .* ran\.")

    def __init__(self, suite):
        self.suite = suite
        self.test = None
        self.text = []
        self.ran = None

    def line(self, line):
        start = self.START.match(line)
        # The end can follow, on its line, what the test printed last.
        end = self.test and self.END.search(line)
        if start:
            self.test, self.text = start[1], []
        elif end and end[2] == self.test:
            self.finish(end[1], line[:end.start()])
        elif self.test:
            self.text.append(line)
        elif ran := self.RAN.match(line):
            self.ran = int(ran[1])

    def finish(self, verdict, rest):
        text = [*self.text, rest] if rest else self.text
        if verdict == "OK":
            self.suite.passes(self.test)
        elif verdict == "FAILED":
            self.suite.fails(self.test, "\n".join(text))
        else:
            reason = [line for line in text if not self.SKIP_TEXT.match(line)]
            self.suite.skips(self.test, " ".join(reason))
        self.test = None

    def end(self, status):
        if self.test:
            self.suite.fails(self.test, "\n".join([*self.text, f"ended the test program: {status}"]))
        elif self.ran is None:
            self.suite.fails("(program)", f"the test program did not finish, status {status}")
        elif self.ran != self.suite.total:
            self.suite.fails("(program)", f"{self.ran} tests ran, {self.suite.total} were seen")
        elif status and not self.suite.failed:
            self.suite.fails("(program)", f"no test failed, but the status is {status}")


class Tap:
    """Reads TAP of several programs, each between "# program NAME" and "# status NAME N"."""

    PROGRAM = re.compile(r"# program (\S+)$")
    STATUS = re.compile(r"# status (\S+) (\d+)$")
    PLAN = re.compile(r"1\.\.(\d+)(?: # (SKIP)(.*))?$")
    TEST = re.compile(r"(not )?ok \d+(?: -)?(.*?)(?: # (SKIP|XFAIL)(.*))?$")

    # A program that skips as a whole ends with this.
    KSFT_SKIP = 4

    def __init__(self, suite):
        self.suite = suite
        self.begin(None)
        self.programs = 0

    def begin(self, program):
        self.program = program
        self.planned = None
        self.skipped = False
        self.seen = 0
        self.failed_before = self.suite.failed
        self.text = []

    def line(self, line):
        if program := self.PROGRAM.match(line):
            if self.program:
                self.suite.fails(self.program, "\n".join([*self.text, "its status is not known"]))
            self.begin(program[1])
            self.programs += 1
        elif status := self.STATUS.match(line):
            self.finish(int(status[2]))
        elif plan := self.PLAN.match(line):
            self.planned = int(plan[1])
            self.skipped = bool(plan[2])
            self.text += filter(None, [plan[3]])
        elif test := self.TEST.match(line):
            self.seen += 1
            name = f"{self.program}: {test[2].strip()}"
            if test[1]:
                self.suite.fails(name, "\n".join(self.text))
            elif test[3]:
                self.suite.skips(name, test[4])
            else:
                self.suite.passes(name)
            self.text = []
        else:
            self.text.append(line)

    def finish(self, status):
        if not self.seen and (status == self.KSFT_SKIP or self.skipped and not status):
            self.suite.skips(self.program, " ".join(self.text))
        elif not self.seen or self.planned != self.seen:
            self.suite.fails(self.program, "\n".join(
                [*self.text, f"planned {self.planned} tests, ran {self.seen}, status {status}"]))
        elif status and self.suite.failed == self.failed_before:
            self.suite.fails(self.program, f"no test failed, but the status is {status}")
        self.program = None

    def end(self, status):
        if self.program or status or not self.programs:
            self.suite.fails(self.program or "(programs)",
                             "\n".join([*self.text, f"the run ended with status {status}"]))


class PythonTest(unittest.TestResult):
    """Counts what a Python test module does."""

    def __init__(self, suite):
        super().__init__()
        self.suite = suite

    def addSuccess(self, test):
        self.suite.passes(test.id())

    def addError(self, test, error):
        self.suite.fails(test.id(), self._exc_info_to_string(error, test))

    addFailure = addError

    def addSubTest(self, test, part, error):
        if error:
            self.suite.fails(part.id(), self._exc_info_to_string(error, part))

    def addExpectedFailure(self, test, error):
        self.suite.passes(test.id())

    def addUnexpectedSuccess(self, test):
        self.suite.fails(test.id(), "passed, but is marked as an expected failure")

    def addSkip(self, test, reason):
        self.suite.skips(test.id(), reason)
