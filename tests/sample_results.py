# SPDX-License-Identifier: MIT
"""Made-up results of benchmarks, as small as what is said of them allows."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "userspace/bench/evidence"))

import parts  # noqa: E402

UNITS = {"native": "ns", "vm": "instructions"}


def row(machine, question, method, p50, program="nolibc", variant=None, parent=None, **more):
    shape = {"fds": 10, "rss_mib": 0, "env": 20, "threads": 1, "extra_mappings": 0, "mappings": 40}
    return {"question": question, "program": program, "variant": variant, "method": method,
            "backend": None, "parent": {**shape, **(parent or {})}, "unit": UNITS[machine],
            "pinned": False, "n": 20, "p50": p50, "p99": 2 * p50, "mean": p50, "return_p50": p50 // 2,
            "per_second": 1e9 / p50, "ratio": {}, **more}


def interval(value, low, high):
    return {"value": value, "low": low, "high": high}


def native_results():
    rows = [row("native", "rss", method, cost, parent={"rss_mib": size})
            for method, costs in (("fork", (200_000, 4_000_000)), ("posix_spawn", (100_000, 100_000)),
                                  ("clone3", (80_000, 80_000)))
            for size, cost in zip((0, 100), costs, strict=True)]
    rows += [row("native", "agent", method, cost, program="tools", variant="1x16", calls=6144,
                 ratio={"posix_spawn": {"value": cost / 1_000_000, "low": low, "high": high}})
             for method, cost, low, high in (("posix_spawn", 1_000_000, 1, 1), ("clone3", 800_000, 0.75, 0.85),
                                             ("warm", 1_050_000, 0.9, 1.2))]
    rows += [row("native", "starts", method, cost, starts=25_000, in_a_row=50,
                 ratio={"posix_spawn": interval(cost / 100_000, cost / 110_000, cost / 90_000)})
             for method, cost in (("vfork", 50_000), ("posix_spawn", 100_000), ("exec-loop", 25_000))]
    rows += [row("native", "start", method, cost, program=program, return_p50=returned, mean=mean,
                 ratio={"posix_spawn": interval(1, low, high)},
                 return_ratio={"posix_spawn": interval(returned / 100_000, 2.5, 3.5)})
             for program, method, cost, mean, low, high, returned in (
                 ("true", "posix_spawn", 500_000, 500_000, 1, 1, 100_000),
                 ("true", "warm", 250_000, 400_000, 0.45, 0.55, 300_000),
                 ("git", "posix_spawn", 500_000, 500_000, 1, 1, 100_000),
                 ("git", "warm", 300_000, 310_000, 0.5, 0.7, 300_000),
                 ("git", "clone3", 480_000, 500_000, 0.9, 1.02, 50_000),
                 ("python3", "posix_spawn", 9_000_000, 9_000_000, 1, 1, 100_000),
                 ("python3", "warm", 8_000_000, 9_000_000, 0.8, 1.1, 400_000))]
    rows += [row("native", "start", method, cost, program="true", pinned=True,
                 ratio={"posix_spawn": interval(1, 0.6, 0.9)})
             for method, cost in (("posix_spawn", 500_000), ("warm", 400_000))]
    rows += [row("native", "threads", method, cost, parent={"threads": threads}, p50_low=cost * 0.8, p50_high=cost * 1.2)
             for method, costs in (("fork", (200_000, 400_000)), ("vfork", (100_000, 125_000)))
             for threads, cost in zip((1, 64), costs, strict=True)]
    rows += [row("native", "env", "clone3", cost, variant=variant, parent={"env": 1000}, p50_low=cost * 0.9,
                 p50_high=cost * 1.1)
             for variant, cost in ((None, 300_000), ("prepared", 290_000))]
    rows += [row("native", "path", method, 100_000, variant=variant, path_entries=entries, hit=hit,
                 ratio={"posix_spawn": interval(1, low, 0.9)})
             for method, cost in (("posix_spawn", 100_000), ("clone3", 80_000))
             for variant, entries, hit, low in (("absolute path", None, None, 0.7), ("name", 50, "last", 0.6))]
    rows += [row("native", "rss", "fork-thp", cost, parent={"rss_mib": size})
             for size, cost in ((10, 220_000), (100, 300_000))]
    rows += [row("native", "fds", method, cost, pinned=pinned,
                 ratio={"safe-clone3": interval(cost / 100_000, cost / 100_000 - 0.2, cost / 100_000 + 0.2)})
             for pinned, costs in ((False, (150_000, 100_000, 90_000)), (True, (110_000, 100_000, 90_000)))
             for method, cost in zip(("clone3", "safe-clone3", "vfork"), costs, strict=True)]
    rows += [row("native", "template", "create clone3", 3_000, backend="clone3", heap_bytes=805.0,
                 kernel_slab_bytes=None, fds=0.0, break_even_posix_spawn=1.0, break_even_vfork=None),
             row("native", "template", "create kernel", 5_000, backend="kernel", heap_bytes=900.0,
                 kernel_slab_bytes=640.0, fds=1.0, break_even_vfork=7.0),
             *(row("native", "template", method, 100_000, program="true", cpu_ns=cost)
               for method, cost in (("posix_spawn", 500_000.0), ("warm", 450_000.0))),
             row("native", "template", "create warm", 4_000_000, program="true", backend="warm", processes=2,
                 process_bytes=900 * 1024, break_even_posix_spawn=None)]
    stages = [{"program": "true", "method": "vfork", "n": 10,
               "stages": {name: {"avg_ns": 1000} for name in ("create", "exec", "link")}}]
    environment = {"kernel": "6.x", "governor": None, "cpus": 2, "busy_part": 0.02,
                   "calibration": {"instructions": 2_000_000, "ticks": 271_000}}
    measured = [{"name": "native-start", "environment": {}},
                {"name": "native-fds", "environment": {
                    "busy_part": 0.4, "calibration": {"instructions": 2_000_000, "ticks": 541_000}}}]
    return {"schema": 1, "environment": environment, "results": rows, "stages": stages, "parts": measured,
            "skipped": [{"what": "kvm", "why": "no such thing"}],
            "not_measured": [{**row("native", "start", "kernel", 1), "unavailable": True,
                              "reason": "not this kernel"}]}


def vm_results():
    costs = {"posix_spawn": (153_000, 1_653_000), "vfork": (93_000, 1_595_000),
             "raw-clone3": (96_000, 1_595_000), "safe-clone3": (101_000, 101_000), "kernel": (93_000, 93_000),
             "raw-kernel": (93_000, 93_000), "raw-kernel-nowait": (89_000, 90_000)}
    rows = [row("vm", "fds", method, cost, parent={"fds": fds}, repeatable=method != "vfork")
            for method, both in costs.items() for fds, cost in zip((10, 10_000), both, strict=True)]
    rows += [row("vm", "start", method, cost, program="true", return_p50=returned)
             for method, cost, returned in (("vfork", 620_000, 90_000), ("kernel", 625_000, 120_000),
                                            ("raw-kernel", 620_000, 117_000))]
    rows += [row("vm", "mappings", method, cost, parent={"extra_mappings": count})
             for method, costs in (("vfork", (100_000, 103_000)), ("raw-kernel", (93_000, 92_000)))
             for count, cost in zip((0, 200), costs, strict=True)]
    rows += [row("vm", "env", "kernel", cost, variant=variant, parent={"env": 1000})
             for variant, cost in ((None, 600_000), ("changed", 605_000), ("prepared", 300_000))]
    rows += [row("vm", "start", "fork", 340_000, p50_of_other_boots=[341_700, 340_000]),
             row("vm", "start", "vfork", 95_000, p50_of_other_boots=[95_000, 95_000])]
    profile = [{"program": "nolibc", "method": "posix_spawn", "phase": phase, "kernel": 110_000,
                "user": 8_000, "functions": [{"name": "do_sigaction", "instructions": 8_000}]}
               for phase in ("start", "after")]
    return {"schema": 1, "environment": {"kernel": "6.12", "libc": "glibc 2.36"}, "results": rows, "profile": profile,
            "images": list(parts.settle_images("hello, in C", [images_of_a_boot(off) for off in (0, 50, 150)]))}


def images_of_a_boot(off):
    """As the machine says it: copies are as far off in one boot, one kind's call in its own run."""
    def kind(start, count, call, bound=False):
        return {"start": start, "bound": bound, "n": 20, "p50": count, "return_p50": call, "repeatable": True,
                "return_repeatable": (start, bound) != ("recycled", True)}

    return [kind("posix_spawn", 650_000, 150_000), kind("recycled", 70_000, 30_000),
            kind("recycled", 35_000, 15_000, True), kind("copied", 280_000 + 4 * off, 120_000),
            kind("copied", 140_000 + off // 10, 60_000, True)]
