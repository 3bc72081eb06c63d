# SPDX-License-Identifier: MIT
"""The demonstration: a tool that does not do the same every time must not pass unnoticed."""

import importlib.machinery
import importlib.util
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def load_demo():
    loader = importlib.machinery.SourceFileLoader("demo", str(ROOT / "tests/demo"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("demo", loader))
    loader.exec_module(module)
    return module


class DemoTest(unittest.TestCase):
    def run_with_tool(self, script):
        with tempfile.TemporaryDirectory(prefix="spawntpl-test.") as directory:
            tool = Path(directory) / "true"
            tool.write_text(f"#!/bin/sh\n{script}\n")
            tool.chmod(0o755)
            return subprocess.run([ROOT / "build/bin/spawntpl-demo", "ns"], capture_output=True,
                                  text=True, env=dict(os.environ, PATH=directory))

    def test_another_output_is_noticed(self):
        result = self.run_with_tool("echo $$")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("true: DIFFERENT through a template", result.stderr)

    def test_another_status_is_noticed(self):
        result = self.run_with_tool("if [ -e $0.ran ]; then exit 1; else echo >$0.ran; fi")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("true: DIFFERENT through a template: exit status is 1", result.stderr)


class CompareTest(unittest.TestCase):
    def setUp(self):
        self.demo = load_demo()
        row = {"tool": "sed", "method": "template", "status": "exit status is 0", "output": "x"}
        self.rows = {self.demo.HERE: [dict(row, backend="posix_spawn")],
                     self.demo.THERE: [dict(row, backend="kernel")]}

    def test_the_same_in_both_places_is_right(self):
        self.demo.check(self.rows)

    def test_another_output_in_the_machine_is_noticed(self):
        self.rows[self.demo.THERE][0]["output"] = "y"
        with self.assertRaisesRegex(self.demo.DemoError, "sed: DIFFERENT"):
            self.demo.check(self.rows)

    def test_the_patched_kernel_must_serve(self):
        for method, backend in (("template", "posix_spawn"), ("warm template", "warm")):
            with self.subTest(method):
                self.rows[self.demo.THERE][0] |= {"method": method, "backend": backend}
                with self.assertRaisesRegex(self.demo.DemoError, "did not start it"):
                    self.demo.check(self.rows)

    def test_what_is_warm_here_must_be_so_there(self):
        refused = {"tool": "sed", "method": "warm template", "refused": "no memory"}
        self.rows[self.demo.THERE] = [refused]
        with self.assertRaisesRegex(self.demo.DemoError, "sed: not on the patched kernel: no mem"):
            self.demo.check(self.rows)
        self.rows[self.demo.HERE] = [refused]
        self.demo.check(self.rows)
