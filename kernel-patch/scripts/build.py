# SPDX-License-Identifier: MIT
"""Builds the kernel and its selftests, or takes them from the cache."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time

import series
from project import (BUILD, CACHE, KERNEL_BUILD, KERNEL_PATCH, Failure, base_version, environment,
                     output, say)

CONFIGS = {"base": ["base.config"], "debug": ["base.config", "debug.config"]}
SELFTESTS = "spawn_template"
BOOT = BUILD / "boot"
KSELFTEST = BUILD / "kselftest"
JOBS = os.environ.get("JOBS") or str(os.cpu_count())

# What of the source is no part of a kernel, and what the selftests are made of.
NOT_COMPILED = ("Documentation/", "MAINTAINERS", "tools/testing/")
IN_SELFTESTS = ("tools/testing/selftests/", "include/uapi/")

# Builds of each kind that the cache keeps.
KEEP = 8

# About what a build from nothing compiles: only for the progress line.
OBJECTS = 1400

# The same source and configuration give the same bytes, whoever builds them and when.
REPRODUCIBLE = ["LOCALVERSION=", "KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 2026",
                "KBUILD_BUILD_USER=spawntpl", "KBUILD_BUILD_HOST=localhost",
                "KBUILD_BUILD_VERSION=1"]


def read_fragments(names):
    """Option -> the line it must become; a later fragment wins."""
    options = {}
    for name in names:
        path = KERNEL_PATCH / "config" / name
        for number, line in enumerate(path.read_text().splitlines(), 1):
            line = line.strip()
            option = re.fullmatch(r"(CONFIG_\w+)=.+|# (CONFIG_\w+) is not set", line)
            if option:
                options[option[1] or option[2]] = line
            elif line and not line.startswith("#"):
                raise Failure(f"{path}:{number}: not an option: {line}")
    return options


def entry(kind, name, parts, changes):
    """The cache's directory for something built: named after everything that it depends on."""
    state = hashlib.sha256()
    compilers = [output(tool, "--version").splitlines()[0] for tool in ("gcc", "ld")]
    for part in (base_version(), *compilers, *parts):
        state.update(part.encode() + b"\n")
    for source in ("build.py", "project.py"):
        state.update((KERNEL_PATCH / "scripts" / source).read_bytes())
    for path, change in changes:
        state.update(path.encode() + b"\0" + change)
    return CACHE / kind / f"{name}-{state.hexdigest()[:16]}"


def split_diff(text):
    """The changes of a patch: (path, diff) for each file. What is before the first is dropped."""
    pieces = re.split(rb"^diff --git a/(\S+) .*\n", text, flags=re.MULTILINE)[1:]
    return [(path.decode(), diff) for path, diff in zip(pieces[::2], pieces[1::2])]


def source_changes(tree):
    """What makes the source differ from base, and whether that is more than the series."""
    if not tree.exists() or not tree.own_work(series.SERIES):
        patches = series.read_series(series.SERIES).values()
        return [change for patch in patches for change in split_diff(patch)], False
    changes = split_diff(tree.git("diff", "--binary", "base").encode(errors="surrogateescape"))
    for name in tree.git("ls-files", "-z", "--others", "--exclude-standard").split("\0"):
        if name:
            changes.append((name, (tree.path / name).read_bytes()))
    return changes, True


