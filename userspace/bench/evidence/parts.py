# SPDX-License-Identifier: MIT
"""What is measured for the evidence: each part is one call of a program, here or in the machine."""

import hashlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import amounts

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "kernel-patch/scripts"))

import series  # noqa: E402

BENCH = ROOT / "build/bin/spawntpl"
PAYLOADS = sorted((ROOT / "build/bin/payloads").glob("*"))
VM = ROOT / "qemu/vm"
TOOLS_NEEDED = ("gnuplot", "qemu-system-x86_64")
GUEST_BENCH = "/spawntpl/bin/spawntpl"

# What the benchmark ends with when something could not be measured.
NOT_ALL_MEASURED = 1

# Of the functions of a phase those that make up most of it.
TOP_FUNCTIONS = 12
# A count that another boot does not confirm so closely is marked.
REPEATABLE = 0.001
OTHER_BOOTS = 2

# What the benchmark puts into its environment as it is told.
SAID_BY_CALLER = ("SPAWNTPL_COMMIT", "SPAWNTPL_SERIES")

# For all calls of the benchmark: --quick, to try this out.
more_words = []

RAW = ("raw-kernel", "raw-kernel-nowait")
COMPARED = ("fork", "vfork", "raw-clone3", "safe-clone3", "posix_spawn", "pidfd_spawn", "helper",
            "lib-posix_spawn", "clone3", "warm", "kernel-warm", "kernel", "kernel-nowait")
# What is kept of a program that has begun; a static one has nothing that a process could keep.
KEPT = tuple(method for method in COMPARED if method in amounts.KEPT)
STATIC = tuple(method for method in COMPARED if method != "warm")
SMALL = ("nolibc", "hello-static", "hello", "true")
TOOLS = ("sed", "grep", "awk", "git", "bash")
# Others are these with something added: kernel-nowait is kernel without the wait, raw-* without the library.
PROFILED = ("fork", "vfork", "safe-clone3", "posix_spawn", "clone3", *KEPT, "kernel")
# What the cover letter and README.md show.
SHOWN = ("posix_spawn", "vfork", "raw-clone3", "safe-clone3", "clone3", "kernel", *RAW)


# What the warm series' letter shows: the name there, and the command.
IMAGES = {"hello, in C": "/spawntpl/bin/payloads/hello", "ls": "/bin/ls /etc", "sed --version": "/bin/sed --version",
          "grep -c": "/bin/grep -c a /etc/passwd", "git --version": "/usr/bin/git --version",
          "bash -c true": "/bin/bash -c true", "python3 --version": "/usr/bin/python3 --version"}
GUEST_WARM_COST = "/spawntpl/bin/payloads/warm_cost"
IMAGE_STARTS = 20


class PartError(Exception):
    pass


@dataclass
class Part:
    name: str
    machine: str
    measure: Callable[[Path], None]


def series_hash():
    """Of what makes the kernel: cover letters do not, and one gets its figures from here."""
    return hashlib.sha256(b"".join(series.read_series(series.SERIES).values())).hexdigest()[:16]


def commit():
    """Of the sources, or None where they are no repository."""
    found = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"],
                           capture_output=True, text=True)
    return found.stdout.strip() or None


def made_with(machine):
    """What the benchmark cannot know: the configuration of a kernel, and what ran or drew it."""
    tools = {"gnuplot": ["gnuplot", "--version"]}
    if machine == "native":
        return {"tools": versions(tools)}
    configuration = (ROOT / "kernel-patch/config/base.config").read_bytes()
    return {"kernel_config": hashlib.sha256(configuration).hexdigest()[:16],
            "tools": versions({"qemu": ["qemu-system-x86_64", "--version"], **tools})}


def check_tools(names):
    """Before anything is measured, which takes long."""
    missing = [name for name in names if not shutil.which(name)]
    if missing:
        raise PartError(f"not installed: {', '.join(missing)}")


def versions(tools):
    """The first line of what each says, without its name."""
    said = {name: subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
            for name, command in tools.items()}
    return {name: re.search(r"\d.*", line)[0] for name, line in said.items()}


def run(command, target):
    """The program says itself what it could not measure; that is no reason to stop."""
    status = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL).returncode
    has_results = target.exists()
    if status not in (0, NOT_ALL_MEASURED) or not has_results:
        raise PartError(f"{' '.join(map(str, command))}: status {status}, "
                        f"{'' if has_results else 'no '}results")


