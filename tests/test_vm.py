# SPDX-License-Identifier: MIT
"""The virtual machine harness: what comes back from the guest, and what must not pass silently."""

import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

QEMU = Path(__file__).resolve().parent.parent / "qemu"
sys.path.insert(0, str(QEMU))

import machine  # noqa: E402
from kernel_reports import find_reports  # noqa: E402

VM = QEMU / "vm"
TIME_LIMIT = 124
KERNEL_REPORT = 125


def run(*command, options=()):
    return subprocess.run([VM, "run", "--quiet", *options, "--", *command],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)


class VmTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="spawntpl-test.")
        self.addCleanup(directory.cleanup)
        self.top = Path(directory.name)

    def test_output_arguments_and_status_pass(self):
        result = run("sh", "-c", 'printf "<%s>" "$@"; echo oops >&2; exit 7', "sh", "a b", "", "'$x'")
        self.assertEqual(result.stdout, "<a b><><'$x'>")
        self.assertEqual(result.stderr, "oops\n")
        self.assertEqual(result.returncode, 7)

    def test_large_output_is_complete(self):
        result = run("sh", "-c", "seq 1 200000")
        self.assertEqual(result.stdout, "".join(f"{n}\n" for n in range(1, 200001)))

    def test_a_signal_is_128_and_its_number(self):
        self.assertEqual(run("sh", "-c", "kill -SEGV $$").returncode, 128 + 11)

    def test_a_missing_command_is_127(self):
        result = run("no-such-command")
        self.assertEqual(result.returncode, 127)
        self.assertIn("no-such-command", result.stderr)

    def test_a_file_comes_back(self):
        target = self.top / "new/file"
        result = run("sh", "-c", "printf 'a\\0b' >'/tmp/x y'; exit 3",
                     options=["--get", f"/tmp/x y={target}"])
        self.assertEqual(result.returncode, 3)
        self.assertEqual(target.read_bytes(), b"a\0b")

    def test_a_place_that_cannot_be_written_is_noticed_before_the_machine_starts(self):
        result = run("echo", "started", options=["--get", "/tmp/x=/proc/none/file"])
        self.assertEqual((result.returncode, result.stdout), (KERNEL_REPORT, ""))
        self.assertIn("/proc/none", result.stderr)

    def test_a_missing_file_is_an_error(self):
        result = run("true", options=["--get", f"/tmp/none={self.top}/none"])
        self.assertEqual(result.returncode, KERNEL_REPORT)
        self.assertIn("/tmp/none", result.stderr)

    def test_what_the_command_leaves_running_is_ended(self):
        result = run("sh", "-c", "sleep 100000 & echo started")
        self.assertEqual((result.returncode, result.stdout), (0, "started\n"))

    def test_the_time_limit_ends_the_machine(self):
        result = run("sleep", "100000", options=["--time-limit", "8"])
        self.assertEqual(result.returncode, TIME_LIMIT)
        self.assertIn("time limit of 8 s", result.stderr)

    def test_the_time_limit_holds_while_the_guest_prints(self):
        result = run("sh", "-c", "while :; do echo more; usleep 1000; done",
                     options=["--time-limit", "8"])
        self.assertEqual(result.returncode, TIME_LIMIT)

    def test_the_time_limit_hides_no_report(self):
        result = run("sh", "-c", "echo '<4>BUG: a test' >/dev/kmsg; sleep 100000",
                     options=["--time-limit", "8"])
        self.assertEqual(result.returncode, TIME_LIMIT)
        self.assertIn("BUG: a test", result.stderr)

    def test_root_is_ext4_and_forgets(self):
        for _ in range(2):
            result = run("sh", "-c", "grep -c ' / ext4 rw' /proc/mounts; ls /tmp; touch /tmp/kept")
            self.assertEqual((result.returncode, result.stdout), (0, "1\n"), result.stderr)

    def test_counting_instructions_is_reproducible(self):
        script = ("import time\n"
                  "for _ in range(3):\n"
                  "    t = [time.monotonic_ns() for _ in range(30)]\n"
                  "print([b - a for a, b in zip(t, t[1:])])")
        command = ("env", "PYTHONHASHSEED=0", "python3", "-c", script)
        counts = [run(*command, options=["--icount"]).stdout for _ in range(2)]
        self.assertEqual(counts[0], counts[1])
        self.assertIn(", ", counts[0])

    def test_a_panic_is_reported(self):
        result = run("sh", "-c", "echo c >/proc/sysrq-trigger")
        self.assertEqual(result.returncode, KERNEL_REPORT)
        self.assertIn("sysrq triggered crash", result.stderr)

    def test_a_kernel_warning_fails_a_command_that_succeeds(self):
        for line in ("WARNING: CPU: 0 PID: 1 at fs/exec.c:1", "BUG: Bad rss-counter state mm:1",
                     "BUG: KASAN: use-after-free in x", "INFO: task sh:1 blocked for more than 9 s"):
            with self.subTest(line):
                result = run("sh", "-c", f"echo '<4>{line}' >/dev/kmsg")
                self.assertEqual(result.returncode, KERNEL_REPORT)
                self.assertIn(line, result.stderr)

    def test_a_missing_kernel_is_named(self):
        result = run("true", options=["--kernel", f"{self.top}/vmlinux"])
        self.assertEqual(result.returncode, KERNEL_REPORT)
        self.assertIn(f"{self.top}/vmlinux", result.stderr)

    def test_a_wrong_acceleration_is_named(self):
        os.environ["ACCEL"] = "warp"
        self.addCleanup(os.environ.pop, "ACCEL")
        self.assertIn("ACCEL=warp", run("true").stderr)


class ReadResultTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="spawntpl-test.")
        self.addCleanup(directory.cleanup)
        self.top = Path(directory.name)
        self.result = self.top / "result"
        for name, text in (("status", "0\n"), ("file", "x" * 20000), ("end", "")):
            (self.top / name).write_text(text)

    def read(self, *names):
        with tarfile.open(self.result, "w") as tar:
            for name in names:
                tar.add(self.top / name, name)
        return machine.read_result(self.result, self.top / "console")

    def test_complete(self):
        result = self.read("status", "file", "end")
        self.assertEqual((result.status, len(result.files["/file"])), (0, 20000))

    def test_without_an_end(self):
        with self.assertRaises(machine.MachineError):
            self.read("status", "file")

    def test_cut_off_anywhere(self):
        self.read("status", "file", "end")
        whole = self.result.read_bytes()
        for size in range(0, 20000, 500):
            self.result.write_bytes(whole[:size])
            with self.subTest(size), self.assertRaises(machine.MachineError):
                machine.read_result(self.result, self.top / "console")


class ReportTest(unittest.TestCase):
    def test_found(self):
        for line in ("BUG kmalloc-64 (Not tainted): Poison overwritten", "kernel BUG at mm/slub.c:1!",
                     "traps: PANIC: double fault, error_code: 0x0",
                     "kmemleak: Kernel memory leak detector disabled",
                     "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)"):
            with self.subTest(line):
                self.assertEqual(find_reports(f"[    1.000000] {line}\n"),
                                 [f"[    1.000000] {line}"])

    def test_ordinary_lines(self):
        for line in ("Spectre: hardware BUGs are mitigated", "CONFIG_DEBUG_BUG_ON=y",
                     "traps: a b[12] trap invalid opcode ip:401000 sp:7ffc error:0 in a[1000]",
                     "traps: a[12] general protection fault ip:401000 sp:7ffc error:0"):
            with self.subTest(line):
                self.assertEqual(find_reports(f"[    1.000000] {line}\n"), [])
