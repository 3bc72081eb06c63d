# SPDX-License-Identifier: MIT
"""The benchmark program: what it writes down, and that it times nothing but what was asked for."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import jsonschema

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build/bin/spawntpl"
SCHEMA = json.loads((ROOT / "userspace/bench/bench.schema.json").read_text())
DISTRIBUTION = ("min", "p50", "p90", "p99", "max")

# Runs a program, and becomes the parent of what it leaves behind: ends with the number of that.
ADOPT = """
import ctypes, os, subprocess, sys
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
left = 0
try:
    while os.wait():
        left += 1
except ChildProcessError:
    sys.exit(min(left, 100))
"""


class BenchTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="spawntpl-test.")
        self.addCleanup(directory.cleanup)
        self.top = Path(directory.name)

    def bench(self, *options, status=0, path=None):
        """Runs it and returns what it wrote and said."""
        target = self.top / "results.json"
        environment = dict(os.environ, PATH=path or os.environ["PATH"])
        result = subprocess.run([PROGRAM, "bench", "--json", target, *options], env=environment,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if status is not None:
            self.assertEqual(result.returncode, status, result.stderr)
        if not target.exists():
            return None, result
        written = json.loads(target.read_text())
        jsonschema.validate(written, SCHEMA)
        return written, result

    def compare(self, old, *options, status):
        path = self.top / "old.json"
        path.write_text(json.dumps(old))
        return self.bench(*options, "--compare", path, status=status)[1].stdout

    def tool(self, name, text):
        path = self.top / name
        path.write_text(text)
        path.chmod(0o755)

    def test_every_combination_has_a_row(self):
        written, _ = self.bench("--method", "vfork", "--method", "posix_spawn", "--method",
                                "lib-posix_spawn", "--program", "nolibc", "--program", "true",
                                "--fds", "10", "--fds", "100", "--env", "3", "--n", "7")
        self.assertEqual(written["schema"], 1)
        self.assertEqual(written["not_measured"], [])
        rows = {(row["program"], row["parent"]["fds"], row["method"]) for row in written["results"]}
        self.assertEqual(len(written["results"]), 12)
        self.assertEqual(len(rows), 12)
        for row in written["results"]:
            self.assertEqual((row["question"], row["unit"], row["n"]), ("fds", "ns", 7))
            self.assertEqual((row["parent"]["rss_mib"], row["parent"]["env"]), (0, 3))
            self.assertEqual(row["backend"],
                             "posix_spawn" if row["method"] == "lib-posix_spawn" else None)
            ended = [row[name] for name in DISTRIBUTION]
            returned = [row[f"return_{name}"] for name in DISTRIBUTION]
            self.assertEqual(ended, sorted(ended))
            self.assertTrue(all(0 < a <= b for a, b in zip(returned, ended)), row)

    def test_a_backend_is_measured_exactly_where_it_works(self):
        info = json.loads(subprocess.check_output([PROGRAM, "info", "--json"]))
        works = {entry["name"]: entry["available"] for entry in info["backends"]}["kernel"]
        written, _ = self.bench("--method", "kernel", "--program", "nolibc", "--n", "1",
                                status=0 if works else 1)
        self.assertEqual([row["backend"] for row in written["results"]], ["kernel"] * works)
        self.assertEqual([row["unavailable"] for row in written["not_measured"]],
                         [True] * (not works))

    def test_every_method_starts_as_often_as_it_says(self):
        self.tool("git", "#!/bin/sh\nprintf x >>$0.starts\n")
        written, _ = self.bench("--program", "git", "--n", "7", "--rss-mib", "20",
                                path=f"{self.top}:/usr/bin:/bin")
        methods = {row["method"] for row in written["results"]}
        self.assertLessEqual({"fork", "vfork", "raw-clone3", "safe-clone3", "posix_spawn", "helper",
                              "python", "fork-server", "lib-posix_spawn", "clone3"}, methods)
        # Seven samples in two turns, the first start of which does not count.
        self.assertEqual((self.top / "git.starts").stat().st_size, 9 * len(methods))

    def test_a_floor_starts_nothing_and_says_so(self):
        floors = ("exec-loop", "fork-exit", "vfork-exit")
        chosen = [word for method in floors for word in ("--method", method)]
        written, _ = self.bench("--program", "nolibc", "--n", "1", *chosen)
        self.assertEqual({row["method"] for row in written["results"]}, set(floors))
        written, _ = self.bench("--program", "true", "--n", "1", *chosen, status=1)
        self.assertEqual({row["method"] for row in written["not_measured"]}, set(floors))
        for row in written["not_measured"]:
            self.assertTrue(row["unavailable"])
            self.assertIn("nolibc", row["reason"])

    def test_a_fork_server_serves_what_is_linked_when_it_starts(self):
        written, _ = self.bench("--method", "fork-server", "--program", "nolibc", "--program", "hello-static",
                                "--program", "hello", "--program", "true", "--n", "1", status=1)
        self.assertEqual([row["program"] for row in written["results"]], ["hello", "true"])
        self.assertEqual([row["program"] for row in written["not_measured"]], ["nolibc", "hello-static"])
        for row in written["not_measured"]:
            self.assertTrue(row["unavailable"])
            self.assertIn("the program is static", row["reason"])

    def test_children_of_a_fork_server_are_the_benchmarks_and_see_nothing_of_it(self):
        self.tool("git", "#!/bin/sh\nreadlink /proc/$PPID/exe >$0.parent\nenv >$0.env\nls /proc/$$/fd >$0.fds\n"
                         "grep SigBlk /proc/self/status >$0.signals\n")
        command = [PROGRAM, "bench", "--method", "fork-server", "--program", "git", "--n", "1"]
        result = subprocess.run([sys.executable, "-c", ADOPT, *command], capture_output=True, text=True,
                                env=dict(os.environ, PATH=f"{self.top}:/usr/bin:/bin"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.top / "git.parent").read_text(), f"{PROGRAM.resolve()}\n")
        self.assertNotRegex((self.top / "git.env").read_text(), "(?m)^LD_")
        # The shell has the script itself as another one, from 10 on.
        self.assertEqual([fd for fd in (self.top / "git.fds").read_text().split() if int(fd) < 10], ["0", "1", "2"])
        self.assertEqual(int((self.top / "git.signals").read_text().split()[1], 16) & 1 << signal.SIGINT - 1, 0)

    def test_a_program_that_does_not_become_a_fork_server_is_not_measured(self):
        # A script, so only its start can tell; the program that reads it is static.
        self.tool("git", f"#!{ROOT}/build/bin/payloads/hello-static\n")
        written, _ = self.bench("--method", "fork-server", "--program", "git", "--n", "1",
                                path=f"{self.top}:/usr/bin:/bin", status=1)
        (row,) = written["not_measured"]
        self.assertTrue(row["unavailable"])
        self.assertIn("without becoming a server", row["reason"])

    def test_a_parent_of_another_process_has_the_same_shape(self):
        self.tool("git", "#!/bin/sh\nls /proc/$PPID/fd | wc -l >$0.fds\nenv -0 | tr -cd '\\0' |"
                         " wc -c >$0.env\ngrep VmRSS /proc/$PPID/status >$0.rss\n"
                         "wc -l </proc/$PPID/maps >$0.maps\nls /proc/$PPID/task | wc -l >$0.threads\n")
        for method in ("python", "fork-thp"):
            with self.subTest(method=method):
                written, _ = self.bench("--method", method, "--program", "git", "--fds", "500",
                                        "--env", "50", "--rss-mib", "20", "--mappings", "300",
                                        "--threads", "9", "--n", "1",
                                        path=f"{self.top}:/usr/bin:/bin", status=None)
                if method == "fork-thp" and not written["results"]:
                    self.skipTest(written["not_measured"][0]["reason"])
                # Popen has a pipe for errors, of its own.
                self.assertIn(int((self.top / "git.fds").read_text()), range(500, 503))
                self.assertIn(int((self.top / "git.env").read_text()), range(50, 55))
                self.assertGreater(int((self.top / "git.rss").read_text().split()[1]), 20 * 1024)
                self.assertGreater(int((self.top / "git.maps").read_text()), 300)
                self.assertEqual(int((self.top / "git.threads").read_text()), 9)

    def test_more_memory_than_there_is_is_not_touched(self):
        written, _ = self.bench("--rss-mib", "1000000", "--method", "vfork", "--method", "python",
                                "--method", "fork-thp", "--program", "nolibc", "--n", "1", status=1)
        self.assertEqual(written["results"], [])
        self.assertEqual(len(written["not_measured"]), 3)
        for row in written["not_measured"]:
            self.assertRegex(row["reason"], "cannot touch 1000000 MiB: [0-9]+ MiB are available")

    def test_a_missing_program_is_not_measured(self):
        written, result = self.bench("--program", "git", "--n", "1", path="/nonexistent", status=1)
        self.assertEqual(written["results"], [])
        for row in written["not_measured"]:
            self.assertFalse(row["unavailable"])
            self.assertIn("git", row["reason"])
        self.assertRegex(result.stdout, "Not measured:\n.* \\(start: git\\): ")

    def test_of_much_that_is_not_measured_some_is_named(self):
        written, result = self.bench("fds", "env", "--program", "git", "--method", "vfork", "--quick",
                                     path="/nonexistent", status=1)
        self.assertEqual(len(written["not_measured"]), 8)
        self.assertRegex(result.stdout, "Not measured:\n +vfork \\(fds: git; fds: git, 100 descriptors; fds: git, 1000 "
                                        "descriptors; and 5 more\\): ")

    def test_a_program_that_fails_is_not_measured(self):
        self.tool("true", "#!/bin/sh\nexit 3\n")
        written, _ = self.bench("--program", "true", "--n", "1", path=str(self.top), status=1)
        self.assertEqual(written["results"], [])
        reasons = {row["reason"] for row in written["not_measured"] if not row["unavailable"]}
        self.assertEqual(reasons, {"the child's exit status is 3"})

    def test_the_parent_is_as_described(self):
        self.tool("git", "#!/bin/sh\nls /proc/$PPID/fd | wc -l >$0.fds\nenv -0 | tr -cd '\\0' |"
                         " wc -c >$0.env\ngrep VmRSS /proc/$PPID/status >$0.rss\n"
                         "wc -l </proc/$PPID/maps >$0.maps\nls /proc/$PPID/task | wc -l >$0.threads\n")
        self.bench("--method", "fork", "--program", "git", "--fds", "500", "--env", "50",
                   "--rss-mib", "20", "--mappings", "300", "--threads", "9", "--n", "1",
                   path=f"{self.top}:/usr/bin:/bin")
        self.assertEqual(int((self.top / "git.fds").read_text()), 500)
        # The shell adds PWD and the like.
        self.assertIn(int((self.top / "git.env").read_text()), range(50, 55))
        self.assertGreater(int((self.top / "git.rss").read_text().split()[1]), 20 * 1024)
        self.assertGreater(int((self.top / "git.maps").read_text()), 300)
        self.assertEqual(int((self.top / "git.threads").read_text()), 9)

    def test_a_worker_of_the_mix_is_as_described(self):
        self.tool("stat", "#!/bin/sh\nls /proc/$PPID/fd | wc -l >$0.fds\nenv -0 | tr -cd '\\0' | wc -c >$0.env\n")
        for method, backend in (("posix_spawn", None), ("lib-posix_spawn", "posix_spawn"), ("python", None)):
            with self.subTest(method=method):
                written, _ = self.bench("agent", "--method", method, "--n", "1",
                                        path=f"{self.top}:/usr/bin:/bin")
                for row in written["results"]:
                    self.assertEqual((row["parent"]["fds"], row["parent"]["env"]), (64, 20))
                    self.assertEqual(row["backend"], backend)
                # Calls that are under way have pipes.
                self.assertIn(int((self.top / "stat.fds").read_text()), range(64, 64 + 5 * 16))
                self.assertIn(int((self.top / "stat.env").read_text()), range(20, 25))

    def test_ratios_are_those_of_the_medians(self):
        written, _ = self.bench("--method", "vfork", "--method", "posix_spawn", "--method", "clone3",
                                "--program", "nolibc", "--n", "50")
        rows = {row["method"]: row for row in written["results"]}
        for row in rows.values():
            self.assertLessEqual(row["p50_low"], row["p50"])
            self.assertLessEqual(row["p50"], row["p50_high"])
            for name, median in (("ratio", "p50"), ("return_ratio", "return_p50")):
                for method, ratio in row[name].items():
                    self.assertAlmostEqual(ratio["value"], row[median] / rows[method][median])
                    self.assertLessEqual(ratio["low"], ratio["high"])
                self.assertEqual(set(row[name]), {"posix_spawn", "vfork"})
                self.assertEqual(rows["vfork"][name]["vfork"], {"value": 1, "low": 1, "high": 1})

    def test_few_samples_have_no_interval(self):
        chosen = ("--method", "vfork", "--method", "posix_spawn", "--program", "nolibc")
        for count, has_one in ((11, False), (12, True)):
            written, result = self.bench(*chosen, "--n", str(count))
            for row in written["results"]:
                for bound in (row["p50_low"], row["p50_high"], row["ratio"]["vfork"]["low"],
                              row["ratio"]["vfork"]["high"]):
                    self.assertEqual(bound is not None, has_one)
            # Of so few the 99th percentile is the maximum.
            self.assertRegex(result.stdout, r"vfork +[0-9.]+ +- ")

    def test_the_methods_take_turns_in_another_order_each_time(self):
        log = self.top / "order"
        # One sample of a turn and one that does not count; who starts it shows in its parent's pid.
        self.tool("git", f"#!/bin/sh\ncut -d' ' -f4 /proc/$PPID/stat >>{log}\n")
        self.bench("--method", "vfork", "--method", "helper", "--program", "git", "--n", "20",
                   path=f"{self.top}:/usr/bin:/bin")
        starts = log.read_text().split()
        turns = [tuple(starts[i:i + 4]) for i in range(0, len(starts), 4)]
        self.assertEqual(len(turns), 20)
        self.assertEqual(len(set(turns)), 2)

    def test_many_starts_are_in_a_row(self):
        log = self.top / "order"
        self.tool("git", f"#!/bin/sh\ncut -d' ' -f4 /proc/$PPID/stat >>{log}\n")
        written, _ = self.bench("starts", "--method", "vfork", "--method", "helper", "--program", "git", "--n", "36",
                                path=f"{self.top}:/usr/bin:/bin")
        starts = log.read_text().split()
        # Of each in twelve turns; one of each turn does not count.
        turns = [starts[i:i + 4] for i in range(0, len(starts), 4)]
        self.assertEqual(len(turns), 24)
        self.assertEqual({len(set(turn)) for turn in turns}, {1})
        for row in written["results"]:
            self.assertEqual((row["starts"], row["in_a_row"]), (36, 3))
            self.assertIsNotNone(row["p50_low"])

    def test_no_method_has_a_part_of_the_time_for_itself(self):
        written, _ = self.bench("starts", "--method", "vfork", "--n", "3000")
        self.assertEqual(written["results"][0]["in_a_row"], 50)

    def test_what_the_workers_of_the_mix_hold_ends_before_the_benchmark(self):
        target = self.top / "results.json"
        for method in ("warm", "python"):
            with self.subTest(method=method):
                command = [PROGRAM, "bench", "agent", "--method", method, "--n", "1", "--json", target]
                result = subprocess.run([sys.executable, "-c", ADOPT, *command], capture_output=True, text=True)
                self.assertEqual(result.returncode, 0, result.stderr)
                written = json.loads(target.read_text())
                if any(row["unavailable"] for row in written["not_measured"]):
                    self.skipTest(written["not_measured"][0]["reason"])
                self.assertEqual(len(written["results"]), 4)

    def test_every_question_can_be_asked(self):
        for question in SCHEMA["$defs"]["what"]["properties"]["question"]["enum"]:
            with self.subTest(question=question):
                written, _ = self.bench(question, "--quick", "--n", "1")
                self.assertEqual({row["question"] for row in written["results"]}, {question})
                self.assertEqual([row for row in written["not_measured"] if not row["unavailable"]], [])

    def test_a_batch_and_a_supervisor_are_compared_with_the_others(self):
        written, _ = self.bench("parallel", "--quick", "--n", "1")
        rows = {row["method"]: row for row in written["results"] if row["workers"] == 1}
        for method in ("batch", "supervisor"):
            self.assertEqual(set(rows[method]["ratio"]), {"posix_spawn", "vfork", "safe-clone3"})
            self.assertIn(rows[method]["backend"], ("kernel", "clone3", "posix_spawn"))
            self.assertEqual(rows[method]["variant"], rows["posix_spawn"]["variant"])

    def test_what_a_question_does_not_take_is_refused(self):
        for options, refused in ((("path", "--program", "true"), "--program true"),
                                 (("path", "--fds", "10"), "--fds 10"),
                                 (("path", "--method", "raw-kernel"), "--method raw-kernel"),
                                 (("path", "--method", "fork-server"), "--method fork-server"),
                                 (("parallel", "--rss-mib", "5"), "--rss-mib 5"),
                                 (("parallel", "--method", "fork-thp"), "--method fork-thp"),
                                 (("agent", "--method", "vfork"), "--method vfork"),
                                 (("agent", "--env", "7"), "--env 7"),
                                 (("fds", "agent", "--program", "true"), "--program true"),
                                 (("template", "--method", "clone3"), "--method clone3"),
                                 (("--stages", "--threads", "3"), "--threads"),
                                 (("--stages", "fds"), "fds"),
                                 (("--stages", "--compare", "x"), "--compare"),
                                 (("--stages", "--unit", "instructions"), "--unit")):
            with self.subTest(options=options):
                written, result = self.bench(*options, "--n", "1", status=125)
                self.assertIsNone(written)
                self.assertIn(f"takes no {refused}" if options[0] != "--stages" else refused,
                              result.stderr)
                self.assertEqual(result.stdout, "")

    def test_what_is_named_twice_is_measured_once(self):
        written, _ = self.bench("fds", "fds", "--fds", "10", "--fds", "10", "--program", "nolibc",
                                "--program", "nolibc", "--method", "vfork", "--n", "1")
        self.assertEqual(len(written["results"]), 1)

    def test_a_template_says_what_it_holds_and_when_it_pays(self):
        written, _ = self.bench("template", "--n", "5")
        rows = {(row["program"], row["method"]): row for row in written["results"]}
        created = rows["nolibc", "create clone3"]
        self.assertGreater(created["heap_bytes"], 0)
        self.assertLess(created["heap_bytes"], 100_000)
        self.assertEqual(created["fds"], 0)
        self.assertLess(rows["nolibc", "create lib-posix_spawn"]["kernel_slab_bytes"] or 0, 100_000)
        # Captured by a first start; what is held then is not in this process.
        if warm := rows.get(("true", "create warm")):
            self.assertNotIn("heap_bytes", warm)
            # The template process, and at most eight children that wait for their start.
            self.assertIn(warm["processes"], range(1, 10))
            self.assertGreater(warm["process_bytes"], 4096)
            self.assertGreater(warm["p50"], rows["true", "warm"]["p50"])
        gain = rows["nolibc", "posix_spawn"]["p50"] - rows["nolibc", "clone3"]["p50"]
        if gain > 0:
            self.assertAlmostEqual(created["break_even_posix_spawn"], created["p50"] / gain, delta=1)
        else:
            self.assertIsNone(created["break_even_posix_spawn"])

    def test_stages_are_shown_or_it_is_said_why_not(self):
        chosen = ("--stages", "--program", "true", "--method", "vfork", "--n", "5")
        written, result = self.bench(*chosen, status=None)
        if result.returncode:
            self.assertIn("cannot measure stages: ", result.stderr)
            return
        (entry,) = written["stages"]
        # Six samples, as one of a turn does not count.
        self.assertEqual((entry["program"], entry["method"], entry["n"]), ("true", "vfork", 6))
        self.assertLessEqual({"create", "exec", "link", "run"}, set(entry["stages"]))
        if os.geteuid() == 0:
            unprivileged = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", PROGRAM, "bench",
                            *chosen)
            result = subprocess.run(unprivileged, capture_output=True, text=True)
            self.assertEqual(result.returncode, 1)
            self.assertIn("cannot measure stages: ", result.stderr)

    def test_a_bare_name_is_searched(self):
        written, _ = self.bench("path", "--method", "vfork", "--method", "python", "--n", "2")
        self.assertEqual({(row.get("path_entries"), row.get("hit")) for row in written["results"]},
                         {(None, None), (1, "first"), (14, "first"), (14, "last"), (50, "first"),
                          (50, "last")})

    def test_the_environment_is_recorded(self):
        for name, value in (("SPAWNTPL_SERIES", "0123abc"), ("SPAWNTPL_COMMIT", "4567def-dirty")):
            os.environ[name] = value
            self.addCleanup(os.environ.pop, name)
        written, _ = self.bench("--program", "nolibc", "--method", "vfork", "--n", "1", "--pin")
        environment = written["environment"]
        self.assertEqual((environment["series"], environment["commit"]), ("0123abc", "4567def-dirty"))
        self.assertIn(environment["pinned_to"], os.sched_getaffinity(0))
        self.assertTrue(written["results"][0]["pinned"])
        self.assertIn(os.uname().release, environment["kernel"])
        self.assertRegex(environment["date"], "^20[0-9]{2}-[01][0-9]-[0-3][0-9]$")
        for text in environment["mitigations"].values():
            self.assertTrue(text.startswith("Mitigation"), text)

    def test_what_has_become_slower_is_said(self):
        chosen = ("--program", "nolibc", "--method", "vfork", "--method", "posix_spawn", "--n", "12")
        old, _ = self.bench(*chosen)
        # Beyond all that a busy machine could do.
        for row, factor in zip(old["results"], (1000, 1 / 1000), strict=True):
            for name in ("p50", "p50_low", "p50_high"):
                row[name] = round(row[name] * factor) + 1
        text = self.compare(old, *chosen, status=2)
        self.assertIn("2 are in both; 1 slower, 1 faster", text)
        slower, faster = text.split("Slower:")[1].split("Faster:")
        self.assertIn("by posix_spawn", slower)
        self.assertIn("by vfork", faster)
        text = self.compare({**old, "results": []}, *chosen, status=0)
        self.assertIn("0 of 2 are in both; 0 slower, 0 faster", text)

    def test_what_cannot_be_compared_is_noticed_before_anything_is_measured(self):
        path = self.top / "old.json"
        start = '{"schema": 1, "environment": {}, "results": '
        for text in (None, "nonsense", "", '{"schema": 2, "results": []}', "[]", "null",
                     '{"schema": "x", "environment": {}, "results": []}',
                     '{"schema": 1, "results": []}', '{"schema": 1, "environment": {}}',
                     '{"schema": 1, "environment": null, "results": []}', start + "{}}",
                     start + "[1]}", start + "[{}]}", start + '[{"question": "fds"}]}'):
            with self.subTest(text=text):
                if text is not None:
                    path.write_text(text)
                self.assert_not_compared(path)
        self.assert_not_compared(self.top)

    def assert_not_compared(self, path):
        result = subprocess.run([PROGRAM, "bench", "--compare", path], capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stdout), (1, ""), result.stderr)
        self.assertIn(f"'{path}'", result.stderr)

    def test_few_samples_are_too_few_to_tell(self):
        chosen = ("--program", "nolibc", "--method", "vfork", "--n", "5")
        old, _ = self.bench(*chosen)
        old["results"][0]["p50"] = 1
        text = self.compare(old, *chosen, status=0)
        self.assertIn("1 of 1 are in both; 0 slower, 0 faster, 1 of too few samples", text)

    def test_what_is_no_longer_measured_is_named(self):
        old, _ = self.bench("--program", "nolibc", "--program", "true", "--method", "vfork", "--n", "1")
        chosen = ("--program", "true", "--method", "vfork", "--method", "exec-loop", "--n", "1")
        text = self.compare(old, *chosen, status=1)
        self.assertIn("In the old result only:\n  start: nolibc by vfork", text)
        self.assertNotIn("Fails now", text)
        old["results"].append({**old["results"][1], "method": "exec-loop"})
        text = self.compare(old, *chosen, status=1)
        self.assertRegex(text, "Fails now:\n  start: true by exec-loop.*: this program does not")

    def test_another_system_is_named(self):
        chosen = ("--program", "nolibc", "--method", "vfork", "--n", "1")
        old, _ = self.bench(*chosen)
        old["environment"].update(cpus=4096, governor="none such", series="0123", load="999.00 1 1",
                                  calibration={"instructions": 2_000_000, "ticks": 1_000_000_000})
        text = self.compare(old, *chosen, status=0)
        self.assertIn("Another cpus: 4096, now ", text)
        self.assertIn('Another governor: "none such", now ', text)
        self.assertIn('Another series: "0123", now ', text)
        self.assertIn("Another load: 999.0, now ", text)
        self.assertIn("Another speed of the CPU: 2000000 instructions took 1000000, now ", text)
        self.assertNotIn("Another kernel", text)

    def test_a_result_stays_until_there_is_another_one(self):
        target = self.top / "results.json"
        target.write_text("before")
        self.tool("git", f"#!/bin/sh\ncp {target} $0.seen\n")
        self.bench("--program", "git", "--method", "vfork", "--n", "1",
                   path=f"{self.top}:/usr/bin:/bin")
        self.assertEqual((self.top / "git.seen").read_text(), "before")
        self.assertEqual({path.name for path in self.top.iterdir()},
                         {"git", "git.seen", "results.json"})

    def test_a_signal_leaves_nothing_behind(self):
        target = self.top / "results.json"
        target.write_text("before")
        temporary = self.top / "temporary"
        temporary.mkdir()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Who starts tests in the background may have them ignore it.
            self.addCleanup(signal.signal, number, signal.signal(number, signal.SIG_DFL))
            with self.subTest(signal=number.name):
                environment = dict(os.environ, TMPDIR=str(temporary), PATH=f"{self.top}:/usr/bin:/bin")
                # A second signal would end it at once.
                self.tool("git", f"#!/bin/sh\nmkdir {temporary}/came && kill -s {number.name[3:]} "
                                 "$PPID\nexit 0\n")
                result = subprocess.run([PROGRAM, "bench", "--json", target, "--program", "git",
                                         "--method", "vfork", "--n", "1000000"], env=environment,
                                        capture_output=True, text=True)
                self.assertEqual(result.returncode, -number)
                (temporary / "came").rmdir()
                self.assertEqual(target.read_text(), "before")
                self.assertEqual({path.name for path in self.top.iterdir()},
                                 {"git", "results.json", "temporary"})
        # Of a question that has directories of its own.
        environment = dict(os.environ, TMPDIR=str(temporary))
        with subprocess.Popen([PROGRAM, "bench", "path", "--n", "1000000"], env=environment,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            process.stderr.readline()
            process.send_signal(signal.SIGINT)
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.assertEqual(list(temporary.iterdir()), [])

    def test_an_interrupt_of_the_terminal_is_the_benchmarks(self):
        # As from a terminal, all processes get it: this one once.
        self.tool("stat", f"#!/bin/sh\ntrap '' INT\nmkdir {self.top}/came 2>/dev/null && kill -s INT 0\nexit 0\n")
        self.tool("git", (self.top / "stat").read_text())
        environment = dict(os.environ, PATH=f"{self.top}:/usr/bin:/bin")
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.SIG_DFL))
        for chosen in (("start", "--program", "git", "--method", "python"), ("agent", "--method", "python"),
                       ("start", "--program", "git", "--method", "fork-server")):
            with self.subTest(chosen=chosen):
                result = subprocess.run([PROGRAM, "bench", *chosen, "--n", "1000000"],
                                        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                        start_new_session=True)
                (self.top / "came").rmdir()
                self.assertEqual(result.returncode, -signal.SIGINT)
                self.assertNotIn("Traceback", result.stderr)

    def test_a_result_can_go_to_a_device(self):
        result = subprocess.run([PROGRAM, "bench", "--json", "/dev/stderr", "--program", "nolibc",
                                 "--method", "vfork", "--n", "1"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0)
        self.assertEqual(json.loads(result.stderr[result.stderr.index("{"):])["schema"], 1)

    def test_a_directory_that_cannot_be_made_is_no_crash(self):
        for question in ("path", "agent"):
            with self.subTest(question=question):
                result = subprocess.run([PROGRAM, "bench", question, "--n", "1"], capture_output=True, text=True,
                                        env=dict(os.environ, TMPDIR=str(self.top / "none")))
                self.assertEqual(result.returncode, 1)
                self.assertRegex(result.stderr, r"(?m)^spawntpl bench: .*/none")

    def test_a_parent_that_is_too_large_is_a_reason(self):
        # Root may raise any limit.
        as_user = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()
        limited = ("prlimit", "--nofile=200:200", *as_user, PROGRAM, "bench", "fds", "--method", "python", "--method",
                   "vfork", "--program", "nolibc", "--n", "1")
        for chosen in ((), ("--fds", "10000")):
            with self.subTest(chosen=chosen):
                target = self.top / "results.json"
                result = subprocess.run([*limited, *chosen, "--json", target], capture_output=True, text=True)
                self.assertNotIn("Traceback", result.stderr)
                self.assertEqual(result.returncode, 1)
                reasons = [row for row in json.loads(target.read_text())["not_measured"] if row["parent"]["fds"] == 10_000]
                self.assertEqual({row["unavailable"] for row in reasons}, {not chosen})

    def test_bad_input_is_named(self):
        for options, name in ((("--method", "magic"), "magic"), (("--program", "emacs"), "emacs"),
                              (("--unit", "miles"), "miles"), (("--fds", "x"), "x"),
                              (("--n", "0"), "0"), (("--no-such-option",), "--no-such-option"),
                              (("meaning",), "meaning")):
            written, result = self.bench(*options, status=125)
            self.assertIsNone(written)
            self.assertIn(name, result.stderr)

    def test_an_unwritable_file_is_noticed_before_anything_is_measured(self):
        result = subprocess.run([PROGRAM, "bench", "--json", self.top / "none/file"],
                                capture_output=True, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn("none/file", result.stderr)
        self.assertEqual(result.stdout, "")
