# SPDX-License-Identifier: MIT
"""Where things are, and how the kernel scripts run other programs."""

import os
import subprocess
import sys
from pathlib import Path

KERNEL_PATCH = Path(__file__).resolve().parent.parent
ROOT = KERNEL_PATCH.parent
BUILD = ROOT / "build"
KERNEL_BUILD = BUILD / "kernel"
CACHE = Path(os.environ.get("SPAWNTPL_CACHE") or Path.home() / ".cache/spawntpl").absolute()


class Failure(Exception):
    """Something a person has to look at; the message says what."""


def say(text):
    print(f"kernel: {text}", file=sys.stderr, flush=True)


def environment(**more):
    """The environment without what an outer make or git left in it."""
    clean = {name: value for name, value in os.environ.items()
             if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
             and not name.startswith("GIT_")}
    return {**clean, "LC_ALL": "C", **more}


def output(*command, cwd=None, check=True, **more):
    """What a command prints; its own words are the message when it fails."""
    result = subprocess.run([str(word) for word in command], cwd=cwd, text=True,
                            errors="surrogateescape", capture_output=True,
                            env=environment(**more))
    if check and result.returncode:
        raise Failure(f"{' '.join(map(str, command))} failed:\n{result.stdout}{result.stderr}")
    return result.stdout


def base_package():
    """Name and pinned version of the package that has the source."""
    for line in (KERNEL_PATCH / "base").read_text().splitlines():
        words = line.split("#")[0].split()
        if len(words) == 2:
            return words
    raise Failure("kernel-patch/base names no 'PACKAGE VERSION'")


def base_version():
    """The version that is installed, else the pinned one."""
    package, pinned = base_package()
    found = output("dpkg-query", "-W", "-f", "${Version}", package, check=False).strip()
    return found or pinned