def native(*words):
    return lambda target: run([BENCH, "bench", *words, *more_words, "--json", target], target)


def stages(target):
    """Needs rights and a kernel that not everybody has."""
    command = [BENCH, "bench", "--stages", *more_words, "--json", target]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)
    if result.returncode:
        why = result.stderr.strip().splitlines()[-1:] or [f"status {result.returncode}"]
        target.write_text(json.dumps({"results": [], "skipped": [{"what": "stages", "why": why[0]}]}))


def in_vm(target, machine_words, bench_words):
    """Once more if it fails: while a busy host reads the disk the guest's clock leaps, and its kernel
    may report a task that hangs."""
    try:
        run_in_vm(target, machine_words, bench_words)
    except PartError:
        target.unlink(missing_ok=True)
        run_in_vm(target, machine_words, bench_words)


def run_in_vm(target, machine_words, bench_words):
    run([VM, "run", "--quiet", "--time-limit", "900", *machine_words, "--get",
         f"/tmp/bench.json={target}", "--", "env",
         *(f"{name}={os.environ.get(name, '')}" for name in SAID_BY_CALLER), GUEST_BENCH, "bench",
         *bench_words, *more_words, "--json", "/tmp/bench.json"], target)


def counted(*words):
    return lambda target: in_vm(target, ["--icount"], ["--unit", "instructions", *words])


def methods(*names):
    return [word for name in names for word in ("--method", name)]


def programs(*names):
    return [word for name in names for word in ("--program", name)]


def repeated(*words):
    """The same once more, in other boots: kept apart, to be compared."""
    def measure(target):
        rows = []
        for _ in range(OTHER_BOOTS):
            target.unlink(missing_ok=True)
            counted(*words)(target)
            rows += json.loads(target.read_text())["results"]
        target.write_text(json.dumps({"results": [], "repeated": rows}))
    return measure


def profiled(target):
    with tempfile.TemporaryDirectory() as directory:
        counts = Path(directory, "profile.json")
        in_vm(target, ["--icount", "--profile", counts],
              ["start", "--unit", "instructions", *programs("nolibc", "true", "git"),
               *methods(*PROFILED)])
        marks = json.loads(counts.read_text())
    rows = json.loads(target.read_text())["results"]
    target.write_text(json.dumps({"results": [], "profile": [phase for row in rows for phase in phases(row, marks)]}))


def phases(row, marks):
    """Means of all its starts, with whatever fell into them: repeatable as far as the medians are the same."""
    medians = {"start": row["return_p50"], "after": row["p50"] - row["return_p50"]}
    return [{"program": row["program"], "method": row["method"], "phase": phase, "n": row["n"],
             **of_one_start(marks[str(row["mark"] + offset)], row["n"], median)}
            for offset, (phase, median) in enumerate(medians.items())]


def of_one_start(entry, starts, median):
    functions = list(entry["functions"].items())[:TOP_FUNCTIONS]
    mean = (entry["kernel"] + entry["user"]) / starts
    return {"kernel": entry["kernel"] / starts, "user": entry["user"] / starts, "repeatable": agree(mean, median),
            "functions": [{"name": name, "instructions": count / starts} for name, count in functions]}


def images(target):
    """Warm starts by the system calls alone: with the memory that another child left, and with a copy."""
    boots = [images_of_a_boot() for _ in range(1 if more_words else 1 + OTHER_BOOTS)]
    target.write_text(json.dumps({"results": [], "images": [row for program in IMAGES for row in settle_images(
        program, [boot[program] for boot in boots])]}))


