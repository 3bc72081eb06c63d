# SPDX-License-Identifier: MIT
"""The patch series, one on top of the other: from files to commits in a source tree, and back."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from project import KERNEL_BUILD, KERNEL_PATCH, Failure, base_package, base_version, output, say

TREE = KERNEL_BUILD / "tree"
SERIES = (KERNEL_PATCH / "series", KERNEL_PATCH / "warm")
COVER = "0000-cover-letter.patch"
PREFIX = "RFC PATCH"

# What the last apply or export left in the tree: HEAD elsewhere means a developer's commits.
APPLIED = "refs/spawntpl/applied"

# Fixed, so that the same series gives the same commit ids everywhere.
BASE_DATE = "2026-01-01T00:00:00+00:00"
COMMITTER = {"GIT_COMMITTER_NAME": "spawntpl", "GIT_COMMITTER_EMAIL": "spawntpl@localhost"}
BASE_IDENTITY = {"GIT_AUTHOR_NAME": "base", "GIT_AUTHOR_EMAIL": "base@localhost",
                 "GIT_COMMITTER_NAME": "base", "GIT_COMMITTER_EMAIL": "base@localhost",
                 "GIT_AUTHOR_DATE": BASE_DATE, "GIT_COMMITTER_DATE": BASE_DATE}

# The cover letter's text is written by hand; between these the figures are not.
COVER_BEGIN = "--8<-- shortlog and diffstat --8<--"
COVER_END = "-->8-- shortlog and diffstat -->8--"


class Tree:
    """A kernel source tree whose tag "base" is the unpatched source."""

    def __init__(self, path):
        self.path = Path(path)

    def git(self, *words, **more):
        # A person's git configuration must not change what is written or applied.
        return output("git", "-c", "gc.auto=0", *words, cwd=self.path,
                      GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null",
                      GIT_OPTIONAL_LOCKS="0", **more)

    def exists(self):
        return (self.path / ".git").exists() and bool(self.commit("refs/tags/base"))

    def commit(self, name):
        return self.git("rev-parse", "-q", "--verify", name + "^{commit}", check=False).strip()

    def uncommitted(self):
        return self.git("status", "--porcelain")

    def commits(self, series):
        """Of each directory of the series, its range of commits: every one but the first begins
        at the commit that has the subject of its first patch."""
        subjects = dict(reversed(line.split(" ", 1)) for line in
                        self.git("log", "--format=%H %s", "base..HEAD").splitlines())
        ranges, begin = [], "base"
        for following in (*series[1:], None):
            first = next(iter(read_series([following])), None) if following else None
            end = subjects.get(subject(first)) if first else None
            end = f"{end}~" if end else "HEAD"
            ranges.append(f"{begin}..{end}")
            begin = end
        return dict(zip(series, ranges))

    def patches(self, series):
        """The commits above base as patch files: path -> content."""
        patches = {}
        for target, commits in self.commits(series).items():
            with tempfile.TemporaryDirectory(prefix="spawntpl-series.") as directory:
                self.git("format-patch", "-q", "--numbered", f"--subject-prefix={PREFIX}",
                         "--zero-commit", "--no-signature", "--no-encode-email-headers",
                         "--no-renames", "--abbrev=12", "--diff-algorithm=histogram",
                         "--stat=72", "-o", directory, commits)
                for path in sorted(Path(directory).iterdir()):
                    patches[target / path.name] = path.read_bytes()
        return patches

    def version(self):
        return self.git("log", "-1", "--format=%s", "base").split()[-1]

    def own_work(self, series):
        """What a developer would lose, in words; empty when the tree only mirrors the series."""
        if self.uncommitted():
            return "uncommitted changes"
        if self.commit("HEAD") != self.commit(APPLIED) and self.patches(series) != read_series(series):
            return "commits that the series does not have"
        return ""


def source_archive():
    return Path("/usr/src") / f"{base_package()[0]}.tar.xz"


def read_series(series):
    """The patches of the series in order: path -> content, without the cover letters."""
    return {path: path.read_bytes() for directory in series
            for path in sorted(directory.glob("[0-9][0-9][0-9][0-9]-*.patch"))
            if path.name != COVER}


def subject(patch):
    """Of a patch file, as the commit has it."""
    return re.search(r"^Subject: \[[^\]]*\] (.*(?:\n .*)*)", patch.read_text(),
                     re.MULTILINE)[1].replace("\n", "")


def without_number(patch):
    """A patch's content but for its place in the series."""
    return re.sub(rb"^Subject: \[[^\]]*\]", b"Subject:", patch, count=1, flags=re.MULTILINE)


def unhide(gitignore):
    """Debian's packaging ignores the whole source; a developer's new file must be seen."""
    if gitignore.exists():
        lines = gitignore.read_text().splitlines(keepends=True)
        gitignore.write_text("".join(line for line in lines if line not in ("/*\n", "!/debian/\n")))


