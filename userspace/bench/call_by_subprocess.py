# SPDX-License-Identifier: MIT
"""A worker of the mix of tools that makes its calls by subprocess.run: see agent.cpp.

Its argument has the tools and how many calls are in flight; each message on the socket that is its
standard input asks for all calls once, and is answered by what went wrong, or by nothing.
"""

import os
import subprocess
import sys
import threading

# An isolated interpreter does not look beside the script.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from asked_by_benchmark import begin, open_descriptors  # noqa: E402

ANSWER_SIZE = 240


def make_calls(work, first, failures):
    """What one thread does, which has one call in flight."""
    try:
        for number in range(first, work["count"], work["in_flight"]):
            subprocess.run(work["tools"][number % len(work["tools"])], cwd=work["directory"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        failures.append(str(error))


def main():
    work, requests = begin()
    kept = open_descriptors(work["fds"])
    requests.send(bytes(ANSWER_SIZE))
    while requests.recv(8):
        failures = []
        threads = [threading.Thread(target=make_calls, args=(work, first, failures))
                   for first in range(work["in_flight"])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        text = failures[0].encode()[:ANSWER_SIZE - 1] if failures else b""
        requests.send(text.ljust(ANSWER_SIZE, b"\0"))
    del kept


main()
