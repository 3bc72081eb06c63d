# SPDX-License-Identifier: MIT
"""Where a template does not help: what a reader has to know before the rest."""

import warm_starts
from amounts import figure, ratio, timed, times
from answers import BY_HAND, MISSING, ends_of, saved_by_preparing


def where_not(machines):
    lines = []

    def line(text, *values):
        if all(value is not None for value in values):
            lines.append("- " + text.format(*values))

    vm, native = machines["vm"], machines["native"]
    line(f"Against a careful start by hand (`{BY_HAND}`, on a stock kernel: shared descriptors, left by "
         "close_range; signals and errors handled) the system call alone is {} at 10 descriptors and {} at 10,000, "
         "the library with it {} and {}{}.",
         *(times(vm, "fds", method, BY_HAND, fds=fds) for method in ("raw-kernel", "kernel") for fds in (10, 10_000)),
         f", of git {of_git}" if (of_git := times(vm, "start", "kernel", BY_HAND, program="git")) else "")
    line("A small parent: `kernel` is {} of `vfork`, and {} of posix_spawn; that gap is glibc's.",
         times(vm, "fds", "kernel", "vfork", fds=10), times(vm, "fds", "kernel", "posix_spawn", fds=10))
    line("A dynamic program: `kernel` executes {} of `vfork`'s instructions before it returns (true), as the program is "
         "loaded then.",
         times(vm, "start", "kernel", "vfork", what="return_p50", program="true"))
    line("On a stock kernel a template's `clone3` is {} of `vfork`, and {} of `" + BY_HAND + "`.",
         timed(native, "fds", "clone3", "vfork", fds=10, program="nolibc"),
         timed(native, "fds", "clone3", BY_HAND, fds=10, program="nolibc"))
    line("Where only posix_spawn works, a start by a template is {} of it{}.",
         timed(native, "fds", "lib-posix_spawn", "posix_spawn", fds=10, program="nolibc"), grows_with_descriptors(native))
    lines += [*real_programs(machines), *warm_starts.costs(machines), *prepared_environment(machines)]
    line("The exec stays: in a loop, the floor, {} µs; a start by `clone3` {}.",
         figure(native, "start", program="nolibc", method="exec-loop"),
         figure(native, "start", program="nolibc", method="clone3"))
    return lines or [MISSING]


def grows_with_descriptors(native):
    """As what it is made of does."""
    ends = ends_of(native, "fds", ("lib-posix_spawn", "posix_spawn"))
    if len(ends) < 2:
        return ""
    few, many = ends["lib-posix_spawn"]
    ours, theirs = (ratio(last, first) for first, last in ends.values())
    return (f", and grows {ours} from {few['parent']['fds']:,} to {many['parent']['fds']:,} descriptors "
            f"(posix_spawn: {theirs})")


def real_programs(machines):
    """Most of their start is their own, unless it is left out."""
    parts = []
    for method, name, how in (("kernel", "vm", "counted"), ("clone3", "native", "in time")):
        relations = [f"{program} {text}" for program in ("git", "python3")
                     for text in [times(machines[name], "start", method, "posix_spawn", program=program)] if text]
        if relations:
            parts.append(f"by `{method}`, {how}, {', '.join(relations)}")
    return [f"- Real programs, to posix_spawn: {'; '.join(parts)}."] if parts else []


def prepared_environment(machines):
    """What it gains elsewhere is an answer to its own question."""
    if saved_by_preparing(machines["native"], "clone3") != 0:
        return []
    return ["- No gain of a prepared environment is seen by `clone3`, as the exec copies it (question 5)."]
