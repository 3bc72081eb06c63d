# SPDX-License-Identifier: MIT
"""The readers of test output: whatever goes wrong with a test program must count as a failure."""

import collections
import contextlib
import io
import subprocess
import unittest
from pathlib import Path

from results import GoogleTest, PythonTest, Suite, Tap


def read(reader_type, text, status=0, skip_is_failure=lambda reason: False):
    """Counts of passed, failed and skipped, and what was shown."""
    suite = Suite("suite", skip_is_failure)
    reader = reader_type(suite)
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        for line in text.splitlines():
            reader.line(line)
        reader.end(status)
    return (suite.passed, suite.failed, suite.skipped), shown.getvalue()


GOOD = """\
[ RUN      ] A.one
[       OK ] A.one (0 ms)
[ RUN      ] A.two
unfinished line[       OK ] A.two (0 ms)
"""
RAN_TWO = "[==========] 2 tests from 1 test suite ran. (0 ms total)\n"
SKIPPED = """\
[ RUN      ] A.three
file.cpp:1: Skipped
not here
[  SKIPPED ] A.three (0 ms)
"""


class GoogleTestTest(unittest.TestCase):
    def test_passed(self):
        self.assertEqual(read(GoogleTest, GOOD + RAN_TWO)[0], (2, 0, 0))

    def test_failed_with_its_text(self):
        text = "[ RUN      ] A.x\nwhat happened\n[  FAILED  ] A.x, where GetParam() = 1 (0 ms)\n"
        counts, shown = read(GoogleTest, text + "[==========] 1 test from 1 test suite ran.\n", 1)
        self.assertEqual(counts, (0, 1, 0))
        self.assertIn("what happened", shown)

    def test_skipped_with_its_reason(self):
        text = GOOD + SKIPPED + RAN_TWO.replace("2", "3")
        counts, shown = read(GoogleTest, text)
        self.assertEqual(counts, (2, 0, 1))
        self.assertIn("A.three: not here", shown)
        self.assertEqual(read(GoogleTest, text, 0, lambda reason: reason == "not here")[0], (2, 1, 0))

    def test_crash_in_a_test(self):
        counts, shown = read(GoogleTest, GOOD + "[ RUN      ] A.x\n", 139)
        self.assertEqual(counts, (2, 1, 0))
        self.assertIn("A.x", shown)

    def test_crash_between_tests(self):
        self.assertEqual(read(GoogleTest, GOOD, 139)[0], (2, 1, 0))

    def test_status_without_a_failure(self):
        self.assertEqual(read(GoogleTest, GOOD + RAN_TWO, 1)[0], (2, 1, 0))

    def test_a_test_that_was_not_seen(self):
        self.assertEqual(read(GoogleTest, GOOD + RAN_TWO.replace("2", "3"))[0], (2, 1, 0))


class TapTest(unittest.TestCase):
    def test_passed_failed_and_skipped(self):
        counts, shown = read(Tap, "# program p\nTAP version 13\n1..3\nok 1 - a\n# why\nnot ok 2 b\n"
                                  "ok 3 c # SKIP no such thing\n# status p 1\n")
        self.assertEqual(counts, (1, 1, 1))
        self.assertIn("# why", shown)
        self.assertIn("p: c: no such thing", shown)

    def test_two_programs(self):
        text = "# program p\n1..1\nok 1 a\n# status p 0\n# program q\n1..1\nok 1 a\n# status q 0\n"
        self.assertEqual(read(Tap, text)[0], (2, 0, 0))

    def test_a_whole_program_skipped(self):
        counts, shown = read(Tap, "# program p\n1..0 # SKIP no root\n# status p 4\n")
        self.assertEqual(counts, (0, 0, 1))
        self.assertIn("p: no root", shown)

    def test_status_without_a_failure_in_the_second_program(self):
        text = "# program p\n1..1\nnot ok 1 a\n# status p 1\n# program q\n1..1\nok 1 a\n# status q 9\n"
        self.assertEqual(read(Tap, text)[0], (1, 2, 0))

    def test_fewer_tests_than_planned(self):
        self.assertEqual(read(Tap, "# program p\n1..2\nok 1 a\n# status p 139\n")[0], (1, 1, 0))

    def test_a_test_without_a_name_skipped(self):
        counts, shown = read(Tap, "# program p\n1..2\nok 1 # SKIP why\nok 2 - # SKIP\n# status p 0\n")
        self.assertEqual(counts, (0, 0, 2))
        self.assertIn("p: : why", shown)

    def test_a_crash_in_an_unfinished_line(self):
        text = "# program p\n1..1\nok 1 a\nno end\n# status p 139\n"
        self.assertEqual(read(Tap, text)[0], (1, 1, 0))
        text = ("# program p\n1..1\nok 1 a\nno end# status p 139\n"
                "# program q\n1..1\nok 1 a\n# status q 0\n")
        counts, shown = read(Tap, text)
        self.assertEqual(counts, (2, 1, 0))
        self.assertIn("FAILED p", shown)

    def test_a_plan_of_no_tests(self):
        self.assertEqual(read(Tap, "# program p\n1..0\n# status p 0\n")[0], (0, 1, 0))
        self.assertEqual(read(Tap, "# program p\n1..0 # SKIP\n# status p 0\n")[0], (0, 0, 1))
        self.assertEqual(read(Tap, "# program p\n1..0 # SKIP\n# status p 139\n")[0], (0, 1, 0))

    def test_no_plan(self):
        self.assertEqual(read(Tap, "# program p\n# status p 127\n")[0], (0, 1, 0))

    def test_the_machine_stops_in_a_program(self):
        self.assertEqual(read(Tap, "# program p\n1..2\nok 1 a\n", 124)[0], (1, 1, 0))

    def test_no_program(self):
        self.assertEqual(read(Tap, "")[0], (0, 1, 0))


class PythonTestTest(unittest.TestCase):
    def test_every_kind_of_failure_counts(self):
        class Sample(unittest.TestCase):
            def test_passes(self):
                pass

            def test_fails(self):
                self.fail()

            def test_raises(self):
                raise OSError

            def test_fails_in_a_part(self):
                with self.subTest("a part"):
                    self.fail()

            @unittest.expectedFailure
            def test_fails_as_expected(self):
                self.fail()

            @unittest.expectedFailure
            def test_passes_unexpectedly(self):
                pass

            def test_skips(self):
                self.skipTest("not here")

        suite = Suite("suite")
        with contextlib.redirect_stdout(io.StringIO()):
            unittest.defaultTestLoader.loadTestsFromTestCase(Sample).run(PythonTest(suite))
        self.assertEqual((suite.passed, suite.failed, suite.skipped), (2, 4, 1))


class ModulesTest(unittest.TestCase):
    def test_each_name_is_one_file(self):
        """The suites share one interpreter: of two modules of a name, one would find the other."""
        files = subprocess.run(["git", "ls-files", "*.py"], cwd=Path(__file__).parent.parent,
                               capture_output=True, text=True, check=True).stdout.split()
        names = collections.Counter(Path(file).stem for file in files)
        self.assertEqual([name for name, count in names.items() if count > 1], [])
