# SPDX-License-Identifier: MIT
"""The evidence: report, figures and the cover letter's table say what the results say."""

import importlib.machinery
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path
from unittest import mock

import jsonschema

ROOT = Path(__file__).resolve().parent.parent
EVIDENCE = ROOT / "userspace/bench/evidence"
sys.path.insert(0, str(EVIDENCE))

import amounts  # noqa: E402
import answers  # noqa: E402
import cover_letter  # noqa: E402
import drawbacks  # noqa: E402
import figures  # noqa: E402
import parts  # noqa: E402
import quiet  # noqa: E402
import readme  # noqa: E402
import replaced_text  # noqa: E402
import report  # noqa: E402
import warm_letter  # noqa: E402
import warm_starts  # noqa: E402
from machine_results import Results  # noqa: E402

COMMITTED = ROOT / "kernel-patch/evidence"
SCHEMA = json.loads((ROOT / "userspace/bench/bench.schema.json").read_text())
UNITS = {"native": "ns", "vm": "instructions"}


def row(machine, question, method, p50, program="nolibc", variant=None, parent=None, **more):
    shape = {"fds": 10, "rss_mib": 0, "env": 20, "threads": 1, "extra_mappings": 0, "mappings": 40}
    return {"question": question, "program": program, "variant": variant, "method": method,
            "backend": None, "parent": {**shape, **(parent or {})}, "unit": UNITS[machine],
            "pinned": False, "n": 20, "p50": p50, "p99": 2 * p50, "mean": p50, "return_p50": p50 // 2,
            "per_second": 1e9 / p50, "ratio": {}, **more}


def interval(value, low, high):
    return {"value": value, "low": low, "high": high}


def native_results():
    rows = [row("native", "rss", method, cost, parent={"rss_mib": size})
            for method, costs in (("fork", (200_000, 4_000_000)), ("posix_spawn", (100_000, 100_000)),
                                  ("clone3", (80_000, 80_000)))
            for size, cost in zip((0, 100), costs, strict=True)]
    rows += [row("native", "agent", method, cost, program="tools", variant="1x16", calls=6144,
                 ratio={"posix_spawn": {"value": cost / 1_000_000, "low": low, "high": high}})
             for method, cost, low, high in (("posix_spawn", 1_000_000, 1, 1), ("clone3", 800_000, 0.75, 0.85),
                                             ("warm", 1_050_000, 0.9, 1.2))]
    rows += [row("native", "starts", method, cost, starts=25_000, in_a_row=50,
                 ratio={"posix_spawn": interval(cost / 100_000, cost / 110_000, cost / 90_000)})
             for method, cost in (("vfork", 50_000), ("posix_spawn", 100_000), ("exec-loop", 25_000))]
    rows += [row("native", "start", method, cost, program=program, return_p50=returned, mean=mean,
                 ratio={"posix_spawn": interval(1, low, high)},
                 return_ratio={"posix_spawn": interval(returned / 100_000, 2.5, 3.5)})
             for program, method, cost, mean, low, high, returned in (
                 ("true", "posix_spawn", 500_000, 500_000, 1, 1, 100_000),
                 ("true", "warm", 250_000, 400_000, 0.45, 0.55, 300_000),
                 ("git", "posix_spawn", 500_000, 500_000, 1, 1, 100_000),
                 ("git", "warm", 300_000, 310_000, 0.5, 0.7, 300_000),
                 ("git", "clone3", 480_000, 500_000, 0.9, 1.02, 50_000),
                 ("python3", "posix_spawn", 9_000_000, 9_000_000, 1, 1, 100_000),
                 ("python3", "warm", 8_000_000, 9_000_000, 0.8, 1.1, 400_000))]
    rows += [row("native", "start", method, cost, program="true", pinned=True,
                 ratio={"posix_spawn": interval(1, 0.6, 0.9)})
             for method, cost in (("posix_spawn", 500_000), ("warm", 400_000))]
    rows += [row("native", "threads", method, cost, parent={"threads": threads}, p50_low=cost * 0.8, p50_high=cost * 1.2)
             for method, costs in (("fork", (200_000, 400_000)), ("vfork", (100_000, 125_000)))
             for threads, cost in zip((1, 64), costs, strict=True)]
    rows += [row("native", "env", "clone3", cost, variant=variant, parent={"env": 1000}, p50_low=cost * 0.9,
                 p50_high=cost * 1.1)
             for variant, cost in ((None, 300_000), ("prepared", 290_000))]
    rows += [row("native", "path", method, 100_000, variant=variant, path_entries=entries, hit=hit,
                 ratio={"posix_spawn": interval(1, low, 0.9)})
             for method, cost in (("posix_spawn", 100_000), ("clone3", 80_000))
             for variant, entries, hit, low in (("absolute path", None, None, 0.7), ("name", 50, "last", 0.6))]
    rows += [row("native", "rss", "fork-thp", cost, parent={"rss_mib": size})
             for size, cost in ((10, 220_000), (100, 300_000))]
    rows += [row("native", "fds", method, cost, pinned=pinned,
                 ratio={"safe-clone3": interval(cost / 100_000, cost / 100_000 - 0.2, cost / 100_000 + 0.2)})
             for pinned, costs in ((False, (150_000, 100_000, 90_000)), (True, (110_000, 100_000, 90_000)))
             for method, cost in zip(("clone3", "safe-clone3", "vfork"), costs, strict=True)]
    rows += [row("native", "template", "create clone3", 3_000, backend="clone3", heap_bytes=805.0,
                 kernel_slab_bytes=None, fds=0.0, break_even_posix_spawn=1.0, break_even_vfork=None),
             row("native", "template", "create kernel", 5_000, backend="kernel", heap_bytes=900.0,
                 kernel_slab_bytes=640.0, fds=1.0, break_even_vfork=7.0),
             *(row("native", "template", method, 100_000, program="true", cpu_ns=cost)
               for method, cost in (("posix_spawn", 500_000.0), ("warm", 450_000.0))),
             row("native", "template", "create warm", 4_000_000, program="true", backend="warm", processes=2,
                 process_bytes=900 * 1024, break_even_posix_spawn=None)]
    stages = [{"program": "true", "method": "vfork", "n": 10,
               "stages": {name: {"avg_ns": 1000} for name in ("create", "exec", "link")}}]
    environment = {"kernel": "6.x", "governor": None, "cpus": 2, "busy_part": 0.02,
                   "calibration": {"instructions": 2_000_000, "ticks": 271_000}}
    measured = [{"name": "native-start", "environment": {}},
                {"name": "native-fds", "environment": {
                    "busy_part": 0.4, "calibration": {"instructions": 2_000_000, "ticks": 541_000}}}]
    return {"schema": 1, "environment": environment, "results": rows, "stages": stages, "parts": measured,
            "skipped": [{"what": "kvm", "why": "no such thing"}],
            "not_measured": [{**row("native", "start", "kernel", 1), "unavailable": True,
                              "reason": "not this kernel"}]}


