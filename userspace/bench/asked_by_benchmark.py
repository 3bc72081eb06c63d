# SPDX-License-Identifier: MIT
"""What the Python processes of the benchmark have in common: see execute_python() in python_process.cpp."""

import json
import os
import signal
import socket
import sys


def begin():
    """What the benchmark asks for, and the socket that it sends its messages to."""
    leave_interrupts_to_the_benchmark()
    requests = socket.socket(fileno=os.dup(0))
    os.dup2(1, 0)
    return json.loads(sys.argv[1]), requests


def leave_interrupts_to_the_benchmark():
    """It ends this process as well. Where they are not ignored, the programs get them as usual."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def open_descriptors(count):
    """As many more as make so many of all."""
    # The listing's own descriptor is one of them.
    return [os.dup(1) for _ in range(count - len(os.listdir("/proc/self/fd")) + 1)]
