# SPDX-License-Identifier: MIT
"""How evidence is measured: on a quiet machine, part by part, and what becomes of the parts."""

import importlib.machinery
import importlib.util
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
EVIDENCE = ROOT / "userspace/bench/evidence"
sys.path.insert(0, str(EVIDENCE))

import amounts  # noqa: E402
import answers  # noqa: E402
import parts  # noqa: E402
import quiet  # noqa: E402
import report  # noqa: E402
from machine_results import Results  # noqa: E402
from sample_results import row  # noqa: E402

SCHEMA = json.loads((ROOT / "userspace/bench/bench.schema.json").read_text())


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