def vm_results():
    costs = {"posix_spawn": (153_000, 1_653_000), "vfork": (93_000, 1_595_000),
             "raw-clone3": (96_000, 1_595_000), "safe-clone3": (101_000, 101_000), "kernel": (93_000, 93_000),
             "raw-kernel": (93_000, 93_000), "raw-kernel-nowait": (89_000, 90_000)}
    rows = [row("vm", "fds", method, cost, parent={"fds": fds}, repeatable=method != "vfork")
            for method, both in costs.items() for fds, cost in zip((10, 10_000), both, strict=True)]
    rows += [row("vm", "start", method, cost, program="true", return_p50=returned)
             for method, cost, returned in (("vfork", 620_000, 90_000), ("kernel", 625_000, 120_000),
                                            ("raw-kernel", 620_000, 117_000))]
    rows += [row("vm", "mappings", method, cost, parent={"extra_mappings": count})
             for method, costs in (("vfork", (100_000, 103_000)), ("raw-kernel", (93_000, 92_000)))
             for count, cost in zip((0, 200), costs, strict=True)]
    rows += [row("vm", "env", "kernel", cost, variant=variant, parent={"env": 1000})
             for variant, cost in ((None, 600_000), ("changed", 605_000), ("prepared", 300_000))]
    rows += [row("vm", "start", "fork", 340_000, p50_of_other_boots=[341_700, 340_000]),
             row("vm", "start", "vfork", 95_000, p50_of_other_boots=[95_000, 95_000])]
    profile = [{"program": "nolibc", "method": "posix_spawn", "phase": phase, "kernel": 110_000,
                "user": 8_000, "functions": [{"name": "do_sigaction", "instructions": 8_000}]}
               for phase in ("start", "after")]
    return {"schema": 1, "environment": {"kernel": "6.12", "libc": "glibc 2.36"}, "results": rows, "profile": profile,
            "images": list(parts.settle_images("hello, in C", [images_of_a_boot(off) for off in (0, 50, 150)]))}