def images_of_a_boot():
    """For each program a row of each kind of start, always in the same order."""
    script = "; ".join(f"{GUEST_WARM_COST} {2 if more_words else IMAGE_STARTS} {command}" for command in IMAGES.values())
    said = subprocess.run([VM, "run", "--quiet", "--icount", "--", "sh", "-ec", script],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if said.returncode:
        raise PartError(f"{GUEST_WARM_COST}: status {said.returncode}")
    return {program: json.loads(line) for program, line in zip(IMAGES, said.stdout.splitlines(), strict=True)}


def settle_images(program, boots):
    """As of other starts: of the most typical boot, repeatable where all boots and both halves of its run agree."""
    kinds = list(zip(*boots, strict=True))
    typical = most_typical(kinds)
    for rows in kinds:
        chosen = rows[typical]
        others = [row for boot, row in enumerate(rows) if boot != typical]
        agreed = {mark: chosen[mark] and all(agree(other[what], chosen[what]) for other in others)
                  for mark, what in (("repeatable", "p50"), ("return_repeatable", "return_p50"))}
        yield {"program": program, **chosen, **agreed, "p50_of_other_boots": [other["p50"] for other in others]}


def kvm(target):
    found = subprocess.run([VM, "probe"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if found.stdout.strip() != "kvm":
        target.write_text("null")
        return
    in_vm(target, [], ["start", "fds", "--n", "100"])


def settle(merged):
    """Of several boots the most typical one counts, for all methods that took turns: ratios are of one boot.
    Repeatable is what all of them confirm, and the other half of its own run."""
    def group(row):
        return row["question"], row["program"], row["variant"], row["parent"]["fds"]

    again = {}
    for row in merged.pop("repeated", []):
        again.setdefault(group(row), {}).setdefault(row["method"], []).append(row)
    boots = {}
    for row in merged["results"]:
        if others := again.get(group(row), {}).get(row["method"]):
            boots.setdefault(group(row), {})[row["method"]] = [row, *others]
    for index, row in enumerate(merged["results"]):
        of_group = boots.get(group(row), {})
        if row["method"] in of_group:
            others = list(of_group[row["method"]])
            chosen = others.pop(most_typical(of_group.values()))
            merged["results"][index] = {
                **chosen, "p50_of_other_boots": [other["p50"] for other in others],
                **{said: chosen[said] and all(agree(other[what], chosen[what]) for other in others)
                   for what, said in amounts.REPEATABLE.items()}}


def most_typical(methods):
    """The boot that is nearest to each method's median, as a whole."""
    def distance(boot):
        return sum(abs(rows[boot]["p50"] / statistics.median_low(row["p50"] for row in rows) - 1) for rows in methods)

    return min(range(min(map(len, methods))), key=distance)


def agree(one, other):
    return abs(one - other) <= REPEATABLE * other


# Together some twelve minutes here and five in the machine, where nothing else runs.
PARTS = [
    Part("native-start", "native", native("start", "--n", "60")),
    Part("native-starts", "native", native("starts")),
    Part("native-fds", "native", native("fds", "--n", "100")),
    Part("native-rss", "native", native("rss", "--n", "30")),
    Part("native-parent", "native", native("env", "mappings", "threads", "--n", "100")),
    Part("native-path", "native", native("path", "--n", "100")),
    Part("native-parallel", "native", native("parallel", "--n", "20")),
    Part("native-agent", "native", native("agent")),
    Part("native-template", "native", native("template")),
    # What a method costs; of true also what a warm start costs others.
    Part("native-pinned", "native", native("start", "fds", "--pin", "--n", "60",
                                           *programs("nolibc", "true"))),
    Part("stages", "native", stages),
    Part("vm-small", "vm", counted("start", "--n", "40", *programs(*SMALL),
                                   *methods(*COMPARED, *RAW, "fork-exit", "vfork-exit", "exec-loop"))),
    Part("vm-tools", "vm", counted("start", "--n", "60", *programs(*TOOLS), *methods(*COMPARED))),
    # Each of its starts is twenty of another tool's.
    Part("vm-python", "vm", counted("start", "--n", "12", *programs("python3"), *methods(*COMPARED))),
    Part("vm-parent", "vm", counted("fds", "rss", "env", "mappings", "threads", "--n", "40",
                                    *methods(*STATIC, *RAW))),
    # As root there may be so many; where the table is copied each start takes twenty million.
    Part("vm-many-fds", "vm", counted("fds", "--fds", "100000", "--n", "12", *programs("nolibc"),
                                      *methods("fork", *SHOWN))),
    Part("vm-template", "vm", counted("template", "--n", "10")),
    Part("vm-images", "vm", images),
    Part("vm-repeated", "vm", repeated("start", "--n", "40", *programs("nolibc", "true"), *methods("fork", *SHOWN))),
    Part("vm-repeated-fds", "vm", repeated("fds", "--n", "40", *programs("nolibc"), *methods("fork", *SHOWN))),
    Part("vm-profile", "vm", profiled),
    Part("kvm", "kvm", kvm),
]
