# SPDX-License-Identifier: MIT
"""A Python program that starts others: what a parent of the given shape pays for subprocess.Popen.

Its argument describes parent and program; each message on the socket that is its standard input asks
for one start and is answered by its times. See other_parents.cpp.
"""

import mmap
import os
import resource
import struct
import subprocess
import sys
import threading
import time

# An isolated interpreter does not look beside the script.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from asked_by_benchmark import begin, open_descriptors  # noqa: E402

ANSWER = struct.Struct("qqii240s")


def become(parent):
    """Makes this process such a parent; returns what has to be kept."""
    path = os.environ.get("PATH", "/usr/bin:/bin")
    names = {"PATH": path, "HOME": "/", "LC_ALL": "C"}
    for number in range(3, parent["env"]):
        name = f"SPAWNTPL_VARIABLE_{number}="
        names[name[:-1]] = (name.ljust(40, "x"))[len(name):]
    for name in set(os.environ) - set(names):
        del os.environ[name]
    os.environ.update(names)

    kept = []
    if parent["rss_mib"]:
        memory = mmap.mmap(-1, parent["rss_mib"] << 20, flags=mmap.MAP_PRIVATE)
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        for offset in range(0, len(memory), mmap.PAGESIZE):
            memory[offset] = 1
        kept.append(memory)
    for number in range(parent["mappings"]):
        rights = mmap.PROT_READ | (mmap.PROT_WRITE if number % 2 else 0)
        kept.append(mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE, prot=rights))
    hard = max(resource.getrlimit(resource.RLIMIT_NOFILE)[1], parent["fds"] + 64)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    kept += open_descriptors(parent["fds"])
    for _ in range(parent["threads"] - 1):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    return kept


def start(parent):
    argv = parent["argv"]
    program = parent["name"] or argv[0]
    begin = time.monotonic_ns()
    env = {**os.environ, "HOME": "/changed"} if parent["change"] else None
    child = subprocess.Popen(argv, executable=program, env=env)
    returned = time.monotonic_ns()
    code = child.wait()
    ended = time.monotonic_ns()
    killed_by = -code if code < 0 else -1
    return ANSWER.pack(returned - begin, ended - begin, max(code, -1), killed_by, b"")


def main():
    parent, requests = begin()
    try:
        kept = become(parent)
        requests.send(ANSWER.pack(0, 0, 0, -1, b""))
        while requests.recv(8):
            requests.send(start(parent))
        del kept
    # A parent that is too large for this system is refused by any of them.
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        text = str(error) or type(error).__name__
        requests.send(ANSWER.pack(0, 0, -1, -1, text.encode()[:239]))


main()
