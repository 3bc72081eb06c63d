# SPDX-License-Identifier: MIT
"""Completion in the shells offers what the command has."""

import os
import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPLETIONS = ROOT / "userspace/completions"
BIN = ROOT / "build/bin"

# Each completes its arguments, the last of which is the word under the cursor.
BASH = f"""
source {COMPLETIONS}/spawntpl.bash
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_spawntpl
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
# The functions that show what was found need an editor; what they are given is what is tested.
ZSH = f"""
_describe() {{ print -rl -- "${{(@P)2}}" }}
_arguments() {{ print -rl -- "$@" }}
fpath=({COMPLETIONS} $fpath)
autoload -Uz _spawntpl
words=("$@") CURRENT=$#
_spawntpl
"""


def run(*command):
    result = subprocess.run(command, text=True, check=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"})
    return result.stdout.split("\n")[:-1]


def help_of(*subcommand):
    return "\n".join(run("spawntpl", *subcommand, "--help"))


def options(*subcommand):
    return set(re.findall(r"^  (?:-\w,)?(--[\w-]+)", help_of(*subcommand), flags=re.MULTILINE))


def subcommands():
    return set(re.findall(r"^  (\w+) ", help_of().split("Subcommands:")[1], flags=re.MULTILINE))


def backends():
    return {line.split()[0] for line in run("spawntpl", "info") if line.startswith("  ")}


class Bash(unittest.TestCase):
    def complete(self, *words):
        return set(run("bash", "--norc", "-c", BASH, "bash", "spawntpl", *words))

    def test_subcommands(self):
        self.assertEqual(self.complete(""), subcommands() | options())
        self.assertEqual(self.complete("inf"), {"info"})

    def test_options(self):
        for subcommand in subcommands():
            self.assertEqual(self.complete(subcommand, "--"), options(subcommand))
        self.assertEqual(self.complete("bench", "--quick", "--jso"), {"--json"})

    def test_values(self):
        self.assertEqual(self.complete("run", "--backend", ""), backends())
        self.assertEqual(self.complete("bench", "--unit", ""), {"ns", "instructions"})
        self.assertEqual(self.complete("run", "--cwd", "/us"), {"/usr"})
        self.assertEqual(self.complete("bench", "--n", ""), {""})

    def test_program_and_its_arguments(self):
        for before in ((), ("--",), ("--repeat", "3")):
            self.assertEqual(self.complete("run", *before, "basenam"), {"basename"})
        self.assertEqual(self.complete("run", "cat", "/etc/hostnam"), {"/etc/hostname"})
        self.assertEqual(self.complete("run", "cat", "--cw"), {""})


class Zsh(unittest.TestCase):
    def complete(self, *words):
        return run("zsh", "-f", "-c", ZSH, "zsh", "spawntpl", *words)

    def test_subcommands(self):
        found = {line.split(":")[0] for line in self.complete("") if not line.startswith("-")}
        self.assertEqual(found, subcommands())

    def test_options(self):
        for subcommand in subcommands():
            found = {match[1] for line in self.complete(subcommand, "--")
                     if (match := re.match(r"\*(--[\w-]+)\[", line))}
            self.assertEqual(found, options(subcommand))

    def test_values(self):
        values = {match[1]: set(match[2].split()) for line in self.complete("run", "--backend", "")
                  if (match := re.match(r"\*(--[\w-]+)\[.*:\((.*)\)$", line))}
        self.assertEqual(values, {"--backend": backends()})


if __name__ == "__main__":
    unittest.main()