def images_of_a_boot(off):
    """As the machine says it: copies are as far off in one boot, one kind's call in its own run."""
    def kind(start, count, call, bound=False):
        return {"start": start, "bound": bound, "n": 20, "p50": count, "return_p50": call, "repeatable": True,
                "return_repeatable": (start, bound) != ("recycled", True)}

    return [kind("posix_spawn", 650_000, 150_000), kind("recycled", 70_000, 30_000),
            kind("recycled", 35_000, 15_000, True), kind("copied", 280_000 + 4 * off, 120_000),
            kind("copied", 140_000 + off // 10, 60_000, True)]


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
        cls.details = (cls.top / "details.md").read_text()
        cls.table = (cls.top / "cover-letter-figures.txt").read_text()

    def test_what_does_not_help_stands_first(self):
        titles = re.findall(r"^## (.*)$", self.report, re.MULTILINE)
        self.assertEqual(titles[0], "Where a template does not help")
        first = self.report.split("## Where a template does not help")[1].strip().splitlines()[0]
        self.assertIn("`safe-clone3`", first)
        self.assertIn("the system call alone is 0.92x at 10 descriptors and 0.92x at 10,000", first)
        self.assertIn("`kernel` executes 1.33x of `vfork`'s instructions before it returns (true)", self.report)

    def test_a_busy_machine_is_said(self):
        self.assertIn("**The machine was busy** when times were taken: before 1 of 2 parts, for up to 40 % of its CPUs' "
                      "time.", self.report)
        self.assertIn("others used before each part: start 2 %, fds 40 %.", self.details)

    def test_the_speed_of_the_cpu_is_said(self):
        self.assertIn("A loop of 2,000,000 instructions took 271 to 541 µs when the parts of the measurement began: start "
                      "271, fds 541.", self.details)

    def test_how_far_boots_are_apart_is_said(self):
        self.assertIn("2 of them, from 3 boots, are 0.25 % apart in the median and 0.5 % at most (nolibc by fork);", self.report)

    def test_what_is_pinned_comes_first(self):
        self.assertIn("and 1.10x [0.90, 1.30] on one CPU (1.50x [1.30, 1.70] on all) of `safe-clone3`", self.report)

    def test_times_of_real_programs_have_intervals(self):
        self.assertIn("by `clone3`, in time, git 0.96x [0.90, 1.02].", self.report)

    def test_what_may_be_chance_does_not_grow(self):
        self.assertIn("native, 1 to 64 threads: `fork` 200 to 400 µs, the others by at most 25 %, which may be chance.",
                      self.report)
        self.assertIn("| native | 1 to 64 threads | `fork` | 200 | 400 | 2.00x [1.33, 3.00] |", self.details)

    def test_a_name_is_compared_within_its_turns(self):
        self.assertIn("`clone3` 1.00x [0.70, 0.90] and 1.00x [0.60, 0.90].", self.report)

    def test_a_prepared_environment_is_one_thing_here_and_another_there(self):
        self.assertIn("- No gain of a prepared environment is seen by `clone3`, as the exec copies it (question 5).",
                      self.report)
        self.assertIn("Prepared, to inherited, of 1,000: `clone3` 0.97x [0.79, 1.18] (native), `kernel` 0.50x (vm).",
                      self.report)

    def test_a_gain_has_an_interval_or_is_none(self):
        self.assertIn("Calls per second, to posix_spawn's: `warm` -4.8 to -4.8 %, no difference in 20 samples (17 % might be "
                      "there); `clone3` +25.0 to +25.0 %, a difference in 1 of 1 shapes.", self.report)
        self.assertIn("- `clone3` to posix_spawn, by the medians: 1x16 +25.0 % [+17.6, +33.3].", self.details)

    def test_others_are_only_those_that_were_asked_all_of_it(self):
        rows = [row("vm", "fds", method, cost, parent={"fds": fds})
                for method, costs in (("fork", (100, 900, 9_000)), ("vfork", (100, 100, 102)), ("helper", (100, 105)),
                                      ("kernel-warm", (100, 103)))
                for fds, cost in zip((10, 10_000, 100_000), (1_000 * cost for cost in costs), strict=False)]
        self.assertEqual(answers.fds({"native": None, "vm": Results({"results": rows})}),
                         "vm, 10 to 100,000 descriptors: `fork` 100 to 9,000 k, `helper`, `kernel-warm` by at most 5 % (10 to "
                         "10,000), the others by at most 2 %.")

    def test_what_cannot_start_a_static_program_is_said_to_be_not_asked(self):
        rows = [row("native", "fds", "vfork", 100_000, parent={"fds": fds}) for fds in (10, 100)]
        warm = [row("native", "fds", "warm", cost, program="true", pinned=True, parent={"fds": fds})
                for fds, cost in ((10, 100_000), (10_000, 108_000))]
        machines = {"native": Results({"results": [*rows, *warm]}), "vm": None}
        self.assertIn("the others by less than 1 %. `warm`, of true on one CPU, by at most 8 %.", answers.fds(machines))
        self.assertEqual(report.not_asked(machines), " (not `warm`: nolibc is static)")
        machines["native"].rows.append(row("native", "fds", "warm", 100_000))
        self.assertEqual(report.not_asked(machines), "")
        self.assertIn("a helper process and ours (not `warm`: nolibc is static).", self.report)

    def test_a_start_between_templates_is_the_same_start(self):
        rows = [row("native", question, "posix_spawn", cost) for question, cost in (("start", 112_000), ("template", 177_000))]
        self.assertAlmostEqual(Results({"results": rows}).spread("posix_spawn"), 177 / 112)

    def test_questions_without_the_patched_kernel_say_so(self):
        self.assertRegex(self.report, r"How many starts a second.*No `kernel`\.\*")
        self.assertRegex(self.report, r"in a mix of tools.*No `kernel`\.\*")
        self.assertNotRegex(self.report, r"What do its open descriptors cost.*No `kernel`")
        machines = {"vm": None, "native": Results({"results": [row("native", "path", "kernel-warm", 1)]})}
        self.assertFalse(report.without_kernel(machines, ("native-path",)))
        self.assertFalse(report.without_kernel(machines, ()))

    def test_what_is_made_of_posix_spawn_grows_with_descriptors(self):
        rows = [row("native", "fds", method, cost, parent={"fds": fds})
                for method, costs in (("lib-posix_spawn", (130_000, 1_040_000)), ("posix_spawn", (100_000, 900_000)))
                for fds, cost in zip((10, 10_000), costs, strict=True)]
        self.assertIn("- Where only posix_spawn works, a start by a template is 1.30x of it, and grows 8.00x from 10 to 10,000 "
                      "descriptors (posix_spawn: 9.00x).",
                      drawbacks.where_not({"native": Results({"results": rows}), "vm": None}))

    def test_static_programs_and_means_of_what_keeps_something(self):
        rows = [row("vm", "start", method, cost, program=program, mean=2 * cost if method == "kernel-warm" else cost,
                    repeatable=method != "kernel-warm")
                for program, costs in (("hello-static", (("kernel-warm", 104_000), ("kernel", 100_000), ("vfork", 80_000))),
                                       ("true", (("kernel-warm", 20_000), ("posix_spawn", 100_000))))
                for method, cost in costs]
        machines = {"native": None, "vm": Results({"results": rows})}
        self.assertIn(" A static program: 1.04x* of `kernel`, 1.30x* of `vfork` (vm).", warm_starts.costs(machines)[0])
        self.assertIn("| true | 0.20x* | 0.40x* |", warm_starts.table(machines))
        self.assertEqual(warm_starts.answers(machines),
                         ["`kernel-warm` to posix_spawn: vm 0.20x* (true), by the means to 0.40x*."])

    def test_what_pays_is_marked_as_what_it_is_made_of(self):
        created = row("vm", "template", "create kernel", 3_000, break_even_posix_spawn=5.0, break_even_vfork=5.0)
        rows = {method: row("vm", "template", method, 90_000, repeatable=method != "vfork")
                for method in ("kernel", "posix_spawn", "vfork")}
        self.assertEqual(answers.pays(created, rows), "pays after 5 (posix_spawn), after 5* (vfork)")
        rows["kernel"]["repeatable"] = False
        self.assertEqual(answers.pays(created, rows), "pays after 5* (posix_spawn, vfork)")

    def test_what_a_template_costs(self):
        self.assertIn("`clone3` 3.0 µs and 805 bytes, pays after 1 (posix_spawn), never (vfork); `kernel` 5.0 µs and 900 "
                      "bytes, 640 in the kernel, pays after 7 (vfork); `warm` 4,000.0 µs, 2 processes of 900 KiB, pays "
                      "never (posix_spawn).", self.report)

    def test_every_start_is_in_the_details(self):
        self.assertIn("| method | true | git | python3 |", self.details)
        self.assertIn("| `clone3` | - | 480 (50) | - |", self.details)
        self.assertIn("| program | create | wakeup | setup | exec | link | run | zombie |", self.details)
        self.assertIn("| true | 1 | - | - | 1 | 1 | - | - |", self.details)

    def test_what_the_same_start_was_apart_is_no_growth(self):
        rows = [row("native", question, "vfork", cost, parent=parent, p50_low=cost - 1_000, p50_high=cost + 1_000)
                for question, cost, parent in (("start", 60_000, {}), ("threads", 100_000, {}), ("env", 80_000, {}),
                                               ("threads", 150_000, {"threads": 64}))]
        results = Results({"results": rows})
        self.assertAlmostEqual(results.spread("vfork"), 100 / 60)
        self.assertFalse(answers.grows(results, rows[1], rows[3]))
        self.assertTrue(answers.grows(Results({"results": rows[1:]}), rows[1], rows[3]))
        self.assertIn("By the question, one start of nolibc was timed as 60 to 100 µs (`posix_spawn`).", report.same_start(
            {"vm": None, "native": Results({"results": [{**entry, "method": "posix_spawn"} for entry in rows]})}))

    def test_a_difference_that_is_seen_is_not_called_chance(self):
        few, many = (row("native", "mappings", "helper", cost, p50_low=cost - 1_000, p50_high=cost + 1_000)
                     for cost in (100_000, 122_000))
        unsure = [row("native", "mappings", "vfork", cost, p50_low=50_000, p50_high=150_000)
                  for cost in (100_000, 123_000)]
        self.assertEqual(answers.changed([unsure]), "by at most 23 %, which may be chance")
        self.assertEqual(answers.changed([unsure, (few, many)]), "by at most 23 %")

    def test_every_method_that_keeps_something_is_answered_alike(self):
        results = Results({"results": [row("vm", "start", method, cost, program=program, return_p50=cost // 2)
                                       for program in ("true", "sed") for method, cost in
                                       (("kernel-warm", 50_000), ("warm", 70_000), ("posix_spawn", 100_000))]})
        machines = {"native": None, "vm": results}
        self.assertEqual(warm_starts.answers(machines), ["`kernel-warm` to posix_spawn: vm 0.50x (true).",
                                                         "`warm` to posix_spawn: vm 0.70x (true)."])
        self.assertEqual(warm_starts.table(machines)[0],
                         "| program | `kernel-warm` vm, median | mean | `warm` vm, median | mean |")
        self.assertEqual([line.split(", until")[0] for line in warm_starts.costs(machines)[:2]], [
            "- `kernel-warm` needs 0.50x (vm counted) of posix_spawn's (true)",
            "- `warm` needs 0.70x (vm counted) of posix_spawn's (true)"])
        self.assertEqual(set(warm_starts.TRAITS), set(amounts.KEPT))

    def test_a_gain_that_may_be_chance_never_pays(self):
        created = row("native", "template", "create clone3", 3_000, break_even_posix_spawn=5.0, break_even_vfork=2.0)
        start = row("native", "template", "clone3", 90_000, ratio={"posix_spawn": interval(0.9, 0.7, 1.1),
                                                                  "vfork": interval(0.9, 0.8, 0.95)})
        self.assertEqual(answers.pays(created, {"clone3": start}), "pays after 2 (vfork), never (posix_spawn)")

    def test_what_warm_costs_is_said_first(self):
        lines = [line for line in self.report.splitlines() if line.startswith("- ") and "`warm`" in line]
        self.assertEqual(lines, [
            "- `warm` needs 3.00x [2.50, 3.50] (native) of posix_spawn's (true), until the child stands before its "
            "main(). It holds 2 processes of 900 KiB (native). No gain is seen for python3 0.89x [0.80, 1.10] (native); "
            "no static program can be warm.",
            "- The next children of `warm` are made between starts, not in the median: true, to posix_spawn, 0.80x "
            "[0.60, 0.90] on one CPU (0.50x [0.45, 0.55] on all), mean 0.80x (native); of CPU time, all included, 0.90x "
            "(native)."])
        self.assertIn("`warm` to posix_spawn: native 0.50x [0.45, 0.55] (true) to 0.60x [0.50, 0.70] (git), by the "
                      "means to 0.80x.", self.report)
        self.assertIn("| git | 0.60x [0.50, 0.70] | 0.62x |", self.details)

    def test_answers_have_the_figures_of_the_results(self):
        self.assertIn("native, 0 to 100 MiB: `fork` 200 to 4,000 µs, `fork-thp` 220 to 300 µs (10 to 100), the others by "
                      "less than 1 %.", self.report)
        self.assertIn("vm, 10 to 10,000 descriptors: `posix_spawn` 153 to 1,653 k, `vfork` 93* to 1,595* k, the others by "
                      "less than 1 %.", self.report)
        self.assertIn("25,000 starts of nolibc by each, 50 in a row, per second by the mean (p99 in µs; median to posix_spawn's): `vfork` "
                      "20,000 (100; 0.50x [0.45, 0.56]), `posix_spawn` 10,000 (200).", self.report)
        self.assertIn("`do_sigaction` 8.0k", self.details)
        self.assertIn("| workers x in flight | calls | posix_spawn/s | clone3/s | warm/s | RFC, "
                      "/s |", self.details)
        self.assertIn("| 1x16 | 6,144 | 1,000 | 1,250 | 952 | 411 to 420 (+2.3 %) |", self.details)

    def test_others_figures_stand_beside_ours(self):
        line = next(line for line in self.report.splitlines() if "fork to posix_spawn, 100 MB" in line)
        self.assertEqual(line, "- fork to posix_spawn, 100 MB: 42.6x, here 40.0x (`fork`).")
        published, earlier = self.details.split("What this project measured first")
        self.assertIn("| 42.6x ([Stack Overflow 2731531](https://stackoverflow.com/questions/2731531)) | mean of 1,000 starts",
                      published)
        self.assertNotIn("330x", published)
        self.assertNotIn("330x", self.report)
        self.assertIn("330x", earlier)

    def test_what_is_missing_is_said(self):
        self.assertIn("4. **What do its open descriptors cost?**", self.report)
        self.assertIn("- native kernel (start): not this kernel", self.details)
        self.assertIn("- native kvm: no such thing", self.details)
        self.assertIn(answers.MISSING, self.report)

    def test_figures_are_drawn_where_there_is_something_to_see(self):
        drawn = {path.stem for path in self.top.glob("*.svg")}
        self.assertEqual(drawn, {"native-rss", "native-starts", "native-agent", "native-stages", "native-fds",
                                 "native-env", "native-threads", "native-path", "native-start", "vm-fds", "vm-env",
                                 "vm-mappings", "vm-phases", "vm-start"})
        for path in self.top.glob("*.svg"):
            xml.etree.ElementTree.parse(path)
            self.assertIn(f"]({path.name})", self.report)

    def test_figures_say_in_words_and_digits_what_they_show(self):
        text = (self.top / "vm-fds.svg").read_text()
        for words in ("Start, exit and wait by open descriptors of the parent, counted",
                      ">open descriptors of the parent<", ">10,000<"):
            self.assertIn(words, text.replace("</text>", "<"))
        for path in [*self.top.glob("*.svg"), *COMMITTED.glob("*.svg")]:
            self.assertNotRegex(path.read_text(), r">\s*-?[0-9.]+e[+-][0-9]+\s*<")
        self.assertEqual(figures.logarithmic("x", [None, 0, 20, 1_000_000]).splitlines()[:2],
                         ["set logscale x", "set xrange [9.999:1e+06]"])
        self.assertIn('set ytics ("10" 10, "100" 100, "" 20 1,', figures.logarithmic("y", [10, 10]))

    def test_two_pages(self):
        for text in (self.report, (COMMITTED / "report.md").read_text()):
            self.assertLess(len(text.splitlines()), 60)
            self.assertLessEqual(len(text), 8_000)

    def test_there_is_room_for_another_method(self):
        """For one that starts what a template keeps, where a kernel has it: in the machine that counts."""
        machines = {name: Results.read(COMMITTED / f"{name}.json") for name in ("native", "vm", "kvm")}
        vm = machines["vm"]
        if not vm.methods("start", program="true").count("kernel-warm"):
            vm.rows += [{**entry, "method": entry["method"].replace("warm", "kernel-warm")}
                        for entry in vm.rows if entry["method"] in ("warm", "create warm")]
        drawn = [path.stem for path in COMMITTED.glob("*.svg")]
        written = report.text(machines, drawn)
        self.assertIn("`kernel-warm` needs ", written)
        self.assertLessEqual(len(written), 8_000)

    def test_the_table_of_the_cover_letter(self):
        table, dynamic, notes = self.table.split("\n\n", 2)
        self.assertEqual(table.splitlines(), [
            "                      10 open fds     x    10,000 open fds     x",
            " posix_spawn()        153 (76)     0.61    1,653 (826)      0.06",
            " vfork(), execve()    93* (46)     1.00    1,595* (798)     0.06",
            " clone3(), execve()   96 (48)      0.97    1,595 (798)      0.06",
            " clone3 + close_range 101 (50)     0.92    101 (50)         0.92",
            " spawn_template       93 (46)              93 (46)",
            "   without waiting    89 (44)              90 (45)"])
        self.assertEqual(dynamic.splitlines(), [
            "                      true(1), 10 open fds     x",
            " posix_spawn()        -",
            " vfork(), execve()    620 (90)              1.00",
            " clone3(), execve()   -",
            " clone3 + close_range -",
            " spawn_template       620 (117)",
            "   without waiting    -"])
        self.assertIn("that of glibc 2.36,", notes.replace("\n", " "))
        self.assertIn("200 mappings of the caller change the figures by at most 3.0 %.", notes.replace("\n", " "))
        self.assertLessEqual(max(map(len, self.table.splitlines())), 75)

    def test_the_figures_take_their_place_in_the_letter(self):
        letter = self.top / "letter"
        before = cover_letter.LETTER.read_text()
        letter.write_text(before)
        cover_letter.update(letter, Results(vm_results()))
        after = letter.read_text()
        self.assertIn(f"\n{self.table}\n", after)
        self.assertIn("some 150 instructions for each open fd,", after)
        self.assertEqual(before.split(cover_letter.HEAD)[0].splitlines()[20:],
                         after.split(cover_letter.HEAD)[0].splitlines()[20:])
        self.assertEqual(before.split("\n\nThe counts show")[1], after.split("\n\nThe counts show")[1])

    def test_a_letter_without_a_place_for_them_is_an_error(self):
        letter = self.top / "unchanged"
        letter.write_text("text")
        cover_letter.update(letter, None)
        self.assertEqual(letter.read_text(), "text")
        with self.assertRaisesRegex(replaced_text.NoPlace, "unchanged: 0 places"):
            cover_letter.update(letter, Results(vm_results()))

    def test_the_table_of_the_warm_letter(self):
        table, calls = (self.top / "warm-cover-letter-figures.txt").read_text().split("\n\n", 1)
        self.assertEqual(table.splitlines(), [
            "                   posix_spawn()  recycled     bound    copied     bound",
            " hello, in C                 650        70        35      280*       140"])
        self.assertEqual(calls.replace("\n", " "), "Of that the call itself takes 15 to 30* thousand, with a copy 60 to 120 "
                         "(posix_spawn(): 150).  The counts show work on one CPU, not cache misses or waiting.  They are "
                         "medians of 20 starts, the kinds in turns, of one of 3 boots, which are up to 0.2 % apart; a * marks "
                         "what the halves of these starts, or the boots, do not have alike to 0.1 %. ")
        letter = self.top / "warm-letter"
        before = warm_letter.LETTER.read_text()
        letter.write_text(before)
        warm_letter.update(letter, Results(vm_results()))
        after = letter.read_text()
        self.assertIn(f"\n\n{table}\n\n{calls}\nWhat it does not do\n", after)
        self.assertIn("cost to start, 77 % comes after their exec:", after)
        self.assertEqual(re.sub(r"cost to start, .* %", "cost to start, 77 %", before).split(warm_letter.HEAD)[0],
                         after.split(warm_letter.HEAD)[0])
        warm_letter.update(letter, Results({"results": []}))
        self.assertEqual(letter.read_text(), after)

    def test_the_table_of_the_readme(self):
        table = readme.table(Results(vm_results()))
        self.assertEqual(table.splitlines()[2],
                         "|                             10 |              93* |              101 |                 "
                         "153 |       93 |       0.92x |            0.61x |")
        path = self.top / "readme"
        path.write_text(readme.README.read_text())
        readme.update(path, {"vm": Results(vm_results()), "native": None})
        self.assertIn(f"\n\n{table}\n", path.read_text())

    def test_what_the_readme_says_of_warm_starts(self):
        machines = {machine: Results({"results": [row(machine, "start", name, count, program=program)
                                                  for program in ("true", "sed", "git")
                                                  for name, count in ((method, cost), ("posix_spawn", 100_000))]})
                    for machine, method, cost in (("native", "warm", 30_000), ("vm", "kernel-warm", 20_000))}
        path = self.top / "readme"
        path.write_text(readme.README.read_text())
        readme.update(path, machines)
        self.assertIn("takes 0.30x of `posix_spawn`'s time then, of `sed` 0.30x, of `git` 0.30x (", path.read_text())
        self.assertIn("executes 0.20x of its instructions, of `sed` 0.20x, of `git` 0.20x", path.read_text())

    def test_what_is_no_result_is_named(self):
        for text in ("nonsense", "[]", '{"results": [1]}', '{"results": [{}]}', "null"):
            with self.subTest(text=text), tempfile.TemporaryDirectory(prefix="spawntpl-test.") as directory:
                Path(directory, "vm.json").write_text(text)
                result = subprocess.run([EVIDENCE / "evidence", "report", "--directory", directory],
                                        capture_output=True, text=True)
                self.assertEqual(result.returncode, 1)
                self.assertRegex(result.stderr, "^evidence: .*vm.json.*\n$")


class CommittedTest(unittest.TestCase):
    """What is committed is made of the results that are."""

    @classmethod
    def setUpClass(cls):
        cls.machines = {name: Results.read(COMMITTED / f"{name}.json") for name in ("native", "vm", "kvm")}

    def test_the_report(self):
        drawn = [path.stem for path in COMMITTED.glob("*.svg")]
        self.assertEqual((COMMITTED / "report.md").read_text(), report.text(self.machines, drawn))
        self.assertEqual((COMMITTED / "details.md").read_text(), report.details(self.machines))

    def test_the_cover_letter(self):
        tables = cover_letter.tables(self.machines["vm"])
        self.assertEqual((COMMITTED / "cover-letter-figures.txt").read_text(), tables)
        self.assertIn(f"\n{tables}\n", cover_letter.LETTER.read_text())

    def test_the_warm_cover_letter(self):
        table = warm_letter.table(self.machines["vm"])
        self.assertEqual((COMMITTED / "warm-cover-letter-figures.txt").read_text(), table)
        if self.machines["vm"].images:
            self.assertIn(f"\n{table}\n", warm_letter.LETTER.read_text())

    def test_the_readme(self):
        self.assertIn(f"\n\n{readme.table(self.machines['vm'])}\n", readme.README.read_text())
        for _, sentence in readme.warm(self.machines):
            self.assertIn(sentence, readme.README.read_text())

    def test_the_results(self):
        for name in self.machines:
            if (COMMITTED / f"{name}.json").exists():
                jsonschema.validate(json.loads((COMMITTED / f"{name}.json").read_text()), SCHEMA)


class StagingTest(unittest.TestCase):
    """What is kept of a measurement that was stopped, or is done."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="spawntpl-test.")
        self.addCleanup(directory.cleanup)
        loader = importlib.machinery.SourceFileLoader("evidence", str(EVIDENCE / "evidence"))
        self.evidence = importlib.util.module_from_spec(importlib.util.spec_from_loader("evidence", loader))
        loader.exec_module(self.evidence)
        self.top = Path(directory.name)
        self.staging = self.top / "staging"
        self.evidence.STAGING = self.staging
        self.evidence.KEY = self.staging / "key"
        self.evidence.PUBLISHED = self.staging / "published"
        self.evidence.prepare_staging([], "one")

    def stage(self, name, **members):
        (self.staging / f"{name}.json").write_text(json.dumps({"results": [], **members}))

    def staged(self):
        return {path.stem for path in self.staging.glob("*.json")}

    def test_a_second_call_goes_on(self):
        self.stage("native-fds")
        self.evidence.prepare_staging([], "one")
        self.assertEqual(self.staged(), {"native-fds"})

    def test_another_program_or_series_begins_anew(self):
        self.stage("native-fds")
        with self.assertRaisesRegex(parts.PartError, "nothing is kept that could be completed"):
            self.evidence.prepare_staging(["vm-tools"], "another")
        self.assertEqual(self.staged(), {"native-fds"})
        self.evidence.prepare_staging([], "another")
        self.assertEqual(self.staged(), set())

    def test_when_all_is_done_one_part_can_be_measured_again_and_all(self):
        self.stage("native-fds", environment={})
        self.evidence.publish(self.top / "published")
        self.evidence.prepare_staging(["native-fds"], "one")
        self.assertEqual(self.staged(), {"native-fds"})
        self.evidence.publish(self.top / "published")
        # The report was written as well.
        self.evidence.PUBLISHED.touch()
        self.evidence.prepare_staging([], "one")
        self.assertEqual(self.staged(), set())

    def test_what_is_merged_is_what_the_schema_knows(self):
        self.stage("native-fds", environment={}, not_measured=[])
        self.stage("vm-small", environment={}, not_measured=[])
        self.stage("vm-repeated", repeated=[])
        self.evidence.publish(self.top / "published")
        for machine in ("native", "vm"):
            merged = json.loads((self.top / "published" / f"{machine}.json").read_text())
            self.assertLessEqual(set(merged), set(SCHEMA["properties"]))

    def test_each_part_with_times_waits_for_a_quiet_machine(self):
        for names, anyhow in (([], False), (["native-fds"], True)):
            with (self.subTest(anyhow=anyhow), mock.patch.object(parts, "PARTS", self.fake_parts()),
                  mock.patch.object(quiet, "wait", return_value=0.01) as wait,
                  mock.patch.object(quiet, "busy_part", return_value=0.5) as look, mock.patch("sys.stderr")):
                self.evidence.measure(names, anyhow)
                self.assertEqual((wait.call_count, look.call_count), (0, 1) if anyhow else (2, 0))
                written = json.loads((self.staging / "native-fds.json").read_text())
                self.assertEqual(written["environment"], {"cpus": 2, "busy_part": 0.5 if anyhow else 0.01})
        self.assertEqual(json.loads((self.staging / "vm-small.json").read_text())["environment"], {"cpus": 2})
        self.assertEqual(json.loads((self.staging / "stages.json").read_text()), {"results": []})

    @staticmethod
    def fake_parts():
        def measure(target):
            target.write_text(json.dumps({"results": [], "environment": {"cpus": 2}}))
        return [parts.Part("native-fds", "native", measure), parts.Part("vm-small", "vm", measure),
                parts.Part("stages", "native", lambda target: target.write_text('{"results": []}'))]

    def test_how_the_environments_of_the_parts_differ_is_kept(self):
        self.stage("native-start", environment={"cpu": "x", "load": "1"}, results=[1])
        self.stage("native-fds", environment={"cpu": "x", "load": "2"}, results=[2])
        merged = self.evidence.merge("native")
        self.assertLessEqual({"cpu": "x", "load": "1"}.items(), merged["environment"].items())
        self.assertEqual(merged["results"], [1, 2])
        self.assertEqual(merged["parts"], [{"name": "native-start", "environment": {}},
                                           {"name": "native-fds", "environment": {"load": "2"}}])
        self.assertIsNone(self.evidence.merge("vm"))

    def test_all_commits_that_were_measured_are_named(self):
        self.stage("native-start", environment={"commit": "aaa"})
        self.stage("native-fds", environment={"commit": "bbb"})
        self.assertIn("commit aaa and bbb", report.environment("native", Results(self.evidence.merge("native"))))

    def test_what_was_measured_with_is_all_of_it(self):
        before = self.evidence.measured_with(False)
        payload = self.top / "payload"
        payload.write_text("another")
        with mock.patch.object(parts, "PAYLOADS", [payload]):
            self.assertNotEqual(self.evidence.measured_with(False), before)

    def test_figures_that_nobody_draws_any_longer_are_removed(self):
        target = self.top / "results"
        target.mkdir()
        (target / "native-old.svg").write_text("")
        self.evidence.write_report(target, False)
        self.assertEqual(list(target.glob("*.svg")), [])


class QuietTest(unittest.TestCase):
    """Nothing sleeps here: what the machine says is made up."""

    def wait(self, parts_of_time):
        """The parts that something ran in, one after the other."""
        said, slept, idle, everything, lines = [], [], 0, 0, []
        for part in parts_of_time:
            lines.append(self.stat(idle, everything))
            idle += round(1000 * (1 - part))
            everything += 1000
            lines.append(self.stat(idle, everything))
        with (mock.patch.object(quiet, "STAT") as stat, mock.patch("time.sleep", slept.append)):
            stat.read_text.side_effect = lines
            return quiet.wait(said.append), said, len(slept)

    @staticmethod
    def stat(idle, everything):
        # What waits for a disk is idle; guest time is in user's.
        return f"cpu  {everything - idle - 7} 0 0 {idle - 2} 2 3 2 2 999 999\ncpu0 1 1 1 1 1 1 1 1 1 1\nintr 1\n"

    def test_a_machine_with_nothing_to_do_is_not_waited_for(self):
        part, said, windows = self.wait([0.03])
        self.assertAlmostEqual(part, 0.03)
        self.assertEqual((said, windows), ([], 1))

    def test_what_runs_may_end(self):
        part, said, windows = self.wait([0.95, 0.4, 0.02])
        self.assertAlmostEqual(part, 0.02)
        self.assertEqual(said, ["the CPUs are busy for 95 % of the time: waiting until nothing else runs"])
        self.assertEqual(windows, 3)

    def test_what_goes_on_is_refused(self):
        with self.assertRaisesRegex(quiet.Busy, r"still busy for 50 % of the time .*\(--busy measures all the same\)"):
            self.wait([0.5] * (quiet.PATIENCE // quiet.WINDOW))

    def test_this_machine_says_it(self):
        with mock.patch("time.sleep"):
            idle, everything = quiet.cpu_times()
        self.assertGreater(everything, idle)


class MergeTest(unittest.TestCase):
    def test_the_most_typical_of_three_boots_counts_and_all_confirm_it(self):
        methods = {"fork": (100_000, 100_050, 140_000), "vfork": (100_000, 100_200, 99_800),
                   "clone3": (100_000, 150_000, 150_010), "kernel": (90_000, 90_000, 90_000),
                   "posix_spawn": (100_000, 100_050, 99_990)}
        rows = [row("vm", "start", method, costs[0], repeatable=method != "kernel", return_repeatable=True) for method, costs in methods.items()]
        again = [row("vm", "start", method, cost, repeatable=method != "kernel", return_repeatable=True,
                     **({"return_p50": 50_000} if method == "vfork" else {}))
                 for method, costs in methods.items() for cost in costs[1:]]
        once = row("vm", "start", "helper", 80_000, repeatable=True)
        merged = {"results": [*rows, once], "repeated": again}
        parts.settle(merged)
        self.assertEqual([(entry["method"], entry["p50"], entry["repeatable"]) for entry in merged["results"]],
                         [("fork", 100_050, False), ("vfork", 100_200, False), ("clone3", 150_000, False),
                          ("kernel", 90_000, False), ("posix_spawn", 100_050, True), ("helper", 80_000, True)])
        self.assertEqual([entry["return_repeatable"] for entry in merged["results"][:5]],
                         [False, True, False, True, True])
        self.assertEqual(merged["results"][0]["p50_of_other_boots"], [100_000, 140_000])
        self.assertNotIn("p50_of_other_boots", merged["results"][5])
        self.assertNotIn("repeated", merged)
        results = Results({"results": merged["results"]})
        self.assertEqual(amounts.figure(results, "start", method="vfork"), "100*")

    def test_a_profile_is_marked_where_its_means_are_not_the_medians(self):
        measured = {"program": "true", "method": "vfork", "mark": 7, "n": 10, "p50": 620_000, "return_p50": 93_000}
        marks = {"7": {"kernel": 1_500_000, "user": 17_000, "functions": {"copy_process": 100_000}},
                 "8": {"kernel": 4_270_000, "user": 1_000_000, "functions": {}}}
        start, after = parts.phases(measured, marks)
        self.assertEqual((start["phase"], start["n"], start["repeatable"]), ("start", 10, False))
        self.assertEqual((after["phase"], after["kernel"], after["repeatable"]), ("after", 427_000, True))
        self.assertEqual(start["functions"], [{"name": "copy_process", "instructions": 10_000}])
        text = "\n".join(answers.functions(Results({"results": [], "profile": [{**start, "program": "nolibc"}]})))
        self.assertIn("as means of 10 starts", text)
        self.assertIn("| `vfork` | 150k* | 1.7k* |", text)

    def test_what_is_missing_is_noticed_before_anything_is_measured(self):
        parts.check_tools(["sh"])
        with self.assertRaisesRegex(parts.PartError, "^not installed: no-such-tool$"):
            parts.check_tools(["sh", "no-such-tool"])

    def test_what_the_benchmark_cannot_know_is_added(self):
        self.assertRegex(parts.commit(), "^[0-9a-f]{12}(-dirty)?$")
        self.assertEqual(set(parts.made_with("native")), {"tools"})
        vm = parts.made_with("vm")
        self.assertRegex(vm["kernel_config"], "^[0-9a-f]{16}$")
        for name in ("qemu", "gnuplot"):
            self.assertRegex(vm["tools"][name], "^[0-9]")

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
