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

import jsonschema

ROOT = Path(__file__).resolve().parent.parent
EVIDENCE = ROOT / "userspace/bench/evidence"
sys.path.insert(0, str(EVIDENCE))

import amounts  # noqa: E402
import answers  # noqa: E402
import cover_letter  # noqa: E402
import drawbacks  # noqa: E402
import figures  # noqa: E402
import readme  # noqa: E402
import replaced_text  # noqa: E402
import report  # noqa: E402
import warm_letter  # noqa: E402
import warm_starts  # noqa: E402
from machine_results import Results  # noqa: E402
from sample_results import interval, native_results, row, vm_results  # noqa: E402

COMMITTED = ROOT / "kernel-patch/evidence"
SCHEMA = json.loads((ROOT / "userspace/bench/bench.schema.json").read_text())


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


if __name__ == "__main__":
    unittest.main()
