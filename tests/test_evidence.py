# SPDX-License-Identifier: MIT
"""The evidence: report, figures and the cover letter's table say what the results say."""

import json
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EVIDENCE = ROOT / "userspace/bench/evidence"
sys.path.insert(0, str(EVIDENCE))

import answers  # noqa: E402
import cover_letter  # noqa: E402
import parts  # noqa: E402
from machine_results import Results  # noqa: E402

UNITS = {"native": "ns", "vm": "instructions"}


def row(machine, question, method, p50, program="nolibc", variant=None, parent=None, **more):
    shape = {"fds": 10, "rss_mib": 0, "env": 20, "threads": 1, "extra_mappings": 0, "mappings": 40}
    return {"question": question, "program": program, "variant": variant, "method": method,
            "backend": None, "parent": {**shape, **(parent or {})}, "unit": UNITS[machine],
            "pinned": False, "n": 10, "p50": p50, "p99": 2 * p50, "return_p50": p50 // 2,
            "per_second": 1e9 / p50, "ratio": {}, **more}


def native_results():
    rows = [row("native", "rss", method, cost, parent={"rss_mib": size})
            for method, costs in (("fork", (200_000, 4_000_000)), ("posix_spawn", (100_000, 100_000)),
                                  ("clone3", (80_000, 80_000)))
            for size, cost in zip((0, 100), costs, strict=True)]
    rows += [row("native", "agent", method, cost, program="tools", variant="1x16", calls=6144)
             for method, cost in (("posix_spawn", 1_000_000), ("clone3", 800_000), ("warm", 500_000))]
    rows += [row("native", "starts", "vfork", 50_000, starts=25_000)]
    stages = [{"program": "true", "method": "vfork", "n": 10,
               "stages": {name: {"p50_ns": 1000} for name in ("create", "exec", "link")}}]
    return {"schema": 1, "environment": {"kernel": "6.x", "governor": None}, "results": rows,
            "stages": stages, "skipped": [{"what": "kvm", "why": "no such thing"}],
            "not_measured": [{**row("native", "start", "kernel", 1), "unavailable": True,
                              "reason": "not this kernel"}]}


def vm_results():
    costs = {"posix_spawn": (153_000, 1_653_000), "vfork": (93_000, 1_595_000),
             "raw-clone3": (96_000, 1_595_000), "kernel": (93_000, 93_000),
             "raw-kernel": (93_000, 93_000), "raw-kernel-nowait": (89_000, 90_000)}
    rows = [row("vm", "fds", method, cost, parent={"fds": fds}, repeatable=method != "vfork")
            for method, both in costs.items() for fds, cost in zip((10, 10_000), both, strict=True)]
    profile = [{"program": "nolibc", "method": "posix_spawn", "phase": phase, "kernel": 110_000,
                "user": 8_000, "functions": [{"name": "do_sigaction", "instructions": 8_000}]}
               for phase in ("start", "after")]
    return {"schema": 1, "environment": {"kernel": "6.12"}, "results": rows, "profile": profile}


class EvidenceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="spawntpl-test.")
        cls.addClassCleanup(directory.cleanup)
        cls.top = Path(directory.name)
        (cls.top / "native.json").write_text(json.dumps(native_results()))
        (cls.top / "vm.json").write_text(json.dumps(vm_results()))
        subprocess.run([EVIDENCE / "evidence", "report", "--directory", cls.top], check=True,
                       capture_output=True)
        cls.report = (cls.top / "report.md").read_text()
        cls.table = (cls.top / "cover-letter-figures.txt").read_text()

    def test_what_does_not_help_stands_first(self):
        titles = re.findall(r"^## (.*)$", self.report, re.MULTILINE)
        self.assertEqual(titles[0], "Where a template does not help")
        self.assertIn("A mix of tools gains +25.0 % to +25.0 % to posix_spawn by `kernel` and `clone3`", self.report)

    def test_answers_have_the_figures_of_the_results(self):
        self.assertIn("native, 0 to 100 MiB: `fork` 200 to 4,000, `posix_spawn` 100 to 100", self.report)
        self.assertIn("vm, 10 to 10,000 descriptors: `posix_spawn` 153 to 1,653", self.report)
        self.assertIn("25,000 starts of nolibc in a row: `vfork` 20,000/s", self.report)
        self.assertIn("`do_sigaction` 8.0k", self.report)
        self.assertIn("Templates make +25.0 % to +25.0 % more calls per second than posix_spawn, warm ones "
                      "+100.0 % to +100.0 %.", self.report)
        self.assertIn("| workers x in flight | calls | posix_spawn/s | clone3/s | warm/s |", self.report)
        self.assertIn("| 1x16 | 6,144 | 1,000 | 1,250 | 2,000 |", self.report)

    def test_others_figures_stand_beside_ours(self):
        line = next(line for line in self.report.splitlines() if "fork to posix_spawn, 100 MiB" in line)
        self.assertIn("42.6x", line)
        self.assertTrue(line.endswith("| 40.00x |"), line)
        self.assertRegex(self.report, r"RFC of May 2026 \| \+25\.0 %")

    def test_what_is_missing_is_said(self):
        self.assertIn("### 4. What do its open descriptors cost?", self.report)
        self.assertIn("- native kernel: not this kernel", self.report)
        self.assertIn("- native kvm: no such thing", self.report)
        self.assertIn(answers.MISSING, self.report)

    def test_figures_are_drawn_where_there_is_something_to_see(self):
        drawn = {path.stem for path in self.top.glob("*.svg")}
        self.assertEqual(drawn, {"native-rss", "native-starts", "native-agent", "native-stages",
                                 "vm-fds", "vm-phases"})
        for path in self.top.glob("*.svg"):
            xml.etree.ElementTree.parse(path)
            self.assertIn(f"]({path.name})", self.report)

    def test_two_pages(self):
        self.assertLess(len(self.report.splitlines()), 130)

    def test_the_table_of_the_cover_letter(self):
        self.assertEqual(self.table.splitlines(), [
            "                      10 open fds     x    10,000 open fds     x",
            " posix_spawn()        153 (76)     0.61    1,653 (826)      0.06",
            " vfork(), execve()    93 (46)      1.00    1,595 (798)      0.06",
            " clone3(), execve()   96 (48)      0.97    1,595 (798)      0.06",
            " spawn_template       93 (46)              93 (46)",
            "   without waiting    89 (44)              90 (45)"])

    def test_the_table_takes_its_place_in_the_letter(self):
        letter = self.top / "letter"
        letter.write_text(cover_letter.LETTER.read_text())
        before = letter.read_text()
        cover_letter.update(letter, self.table)
        after = letter.read_text()
        self.assertIn(f"\n{self.table}\n", after)
        self.assertEqual(before.split(cover_letter.HEAD)[0], after.split(cover_letter.HEAD)[0])
        self.assertEqual(before.split("\n\nposix_spawn() is that of")[1],
                         after.split("\n\nposix_spawn() is that of")[1])

    def test_no_table_without_counts(self):
        letter = self.top / "unchanged"
        letter.write_text("text")
        cover_letter.update(letter, cover_letter.tables(None))
        self.assertEqual(letter.read_text(), "text")


class MergeTest(unittest.TestCase):
    def test_counts_that_another_boot_does_not_confirm_are_marked(self):
        rows = [row("vm", "start", method, 100_000, repeatable=True) for method in ("fork", "vfork")]
        again = [row("vm", "start", "fork", 100_050), row("vm", "start", "vfork", 100_200)]
        merged = {"results": rows, "repeated": again}
        parts.mark_what_differs(merged)
        self.assertEqual([entry["repeatable"] for entry in merged["results"]], [True, False])
        self.assertNotIn("repeated", merged)
        results = Results({"results": merged["results"]})
        self.assertEqual(answers.figure(results, "start", method="vfork"), "100*")

    def test_names_are_checked(self):
        result = subprocess.run([EVIDENCE / "evidence", "nothing"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 2)
        self.assertIn("no part 'nothing'", result.stderr)

    def test_the_series_has_one_hash(self):
        self.assertRegex(parts.series_hash(), "^[0-9a-f]{16}$")
        commands = subprocess.check_output(["make", "-n", "-C", ROOT, "-o", "userspace", "bench"],
                                           text=True)
        self.assertIn(f"SPAWNTPL_SERIES={parts.series_hash()} ", commands)


if __name__ == "__main__":
    unittest.main()
