# SPDX-License-Identifier: MIT
"""Builds of the series that no test boots: the smallest one, without an option, with clang, for
another architecture."""

import shutil

import build
from project import Failure, output, say

ARM64 = ("ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-", "CC=aarch64-linux-gnu-gcc",
         "HOSTCC=gcc")
CLANG = ("LLVM=1", "CC=clang", "HOSTCC=clang")

# The least that compiles everything that the series touches, but for the security modules' common
# part: without it the series has other code.
SMALL_OPTIONS = ("64BIT", "SMP", "EXPERT", "MULTIUSER", "PRINTK", "TTY", "UNIX98_PTYS", "SECCOMP",
                 "SECCOMP_FILTER", "NET", "CGROUPS", "MEMCG", "AUDIT", "POSIX_TIMERS", "FUTEX",
                 "PERF_EVENTS", "FTRACE", "KPROBES", "UPROBES", "UPROBE_EVENTS", "USER_EVENTS",
                 "PROC_FS", "SYSFS", "BINFMT_ELF", "BINFMT_SCRIPT", "SPAWN_TEMPLATE",
                 "SPAWN_TEMPLATE_WARM", "KUNIT", "SPAWN_TEMPLATE_KUNIT_TEST")


def configure(tree, objects, words=(), off=None, more=()):
    """Not strict: at a commit in the middle of the series its options may not exist yet."""
    wanted = {option: f"CONFIG_{option}=y" for option in (*SMALL_OPTIONS, *more)}
    if off:
        wanted[off] = f"# CONFIG_{off} is not set"
    build.configure(tree, objects, wanted, strict=False, words=words)


def small(tree, work, name="small", words=(), off=None):
    """Returns the options that the kernel has of its spawn templates."""
    objects = work / name
    configure(tree, objects, words, off)
    build.compile_kernel(tree, objects, name, words=words)
    lines = (objects / ".config").read_text().splitlines()
    return {option for option in ("SPAWN_TEMPLATE", "SPAWN_TEMPLATE_WARM")
            if f"CONFIG_{option}=y" in lines}


def without(tree, work):
    if small(tree, work, "without", off="SPAWN_TEMPLATE"):
        raise Failure("CONFIG_SPAWN_TEMPLATE=n was not kept")


def without_warm(tree, work):
    if small(tree, work, "without-warm", off="SPAWN_TEMPLATE_WARM") != {"SPAWN_TEMPLATE"}:
        raise Failure("CONFIG_SPAWN_TEMPLATE_WARM=n was not kept")


def without_memcg(tree, work):
    if "SPAWN_TEMPLATE_WARM" not in small(tree, work, "without-memcg", off="MEMCG"):
        raise Failure("CONFIG_MEMCG=n does not get CONFIG_SPAWN_TEMPLATE_WARM")


def arm64(tree, work):
    if not small(tree, work, "arm64", ARM64):
        raise Failure("arm64 does not get CONFIG_SPAWN_TEMPLATE")


def objects_of(tree, status):
    """The object files of what the series adds (A) or modifies (M)."""
    names = tree.git("diff", "--name-only", "--no-renames", f"--diff-filter={status}", "base..HEAD",
                     "--", "*.c", ":!tools", ":!samples").split()
    return [name.removesuffix(".c") + ".o" for name in names]


def clang(tree, work):
    """Compiles what the series changes, and what is new with more warnings; each is an error."""
    objects = work / "clang"
    configure(tree, objects, CLANG, more=("SECURITY",))
    for targets, level in ((objects_of(tree, "M"), "W="), (objects_of(tree, "A"), "W=1")):
        say(f"compiling {len(targets)} files with clang, {level}")
        output(*build.make_command(tree, objects, *CLANG, "-s", level, "KCFLAGS=-Werror",
                                   *targets), **build.ccache_variables())


# Name, build, and the compilers it needs, each with its Debian package.
VARIANTS = {
    "without": (without, {}),
    "without-warm": (without_warm, {}),
    "without-memcg": (without_memcg, {}),
    "clang": (clang, {"clang": "clang", "ld.lld": "lld", "llvm-ar": "llvm"}),
    "arm64": (arm64, {"aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu"}),
}


def build_variant(name, tree, work):
    build_it, compilers = VARIANTS[name]
    missing = [package for compiler, package in compilers.items() if not shutil.which(compiler)]
    if missing:
        raise Failure(f"the build '{name}' needs: apt-get install {' '.join(missing)}")
    build_it(tree, work)