def unpack(tree, source):
    """The base commit, in a directory that gets its name only when complete."""
    if not source.exists():
        raise Failure(f"{source} is missing: install the package {base_package()[0]}")
    if tree.path.exists():
        raise Failure(f"{tree.path} exists but is not a tree of this project: move it away")
    say(f"unpacking {source} (about two minutes)")
    tree.path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tree.path.parent, prefix="unpack.") as directory:
        output("tar", "-xf", source, "-C", directory, "--strip-components=1")
        unhide(Path(directory) / ".gitignore")
        fresh = Tree(directory)
        fresh.git("init", "-q", "-b", "spawntpl")
        say("committing the unpatched source")
        # Files that the kernel's own .gitignore hides belong to the source all the same.
        fresh.git("add", "--all", "--force")
        message = f"{base_package()[0]} {base_version()}"
        fresh.git("commit", "-q", "--no-verify", "-m", message, **BASE_IDENTITY)
        fresh.git("tag", "base")
        fresh.git("update-ref", APPLIED, "HEAD")
        os.chmod(directory, 0o755)
        os.rename(directory, tree.path)
        os.mkdir(directory)


def apply(tree, series):
    """Makes the tree's commits those of the series; keeps the ones that are there already."""
    wanted = read_series(series)
    present = tree.patches(series)
    if present == wanted:
        tree.git("update-ref", APPLIED, "HEAD")
        say(f"{tree.path} has the {len(wanted)} patches of the series")
        return
    keep = 0
    for old, new in zip(present.values(), wanted.values()):
        if without_number(old) != without_number(new):
            break
        keep += 1
    tree.git("reset", "-q", "--hard", f"HEAD~{len(present) - keep}")
    tree.git("update-ref", APPLIED, "HEAD")
    for path in list(wanted)[keep:]:
        say(f"applying {path.name}")
        apply_patch(tree, path)
        tree.git("update-ref", APPLIED, "HEAD")


def apply_patch(tree, path):
    try:
        # Git has no fuzz; this form names each file that it cannot patch.
        tree.git("apply", "--check", "--whitespace=nowarn", path.resolve())
    except Failure as error:
        raise Failure(f"{path.name} does not apply to {tree.version()}; the patches before it are "
                      f"applied in {tree.path}.\n{error}") from None
    tree.git("am", "-q", "--no-3way", "--keep-non-patch", "--whitespace=nowarn",
             "--committer-date-is-author-date", path.resolve(), **COMMITTER)


def make_tree(tree, series, source):
    """The target kernel-tree."""
    package, pinned = base_package()
    if not tree.exists():
        if base_version() != pinned:
            say(f"warning: kernel-patch/base asks for {package} {pinned}; "
                f"this machine has {base_version()}")
        unpack(tree, source)
    elif tree.version() != base_version():
        raise Failure(f"{tree.path} is {package} {tree.version()}, this machine now has "
                      f"{base_version()}: move the tree away")
    work = tree.own_work(series)
    if work:
        raise Failure(f"{tree.path} has {work}. Nothing was changed. Commit them and run "
                      f"'make kernel-export', or drop them (git reset --hard {APPLIED}).")
    apply(tree, series)


def export(tree, series):
    """The target kernel-export: the series becomes what the tree has."""
    if not tree.exists():
        raise Failure(f"{tree.path} does not exist: run 'make kernel-tree'")
    changes = tree.uncommitted()
    if changes:
        raise Failure(f"{tree.path} has uncommitted changes; commit them first:\n{changes}")
    patches = tree.patches(series)
    old = read_series(series)
    for directory in series[1:]:
        first = next(iter(read_series([directory])), None)
        if first and not any(path.parent == directory for path in patches):
            raise Failure(f"{tree.path} has no commit '{subject(first)}', with which {directory} "
                          f"begins. If it has another subject now, give it to {first}, too.")
    for path in old.keys() - patches.keys():
        path.unlink()
        say(f"removed {path.name}")
    for path, content in patches.items():
        if old.get(path) != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            say(f"wrote {path.name}")
    for directory, commits in tree.commits(series).items():
        count = sum(path.parent == directory for path in patches)
        write_cover(tree, directory / COVER, commits, count)
        say(f"{directory} has {count} patches")
    tree.git("update-ref", APPLIED, "HEAD")


def write_cover(tree, path, commits, count):
    """Renews the figures of a cover letter and leaves its text alone."""
    if not path.exists():
        say(f"{path} does not exist: no cover letter")
        return
    text = path.read_text()
    parts = re.fullmatch(f"(.*\n{re.escape(COVER_BEGIN)}\n).*({re.escape(COVER_END)}\n.*)",
                         text, re.DOTALL)
    if not parts:
        raise Failure(f"{path} has no lines '{COVER_BEGIN}' and '{COVER_END}' in this order")
    shortlog = tree.git("shortlog", "--no-merges", commits)
    stat = tree.git("diff", "--stat=72", "--summary", "--no-renames", commits)
    text = f"{parts[1]}\n{shortlog.rstrip()}\n\n{stat.rstrip()}\n\n{parts[2]}"
    text = re.sub(r"^(Subject: \[.*) 0+/\d+\]", rf"\1 {0:0{len(str(count))}}/{count}]", text,
                  count=1, flags=re.MULTILINE)
    path.write_text(text)
