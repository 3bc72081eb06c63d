# SPDX-License-Identifier: MIT
"""A worker of the mix of tools that makes its calls by subprocess.run: see agent.cpp.

Its argument has the tools and how many calls are in flight; each message on the socket that is its
standard input asks for all calls once, and is answered by what went wrong, or by nothing.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading

ANSWER_SIZE = 240


def make_calls(work, first, failures):
    """What one thread does, which has one call in flight."""
    try:
        for number in range(first, work["count"], work["in_flight"]):
            subprocess.run(work["tools"][number % len(work["tools"])], cwd=work["directory"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        failures.append(str(error))


def leave_interrupts_to_the_benchmark():
    """It ends this process as well. Where they are not ignored, the programs get them as usual."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def main():
    work = json.loads(sys.argv[1])
    leave_interrupts_to_the_benchmark()
    requests = socket.socket(fileno=os.dup(0))
    os.dup2(1, 0)
    # The listing's own descriptor is one of them.
    kept = [os.dup(1) for _ in range(work["fds"] - len(os.listdir("/proc/self/fd")) + 1)]
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
