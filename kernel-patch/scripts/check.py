# SPDX-License-Identifier: MIT
"""Style and static checks of both series: checkpatch, sparse, kernel-doc; and of the man pages."""

import os
import subprocess

import build
from project import KERNEL_BUILD, KERNEL_PATCH, Failure, environment, say
from series import read_series

# A human sender adds the sign-off; nothing else is excused.
ACCEPTED = "MISSING_SIGN_OFF"

# The kernel's Python scripts want modules of Debian's own Python.
SYSTEM_PATH = "/usr/bin:" + os.environ.get("PATH", "/bin")


def findings(command, cwd, **more):
    """What a checker says; silence is the only success."""
    result = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True,
                            env=environment(PATH=SYSTEM_PATH, **more))
    text = result.stdout.strip()
    return text or (f"status {result.returncode} without a message" if result.returncode else "")


def checkpatch(tree, patches):
    for path in patches:
        yield path.name, findings(["scripts/checkpatch.pl", "--strict", "--quiet", "--no-summary",
                                   "--show-types", "--ignore", ACCEPTED, str(path.resolve())],
                                  tree.path)


def new_files(tree, *patterns):
    names = tree.git("diff", "--name-only", "--no-renames", "--diff-filter=A", "base..HEAD", "--",
                     *patterns, ":!tools", ":!samples")
    return names.split()


def sparse(tree):
    """Warnings of sparse; the files are compiled once before, so that only sparse speaks."""
    objects = KERNEL_BUILD / "base"
    build.configure(tree, objects, build.read_fragments(build.CONFIGS["base"]))
    for name in new_files(tree, "*.c"):
        target = name.removesuffix(".c") + ".o"
        build.run_make(tree, objects, target)
        command = build.make_command(tree, objects, "-s", "C=2", "W=1", target)
        yield name, findings(command, None, **build.ccache_variables())


def kernel_doc(tree):
    for name in new_files(tree, "*.c", "*.h"):
        yield name, findings(["scripts/kernel-doc", "-none", "-Wall", name], tree.path)


def man_pages():
    for page in sorted((KERNEL_PATCH / "man").glob("*.2")):
        yield page.name, findings(["groff", "-man", "-Tutf8", "-ww", "-z", str(page)], None)


# Code of each series, in files of others, that a maintainer has to read: added and deleted lines.
CHANGED_LINES = {"series": 250, "warm": 350}


def changed_lines(tree, series):
    """The whole of what each series changes in code that exists without both."""
    ours = new_files(tree, "*")
    for directory, commits in tree.commits(series).items():
        changes = tree.git("diff", "--numstat", "--no-renames", "--diff-filter=M", commits, "--",
                           "*.c", "*.h", "*.tbl", ":!tools", ":!samples").splitlines()
        changes = [change.split("\t") for change in changes]
        lines = sum(int(added) + int(deleted) for added, deleted, name in changes
                    if name not in ours)
        limit = CHANGED_LINES[directory.name]
        yield f"{directory.name}: {lines} lines", "" if lines < limit else f"not less than {limit}"


def check(tree, series):
    """The target kernel-check."""
    if not tree.exists():
        raise Failure(f"{tree.path} does not exist: run 'make kernel-tree'")
    patches = list(read_series(series))
    if not patches:
        raise Failure(f"{series[0]} has no patches")
    bad = 0
    for checker, results in (("checkpatch", checkpatch(tree, patches)),
                             ("sparse", sparse(tree)), ("kernel-doc", kernel_doc(tree)),
                             ("existing code", changed_lines(tree, series)), ("man page", man_pages())):
        for name, text in results:
            say(f"{checker} {name}: {'findings' if text else 'clean'}")
            if text:
                print(text, flush=True)
                bad += 1
    if bad:
        raise Failure(f"{bad} findings")
