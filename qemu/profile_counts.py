# SPDX-License-Identifier: MIT
"""Makes functions of the addresses that profile_plugin.c has counted."""

import bisect
import collections
import json

# Where the kernel's half of the address space begins, and shared libraries are.
KERNEL = 1 << 63
LIBRARIES = 0x7F00_0000_0000


def read_symbols(system_map):
    """Addresses and names of the kernel's code, in the order of the addresses."""
    symbols = {}
    for line in system_map.read_text().splitlines():
        address, kind, name = line.split()
        if kind in "tTwW":
            # Of several names of one function the first is as good as any.
            symbols.setdefault(int(address, 16), name)
    addresses = sorted(symbols)
    return addresses, [symbols[address] for address in addresses]


def place(address, addresses, names):
    if address >= KERNEL:
        index = bisect.bisect_right(addresses, address) - 1
        return "kernel", names[index] if index >= 0 else "(unknown)"
    return "user", "(libraries)" if address >= LIBRARIES else "(program)"


def by_mark(lines, addresses, names):
    """For each mark how many instructions in the kernel and in user space, and the functions."""
    marks = {}
    for line in lines:
        mark, address, count = line.split()
        entry = marks.setdefault(mark, {"kernel": 0, "user": 0,
                                        "functions": collections.Counter()})
        side, name = place(int(address, 16), addresses, names)
        entry[side] += int(count)
        entry["functions"][name] += int(count)
    for entry in marks.values():
        entry["functions"] = dict(entry["functions"].most_common())
    return marks


def write(path, counts, kernel):
    addresses, names = read_symbols(kernel.parent / "System.map")
    marks = by_mark(counts.read_text().splitlines(), addresses, names)
    path.write_text(json.dumps(marks, indent=1) + "\n")
    counts.unlink()