@contextlib.contextmanager
def one_at_a_time():
    """Two builds in the same directories would spoil each other."""
    KERNEL_BUILD.mkdir(parents=True, exist_ok=True)
    with open(KERNEL_BUILD / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another kernel build")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make_kernel(config):
    """The target kernel: leaves build/boot/CONFIG with vmlinux, System.map and config, and the
    selftests in build/kselftest."""
    if config not in CONFIGS:
        raise Failure(f"KCONFIG={config}: not one of {', '.join(CONFIGS)}")
    tree = series.Tree(series.TREE)
    changes, own_work = source_changes(tree)
    options = read_fragments(CONFIGS[config])
    kernel = entry("kernels", config, options.values(),
                   [change for change in changes if not change[0].startswith(NOT_COMPILED)])
    selftests = entry("selftests", SELFTESTS, [],
                      [change for change in changes if change[0].startswith(IN_SELFTESTS)])
    missing = [path for path in (kernel, selftests) if not path.exists()]
    if missing and own_work:
        say(f"{tree.path} differs from the series: building it as it stands")
    elif missing:
        series.make_tree(tree, series.SERIES, series.source_archive())
    for path, build in ((kernel, lambda into: build_kernel(tree, config, options, into)),
                        (selftests, lambda into: build_selftests(tree, into))):
        if path in missing:
            store(path, build)
            prune(path)
        else:
            os.utime(path)
            say(f"{path.name}: taken from the cache")
    publish(BOOT / config, kernel)
    publish(KSELFTEST, selftests)


def store(path, build):
    """Builds a cache entry; it gets its name only when it is complete."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.mkdir(parents=True)
    try:
        build(fresh)
        fresh.rename(path)
    except BaseException as error:
        shutil.rmtree(fresh)
        # Another checkout with the same cache may have stored the same in the meantime.
        if not (isinstance(error, OSError) and path.exists()):
            raise


def build_kernel(tree, config, options, into):
    objects = KERNEL_BUILD / config
    configure(tree, objects, options)
    compile_kernel(tree, objects, config)
    # BTF and symbols stay; DWARF is six times the rest.
    output("objcopy", "--strip-debug", objects / "vmlinux", into / "vmlinux")
    shutil.copy(objects / "System.map", into / "System.map")
    shutil.copy(objects / ".config", into / "config")


def configure(tree, objects, options, strict=True, words=()):
    """Strict: every option of the fragments must exist and be set as wanted."""
    objects.mkdir(parents=True, exist_ok=True)
    wanted = objects / "wanted.config"
    text = "".join(f"{line}\n" for line in options.values())
    config = objects / ".config"
    # What was not strict may have lost options that exist by now.
    if strict and config.exists() and wanted.exists() and wanted.read_text() == text:
        run_make(tree, objects, *words, "olddefconfig")
    else:
        wanted.write_text(text)
        run_make(tree, objects, *words, f"KCONFIG_ALLCONFIG={wanted}", "allnoconfig")
    if not strict:
        return
    have = set(config.read_text().splitlines())
    for option, line in options.items():
        # An option that is to be off is also right when its dependencies hide it.
        off = line.startswith("#") and f"{option}=y" not in have
        if not off and line not in have:
            raise Failure(f"the configuration does not get '{line}': the option does not exist or "
                          f"something it depends on is off")


def make_command(tree, objects, *words):
    """A later word wins: CC=... in words is another compiler."""
    return ["make", "-C", str(tree.path), f"O={objects}", f"-j{JOBS}", "CC=ccache gcc",
            "HOSTCC=ccache gcc", *REPRODUCIBLE, *words]


def ccache_variables():
    # Base directory and no hashed working directory: another checkout gets the same hits.
    return {"CCACHE_DIR": str(CACHE / "ccache"), "CCACHE_BASEDIR": str(KERNEL_BUILD),
            "CCACHE_NOHASHDIR": "1", "CCACHE_MAXSIZE": "5G"}


def run_make(tree, objects, *words):
    output(*make_command(tree, objects, *words), **ccache_variables())


def compile_kernel(tree, objects, config, words=()):
    """Builds vmlinux. Shows a counter and whatever make says beyond its list of files."""
    log = KERNEL_BUILD / f"{config}.log"
    say(f"building {config} with {JOBS} jobs (log: {log})")
    started = time.monotonic()
    count = 0
    shown = started
    with open(log, "w") as file:
        make = subprocess.Popen(make_command(tree, objects, *words, "vmlinux"),
                                env=environment(**ccache_variables()), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                errors="replace")
        for line in make.stdout:
            file.write(line)
            step = re.match(r"  ([A-Z][A-Z_0-9]+) +(\S+)", line)
            if not step:
                if not re.match(r"make(\[\d+\])?: (Entering|Leaving) directory", line):
                    sys.stderr.write(line)
                continue
            count += step[1] in ("CC", "AS")
            now = time.monotonic()
            if now - shown >= 10 or step[1] in ("LD", "BTF") and "vmlinux" in step[2]:
                shown = now
                say(f"{config}: {count} of about {OBJECTS} files compiled, "
                    f"{now - started:.0f} s ({step[1]} {step[2]})")
    if make.wait():
        raise Failure(f"the build of {config} failed; the whole output is in {log}")
    say(f"{config}: built in {time.monotonic() - started:.0f} s")


def build_selftests(tree, target, collections=SELFTESTS):
    """Selftests of this source, installed as the kernel's own runner expects them."""
    objects = KERNEL_BUILD / "kselftest"
    say(f"building the selftests of {collections}")
    run_make(tree, objects, "headers")
    output("make", "-C", tree.path / "tools/testing/selftests", f"O={objects}",
           f"TARGETS={collections}", "FORCE_TARGETS=1", f"INSTALL_PATH={target}",
           f"KHDR_INCLUDES=-isystem {objects}/usr/include", "install")


def publish(link, target):
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.symlink_to(target)
    fresh.rename(link)


def prune(path):
    """Keeps the newest entries of what the path is one of."""
    name = path.name[:-16]
    entries = sorted(path.parent.glob(name + "?" * 16), key=lambda entry: entry.stat().st_mtime)
    for old in entries[:-KEEP]:
        shutil.rmtree(old)
