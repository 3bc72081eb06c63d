# SPDX-License-Identifier: MIT
"""spawnlat: exact counts of known loads, stages that add up, and clear words where it cannot work.

Runs on this machine, and in the virtual machine (see tests/check)."""

import json
import os
import signal
import statistics
import subprocess
import tempfile
import unittest
from pathlib import Path

BIN = Path(os.environ.get("SPAWNTPL_BIN") or
           Path(__file__).resolve().parent.parent / "build/bin")
SPAWNLAT = BIN / "spawnlat"
SPAWNTPL = BIN / "spawntpl"
LOAD = BIN / "payloads/spawn_load"
CLOCK = BIN / "payloads/spawn_clock"
EXIT0 = BIN / "payloads/exit0"
BTF = Path("/sys/kernel/btf/vmlinux")

OWN_FAILURE = 125
NOBODY = 65534

# Prime, so that no count is another one's multiple.
EXECS, FAILURES, FORKS, CHAINS, THREADS = 97, 13, 31, 7, 5
METHODS = ("fork", "vfork", "clone", "clone3", "posix_spawn", "template")
# These start nothing that does not execute something; the load forks instead.
EXEC_ONLY = ("posix_spawn", "template")
CLASSES = ("exec", "chain", "exec_failed", "no_exec")
PARTS_OF = {"create": ("copy_mm", "copy_files", "copy_sighand"),
            "exec": ("exec_open", "exec_mm", "exec_map")}


def has_templates():
    info = json.loads(subprocess.check_output([SPAWNTPL, "info", "--json"]))
    return {entry["name"]: entry["available"] for entry in info["backends"]}["kernel"]


def reason_not_to_run():
    if os.geteuid():
        return "spawnlat needs root"
    return "" if BTF.exists() else "this kernel has no BTF"


class SpawnlatTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="spawntpl-test.")
        self.addCleanup(directory.cleanup)
        self.top = Path(directory.name)
        self.top.chmod(0o755)
        self.output = self.top / "output"
        self.garbage = self.top / "garbage"
        self.garbage.write_text("not a program")
        self.garbage.chmod(0o755)

    def spawnlat(self, *words, status=0, **options):
        # The last of an option counts.
        result = subprocess.run([SPAWNLAT, "-o", self.output, *map(str, words)],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
        self.assertEqual(result.returncode, status, result.stderr)
        return result

    def objects(self, *words, **options):
        """What --json writes, by type."""
        self.spawnlat("--json", *words, **options)
        return self.read_objects()

    def read_objects(self):
        found = {"start": [], "process": [], "interval": [], "summary": []}
        for line in self.output.read_text().splitlines():
            read = json.loads(line)
            found[read["type"]].append(read)
        return found

    def summary(self, *words, **options):
        return self.objects("--no-events", *words, **options)["summary"][0]

    def load(self, method, execs=EXECS, failures=FAILURES, forks=FORKS, chains=CHAINS,
             threads=THREADS):
        return [LOAD, method, EXIT0, self.garbage, execs, failures, forks, chains, threads]

    def groups(self, summary):
        return {group["group"]: group for group in summary["groups"]}

    def assert_nothing_lost(self, summary):
        self.assertEqual(set(summary["lost"].values()), {0}, summary["lost"])

    def start(self, *words):
        """Starts it without a command; it is attached when this returns."""
        process = subprocess.Popen([SPAWNLAT, "--json", *map(str, words)], text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(json.loads(process.stdout.readline())["type"], "start")
        return process

    def end(self, process):
        """Ends it as Ctrl-C does and returns its summary."""
        process.send_signal(signal.SIGINT)
        text = process.stdout.read()
        self.assertEqual(process.wait(), 0)
        return json.loads(text.splitlines()[-1])


@unittest.skipIf(reason_not_to_run(), reason_not_to_run())
class Counts(SpawnlatTest):
    def test_known_loads_by_method(self):
        methods = [m for m in METHODS if m != "template" or has_templates()]
        for method in methods:
            with self.subTest(method):
                summary = self.summary("--", *self.load(method))
                self.check_load(summary, method)

    def check_load(self, summary, method):
        groups = self.groups(summary)
        forks = "fork" if method in EXEC_ONLY else method
        expected = {(method, "exec"): EXECS, (method, "chain"): CHAINS,
                    (method, "exec_failed"): FAILURES, (forks, "no_exec"): FORKS}
        found = {(name, c): group["processes"][c] for name, group in groups.items()
                 for c in CLASSES if group["processes"][c]}
        self.assertEqual(found, expected)
        totals = summary["processes"]
        self.assertEqual(totals["threads"], THREADS)
        self.assertEqual(totals["execs"], EXECS + 2 * CHAINS)
        # A child whose template's exec fails is gone before the call returns.
        self.assertEqual(totals["failed_execs"], FAILURES)
        self.assertEqual(totals["failed_calls"], 0)
        self.assertEqual(summary["running"], 0)
        self.assert_nothing_lost(summary)
        self.check_stages(groups, method, forks)

    def check_stages(self, groups, method, forks):
        def count(name, stage):
            return groups[name]["stages"].get(stage, {"count": 0})["count"]
        starts = EXECS + CHAINS + FAILURES
        together = forks == method
        for stage in ("create", "wakeup", "zombie", "total", "caller"):
            self.assertEqual(count(method, stage), starts + FORKS * together, stage)
        self.assertEqual(count(method, "setup"), starts)
        self.assertEqual(count(method, "exec"), EXECS + 2 * CHAINS)
        self.assertEqual(count(method, "exec_open"), EXECS + 2 * CHAINS)
        self.assertEqual(count(method, "exec_failed"), FAILURES)
        self.assertEqual(count(method, "run"), EXECS + 2 * CHAINS + FORKS * together)
        if not together:
            self.assertEqual(count(forks, "run"), FORKS)
            self.assertEqual(count(forks, "setup"), 0)

    def test_backends(self):
        available = {"clone3": 11, "posix_spawn": 17}
        if has_templates():
            available["kernel"] = 19
        for backend, repeat in available.items():
            with self.subTest(backend):
                summary = self.summary("--by", "backend", "--", SPAWNTPL, "run", "--backend",
                                       backend, "--repeat", repeat, EXIT0)
                group = self.groups(summary)[backend]
                self.assertEqual(group["processes"]["exec"], repeat)
                self.assertEqual(summary["processes"]["exec"], repeat)

    def test_commands(self):
        summary = self.summary("--by", "command", "--", "sh", "-c",
                               "/bin/true; /bin/true; /bin/true; /bin/false; (exit 4); :")
        groups = self.groups(summary)
        self.assertEqual({name: [group["processes"][c] for c in CLASSES]
                          for name, group in groups.items()},
                         {"true": [3, 0, 0, 0], "false": [1, 0, 0, 0], "sh": [0, 0, 0, 1]})

    def test_parents(self):
        summary = self.summary("--by", "parent", "--", "sh", "-c",
                               "/bin/true; sh -c '/bin/true; /bin/true; :'; :")
        counts = sorted(group["processes"]["exec"] for group in summary["groups"])
        self.assertEqual(counts, [2, 2])
        self.assertTrue(all(group["group"].endswith(" sh") for group in summary["groups"]))

    def test_groups_without_end_are_counted_as_lost(self):
        summary = self.summary("--by", "parent", "--max-groups", 2, "--", "sh", "-c",
                               "for i in 1 2 3 4 5; do sh -c '/bin/true; :'; done")
        self.assertEqual(len(summary["groups"]), 2)
        self.assertGreater(summary["lost"]["groups"], 0)

    def test_a_failed_call(self):
        script = ("import ctypes, os\n"
                  "libc = ctypes.CDLL(None)\n"
                  # CLONE_SIGHAND without CLONE_VM.
                  "for _ in range(11): assert libc.syscall(56, 0x800, 0, 0, 0, 0) == -1\n")
        summary = self.summary("--", "/usr/bin/python3", "-c", script)
        self.assertEqual(summary["processes"]["failed_calls"], 11)
        self.assertEqual([summary["processes"][c] for c in CLASSES], [0, 0, 0, 0])

    def test_an_exec_by_a_thread(self):
        """It takes the place of the process's first thread."""
        script = ("import os, threading\n"
                  "for _ in range(11):\n"
                  "    pid = os.fork()\n"
                  "    if not pid:\n"
                  f"        run = lambda: os.execv('{EXIT0}', ['x'])\n"
                  "        threading.Thread(target=run).start()\n"
                  "        while True: pass\n"
                  "    assert os.waitpid(pid, 0)[1] == 0\n")
        summary = self.summary("--", "/usr/bin/python3", "-c", script)
        self.assertEqual([summary["processes"][c] for c in CLASSES], [11, 0, 0, 0])
        self.assertEqual(summary["processes"]["threads"], 11)
        self.assertEqual(self.groups(summary)["fork"]["stages"]["total"]["count"], 11)

    def test_children_that_nobody_waits_for(self):
        script = ("import os, signal, subprocess\n"
                  "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
                  f"children = [os.posix_spawn('{EXIT0}', ['x'], {{}}) for _ in range(23)]\n"
                  "try: os.wait()\n"
                  "except ChildProcessError: pass\n")
        summary = self.summary("--", "/usr/bin/python3", "-c", script)
        self.assertEqual([summary["processes"][c] for c in CLASSES], [23, 0, 0, 0])
        self.assertEqual(summary["running"], 0)

    def test_processes_that_go_on(self):
        found = self.objects("--", "sh", "-c", "for i in 1 2 3; do sleep 100000 >/dev/null 2>&1 & done; "
                             "/bin/true; :")
        running = [process for process in found["process"] if process["class"] == "running"]
        for process in running:
            os.kill(process["pid"], signal.SIGKILL)
        self.assertEqual(len(running), 3)
        self.assertEqual(found["summary"][0]["running"], 3)
        self.assertEqual(found["summary"][0]["processes"]["exec"], 1)

    def test_more_processes_than_there_is_room_for(self):
        summary = self.summary("--max-processes", 4, "--", "sh", "-c",
                               "for i in 1 2 3 4 5 6 7; do cat <&3 & done 3</dev/null; wait")
        room = [summary["processes"][c] for c in CLASSES]
        # Those that ended made room for others.
        self.assertEqual(sum(room) + summary["lost"]["processes"], 7)

    def test_reused_pids(self):
        """In a small space of numbers each one comes again and again."""
        pid_max = Path("/proc/sys/kernel/pid_max")
        if os.environ.get("SPAWNTPL_MACHINE") != "vm":
            self.skipTest("the size of the pid space is not for a test to change")
        before = pid_max.read_text()
        self.addCleanup(pid_max.write_text, before)
        pid_max.write_text("400\n")
        # A buffer that holds all events, whenever their reader comes to run.
        found = self.objects("--buffer", 16384, "--", *self.load("vfork", 997, 0, 0, 0, 0))
        pids = {process["pid"] for process in found["process"]}
        self.assertLess(len(pids), 400)
        self.assertEqual(len(found["process"]), 997)
        self.assertEqual(found["summary"][0]["processes"]["exec"], 997)
        self.assert_nothing_lost(found["summary"][0])


@unittest.skipIf(reason_not_to_run(), reason_not_to_run())
class Stages(SpawnlatTest):
    def test_they_add_up(self):
        for method in ("fork", "vfork", "posix_spawn") + ("template",) * has_templates():
            with self.subTest(method):
                found = self.objects("--", *self.load(method))
                self.check_sums(found)

    def check_sums(self, found):
        self.assertEqual(len(found["process"]), EXECS + FAILURES + FORKS + CHAINS)
        for process in found["process"]:
            stages = process["stages"]
            self.assertEqual(sum(stage["ns"] for stage in stages), process["total_ns"], process)
            self.assertEqual(stages[0]["start_ns"], process["start_ns"])
            for before, after in zip(stages, stages[1:]):
                self.assertEqual(before["start_ns"] + before["ns"], after["start_ns"], process)
            for whole, parts in PARTS_OF.items():
                self.assertLessEqual(
                    sum(part["ns"] for part in process["parts"] if part["stage"] in parts),
                    sum(stage["ns"] for stage in stages if stage["stage"] == whole), process)
        # The histograms have seen the same.
        for name in ("create", "wakeup", "setup", "exec", "exec_failed", "run", "zombie"):
            events = sum(stage["ns"] for process in found["process"]
                         for stage in process["stages"] if stage["stage"] == name)
            counted = sum(group["stages"][name]["sum_ns"] for group in
                          found["summary"][0]["groups"] if name in group["stages"])
            self.assertEqual(events, counted, name)

    def test_distributions_are_in_order(self):
        summary = self.summary("--by", "none", "--", *self.load("vfork"))
        for name, stage in summary["groups"][0]["stages"].items():
            order = [stage[f"{which}_ns"] for which in ("min", "p50", "p90", "p99", "max")]
            self.assertEqual(order, sorted(order), name)
            self.assertEqual(sum(stage["log2"]), stage["count"])
            self.assertLessEqual(stage["min_ns"] * stage["count"], stage["sum_ns"])
            self.assertGreaterEqual(stage["max_ns"] * stage["count"], stage["sum_ns"])

    def test_failures_name_their_error(self):
        found = self.objects("--", *self.load("vfork", 0, 3, 0, 0, 0))
        self.assertEqual([process["errno"] for process in found["process"]], [8] * 3)  # ENOEXEC
        if has_templates():
            found = self.objects("--", *self.load("template", 0, 3, 0, 0, 0))
            self.assertEqual([process["errno"] for process in found["process"]], [8] * 3)
            self.assertTrue(all(process["template_step"] > 0 for process in found["process"]))

    def test_the_linker_is_told_from_the_program(self):
        summary = self.summary("--entry", "/bin/true", "--by", "command", "--", "sh", "-c",
                               "/bin/true; /bin/true; /bin/true; /bin/false; :")
        groups = self.groups(summary)
        self.assertEqual(groups["true"]["stages"]["link"]["count"], 3)
        self.assertEqual(groups["true"]["stages"]["run"]["count"], 3)
        self.assertGreater(groups["true"]["processes"]["linker_maps"], 3)
        self.assertNotIn("link", groups["false"]["stages"])

    def test_what_a_clone_copies(self):
        found = self.objects("--no-events", "--", *self.load("fork"))
        missing = found["start"][0]["not_measured"]
        if any(stage.startswith("copy_files ") for stage in missing):
            self.skipTest("only with a function tracer, as in the debug kernel: " +
                          "; ".join(missing))
        stages = self.groups(found["summary"][0])["fork"]["stages"]
        self.assertEqual(stages["copy_files"]["count"], EXECS + CHAINS + FAILURES + FORKS)
        self.assertLess(sum(stages[part]["sum_ns"] for part in PARTS_OF["create"]
                            if part in stages), stages["create"]["sum_ns"])

    def test_page_faults(self):
        summary = self.summary("--faults", "--", *self.load("vfork", 11, 0, 0, 0, 0))
        # Each has its own stack and its own first instruction.
        self.assertGreaterEqual(summary["processes"]["faults"], 11)

    def clocked(self, *options):
        """The summary of 1000 starts, and what the caller's own clock said of them."""
        result = self.spawnlat("--json", *options, "--", CLOCK, 1000, EXIT0)
        starts = [list(map(int, line.split())) for line in result.stdout.splitlines()]
        self.assertEqual(len(starts), 1000)
        return self.read_objects(), starts

    def test_another_clock_agrees(self):
        found, starts = self.clocked("--no-events")
        stages = self.groups(found["summary"][0])["vfork"]["stages"]
        calls = [returned - begun for _, begun, returned, _ in starts]
        totals = [reaped - begun for _, begun, _, reaped in starts]
        for stage, own in (("caller", calls), ("total", totals)):
            self.assertEqual(stages[stage]["count"], 1000)
            median = statistics.median(own)
            self.assertLess(abs(stages[stage]["p50_ns"] - median), 0.1 * median, stage)

    def test_every_start_is_within_the_caller_s(self):
        found, starts = self.clocked()
        processes = {process["pid"]: process for process in found["process"]}
        for pid, begun, returned, reaped in starts:
            process = processes[pid]
            self.assertLessEqual(begun, process["start_ns"])
            self.assertLessEqual(process["start_ns"] + process["caller_ns"], returned)
            self.assertLessEqual(process["start_ns"] + process["total_ns"], reaped)


@unittest.skipIf(reason_not_to_run(), reason_not_to_run())
class Filters(SpawnlatTest):
    def test_command_name(self):
        script = "/bin/true; /bin/false; /bin/true; /bin/echo; :"
        summary = self.summary("--comm", "true", "--", "sh", "-c", script)
        self.assertEqual(summary["processes"]["exec"], 2)
        found = self.objects("--comm", "true", "--", "sh", "-c", script)
        self.assertEqual([process["command"] for process in found["process"]], ["true"] * 2)

    def shell(self, **options):
        """A shell that runs a line when it is told."""
        shell = subprocess.Popen(["sh"], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 **options)
        self.addCleanup(shell.stdout.close)
        self.addCleanup(shell.wait)
        self.addCleanup(shell.stdin.close)
        self.assertEqual(self.tell(shell, "echo ready"), "ready\n")
        return shell

    def tell(self, shell, line):
        shell.stdin.write(line + "\n")
        shell.stdin.flush()
        return shell.stdout.readline()

    def test_pid(self):
        shell, other = self.shell(), self.shell()
        process = self.start("--no-events", "-p", shell.pid)
        self.tell(shell, "/bin/true; sh -c '/bin/true; /bin/true; :'; echo done")
        self.tell(other, "/bin/true; /bin/true; echo done")
        self.assertEqual(self.end(process)["processes"]["exec"], 4)

    def test_cgroup(self):
        root = next((line.split()[1] for line in Path("/proc/self/mounts").open()
                     if line.split()[2] == "cgroup2"), None)
        if not root:
            self.skipTest("no cgroup2 file system is mounted")
        outer = Path(root, f"spawntpl-test-{os.getpid()}")
        inner = outer / "inner"
        inner.mkdir(parents=True)
        self.addCleanup(outer.rmdir)
        self.addCleanup(inner.rmdir)
        script = ("/bin/true; "
                  f"sh -c 'echo $$ >{inner}/cgroup.procs; /bin/true; /bin/true; :'; /bin/true")
        for cgroup in (outer, inner, "/" + str(inner.relative_to(root))):
            # The shell that moves itself is in it when it ends.
            summary = self.summary("--cgroup", cgroup, "--", "sh", "-c", script)
            self.assertEqual(summary["processes"]["exec"], 3, cgroup)
        summary = self.summary("--by", "cgroup", "--", "sh", "-c", script)
        self.assertIn(f"/{outer.name}/inner", self.groups(summary))

    def test_a_missing_cgroup_is_named(self):
        result = self.spawnlat("--cgroup", "/no/such", "--", "true", status=OWN_FAILURE)
        self.assertIn("/no/such", result.stderr)


@unittest.skipIf(reason_not_to_run(), reason_not_to_run())
class Output(SpawnlatTest):
    def test_the_command_s_status_is_passed_on(self):
        self.spawnlat("--", "sh", "-c", "exit 7", status=7)
        self.spawnlat("--", "sh", "-c", "kill -KILL $$", status=128 + 9)
        result = self.spawnlat("--", "no-such-command", status=127)
        self.assertIn("no-such-command", result.stderr)
        self.spawnlat("--", self.top, status=126)

    def test_a_signal_reaches_the_command(self):
        script = "trap 'exit 3' TERM; kill -TERM $PPID; while :; do :; done"
        self.spawnlat("--", "sh", "-c", script, status=3)

    def test_text(self):
        self.spawnlat("-H", "--", *self.load("vfork"))
        text = self.output.read_text()
        self.assertIn("method vfork: 97 exec, 7 chain of execs, 13 exec failed, 31 without exec",
                      text)
        self.assertIn("|****************************************|", text)
        self.assertIn("97 exec, 7 chain of execs, 13 exec failed, 31 without exec; 5 threads",
                      text.splitlines()[-1])

    def test_one_line_for_each_process(self):
        self.spawnlat("--events", "--", *self.load("vfork"))
        lines = self.output.read_text().splitlines()
        self.assertEqual(sum(" vfork " in line and " exec_failed " in line for line in lines),
                         FAILURES)
        self.assertEqual(sum(line.endswith(" exit0") for line in lines), EXECS + CHAINS)

    def test_intervals(self):
        process = self.start("--no-events", "0.2", "3")
        subprocess.run(list(map(str, self.load("vfork"))), check=True)
        text = process.stdout.read()
        self.assertEqual(process.wait(), 0)
        intervals = [json.loads(line) for line in text.splitlines()]
        self.assertEqual([read["type"] for read in intervals], ["interval"] * 3 + ["summary"])
        self.assertEqual(sum(read["processes"]["exec_failed"] for read in intervals[:3]),
                         sum(read["processes"]["exec_failed"] for read in intervals[3:]))

    def test_top(self):
        self.spawnlat("--top", "0.1", "--", *self.load("vfork", 499))
        text = self.output.read_text()
        self.assertIn("ended/s", text)
        self.assertIn("exit0", text)

    def test_trace(self):
        trace = self.top / "trace.json"
        found = self.objects("--trace", trace, "--", *self.load("vfork"))
        events = json.loads(trace.read_text())["traceEvents"]
        rows = {}
        for event in events:
            if event["ph"] == "X" and event["cat"] == "stage":
                rows.setdefault(event["tid"], []).append(event)
        self.assertEqual(len(rows), EXECS + FAILURES + FORKS + CHAINS)
        for process in found["process"]:
            row = rows[process["pid"]]
            self.assertEqual([event["name"] for event in row],
                             [stage["stage"] for stage in process["stages"]])
            for event, stage in zip(row, process["stages"]):
                self.assertAlmostEqual(event["ts"], stage["start_ns"] / 1000, 3)
                self.assertAlmostEqual(event["dur"], stage["ns"] / 1000, 3)
        named = {event["tid"] for event in events if event["name"] == "thread_name"}
        self.assertEqual(named, set(rows))

    def test_lost_events_are_counted(self):
        """The reader is stopped while more events come than there is room for."""
        script = ('kill -STOP $PPID; "$@"; kill -CONT $PPID')
        words = ["--buffer", 4, "--", "sh", "-c", script, "sh", *self.load("vfork")]
        summary = self.objects(*words)["summary"][0]
        self.assertGreater(summary["lost"]["events"], 0)
        # sh starts the load.
        self.assertEqual(summary["processes"]["exec"], EXECS + 1)
        self.spawnlat("--events", *words)
        self.assertIn("events (see --buffer)", self.output.read_text())


@unittest.skipIf(reason_not_to_run(), reason_not_to_run())
class Schema(SpawnlatTest):
    def test_objects_are_as_described(self):
        import jsonschema
        schema = json.loads((Path(__file__).resolve().parent.parent /
                             "bpf/spawnlat.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        self.spawnlat("--json", "0.1", "--", *self.load("vfork", 499))
        lines = self.output.read_text().splitlines()
        for line in lines:
            validator.validate(json.loads(line))
        # It does not accept just anything.
        for change in ({"type": "other"}, {"extra": 1}, {"pid": "1"}):
            for line in lines[1:2]:
                self.assertFalse(validator.is_valid({**json.loads(line), **change}), change)


class Refusals(SpawnlatTest):
    """Where it cannot work it says so in one sentence."""

    def refuses(self, *command, text):
        result = subprocess.run([*map(str, command), "--", "true"], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True)
        self.assertEqual(result.returncode, OWN_FAILURE, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertIn(text, result.stderr)

    def test_no_btf(self):
        if not BTF.exists():
            return self.refuses(SPAWNLAT, text="CONFIG_DEBUG_INFO_BTF")
        if os.geteuid():
            self.skipTest("hiding the kernel's BTF needs root")
        script = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'
        self.refuses("unshare", "-m", "sh", "-c", script, "sh", SPAWNLAT,
                     text="CONFIG_DEBUG_INFO_BTF")

    def test_no_privileges(self):
        if not BTF.exists():
            self.skipTest("this kernel has no BTF")
        # The directories above the program may be closed to others.
        program = self.top / "spawnlat"
        program.write_bytes(SPAWNLAT.read_bytes())
        program.chmod(0o755)
        drop = ("import os, sys\n"
                f"os.geteuid() or (os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY}))\n"
                "os.execv(sys.argv[1], sys.argv[1:])\n")
        self.refuses("/usr/bin/python3", "-c", drop, program, text="run it as root")

    def test_bad_input_is_named(self):
        for options, name in ((("--by", "colour"), "colour"), (("--buffer", "5"), "5"),
                              (("--comm", "x" * 16), "--comm"), (("--no-such",), "--no-such"),
                              (("-p", "1"), "pid"), (("--top", "--json"), "--json")):
            with self.subTest(options):
                result = self.spawnlat(*options, "--", "true", status=OWN_FAILURE)
                self.assertIn(name, result.stderr)

    @unittest.skipIf(reason_not_to_run(), reason_not_to_run())
    def test_what_cannot_be_written_or_found_is_named(self):
        for options, name in ((("--trace", "/no/such/file"), "/no/such/file"),
                              (("--entry", "/no/such/program"), "/no/such/program"),
                              (("--entry", self.garbage), str(self.garbage)),
                              (("--trace", "/dev/full"), "/dev/full"),
                              (("-o", "/dev/full"), "/dev/full")):
            with self.subTest(options):
                result = self.spawnlat(*options, "--", "true", status=OWN_FAILURE)
                self.assertIn(name, result.stderr)
