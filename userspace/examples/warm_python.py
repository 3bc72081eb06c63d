#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A script that is started warm with its modules imported: TemplateOptions::ready_args is its path.

Started in another way, it does the same, only later.
"""

import argparse
import ctypes
import gc
import json
import os
import re
import subprocess
import sys
import urllib.request


def ready():
    """spawntpl_ready() of <spawntpl/ready.h>, and what it asks of the runtime of a language."""
    python = ctypes.PyDLL(None)  # holds the interpreter's lock meanwhile
    if not hasattr(python, "spawntpl_warm_ready_1"):
        return
    files = [module.__file__ for module in list(sys.modules.values())
             if getattr(module, "__file__", None)] + [os.path.abspath(__file__)]
    names = (ctypes.c_char_p * (len(files) + 1))(*map(os.fsencode, files), None)
    count = ctypes.c_int()
    args, env = ctypes.POINTER(ctypes.c_char_p)(), ctypes.POINTER(ctypes.c_char_p)()
    # What is there by now stays: looking at it again would make each child a copy of its memory.
    gc.collect()
    gc.freeze()
    python.PyOS_BeforeFork()
    is_child = python.spawntpl_warm_ready_1(names, ctypes.byref(count), ctypes.byref(args),
                                            ctypes.byref(env))
    python.PyOS_AfterFork_Child() if is_child else python.PyOS_AfterFork_Parent()
    if not is_child:
        return
    sys.argv = [os.fsdecode(args[i]) for i in range(1, count.value)]
    entries = []
    while env[len(entries)] is not None:
        entries.append(env[len(entries)].partition(b"="))
    os.environb.clear()
    os.environb.update({name: value for name, _, value in entries})
    sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())


ready()
parser = argparse.ArgumentParser()
parser.add_argument("words", nargs="*")
print(json.dumps({"words": parser.parse_args().words, "lang": os.environ.get("LANG")}))
