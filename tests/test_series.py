# SPDX-License-Identifier: MIT
"""The kernel workflow on a source of three files: apply, export, and what must be refused."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "kernel-patch/scripts"))

import build  # noqa: E402
import project  # noqa: E402
import series  # noqa: E402

AUTHOR = {"GIT_AUTHOR_NAME": "A Uthor", "GIT_AUTHOR_EMAIL": "a@example.org",
          "GIT_COMMITTER_NAME": "A Uthor", "GIT_COMMITTER_EMAIL": "a@example.org",
          "GIT_AUTHOR_DATE": "2026-02-01T00:00:00+00:00",
          "GIT_COMMITTER_DATE": "2026-02-01T00:00:00+00:00"}

COVER = f"""Subject: [RFC PATCH 00/19] a title

Text by hand.

{series.COVER_BEGIN}
{series.COVER_END}
End.
"""


class SeriesTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="spawntpl-test.")
        self.addCleanup(directory.cleanup)
        self.top = Path(directory.name)
        self.directory = self.top / "series"
        self.second = self.top / "warm"
        self.series = (self.directory, self.second)
        self.source = self.top / "source.tar.xz"
        source = self.top / "linux-source"
        (source / "fs").mkdir(parents=True)
        (source / "Makefile").write_text("VERSION = 6\n")
        (source / ".gitignore").write_text("*.o\n/*\n!/debian/\n")
        (source / "fs/exec.c").write_text("".join(f"line {n}\n" for n in range(40)))
        subprocess.run(["tar", "-cJf", self.source, "-C", self.top, "linux-source"], check=True)
        self.tree = self.make_tree("tree")
        self.change("fs/exec.c", "line 5\n", "line five\n", "exec: spell five\n\nFor a test.")
        self.change("fs/exec.c", "line 30\n", "line thirty\n", "exec: spell thirty: ü, [1/2]")

    def make_tree(self, name):
        tree = series.Tree(self.top / name)
        quietly(series.make_tree, tree, self.series, self.source)
        return tree

    def change(self, name, old, new, message):
        path = self.tree.path / name
        path.write_text(path.read_text().replace(old, new))
        self.tree.git("commit", "-q", "-a", "-m", message, **AUTHOR)

    def export(self):
        quietly(series.export, self.tree, self.series)
        return {path.name: path.read_bytes() for path in self.directory.iterdir()}

    def test_export_apply_export_is_identical(self):
        first = self.export()
        self.assertEqual(len(first), 2)
        self.tree = self.make_tree("second")
        self.assertEqual(self.export(), first)

    def test_commit_ids_depend_on_the_series_alone(self):
        self.export()
        second, third = self.make_tree("second"), self.make_tree("third")
        self.assertEqual(second.commit("HEAD"), third.commit("HEAD"))
        self.assertEqual(second.git("show", "HEAD:fs/exec.c"),
                         self.tree.git("show", "HEAD:fs/exec.c"))

    def test_export_ignores_a_persons_git_configuration(self):
        first = self.export()
        config = self.top / "gitconfig"
        config.write_text("[diff]\n\tnoprefix = true\n\tcontext = 9\n[format]\n\tsignature = me\n")
        os.environ["GIT_CONFIG_GLOBAL"] = str(config)
        self.addCleanup(os.environ.pop, "GIT_CONFIG_GLOBAL")
        self.assertEqual(self.export(), first)

    def test_make_tree_twice_changes_nothing(self):
        self.export()
        before = self.tree.commit("HEAD")
        quietly(series.make_tree, self.tree, self.series, self.source)
        self.assertEqual(self.tree.commit("HEAD"), before)

    def test_a_changed_series_replaces_the_applied_one(self):
        first = self.export()
        other = self.make_tree("other")
        self.change("fs/exec.c", "line 20\n", "line twenty\n", "exec: spell twenty")
        self.assertEqual(len(self.export()), len(first) + 1)
        quietly(series.make_tree, other, self.series, self.source)
        self.assertIn("line twenty\n", (other.path / "fs/exec.c").read_text())

    def test_export_removes_stale_patches_and_renews_the_cover_letter(self):
        self.directory.mkdir()
        (self.directory / series.COVER).write_text(COVER)
        (self.directory / "0007-stale.patch").write_text("old\n")
        files = self.export()
        self.assertNotIn("0007-stale.patch", files)
        cover = files[series.COVER].decode()
        self.assertIn("Subject: [RFC PATCH 0/2] a title", cover)
        self.assertIn("Text by hand.", cover)
        self.assertIn("exec: spell five", cover)
        self.assertIn("1 file changed", cover)
        self.assertTrue(cover.endswith("End.\n"))
        self.assertEqual(self.export(), files)

    def test_a_patch_that_does_not_apply_is_named_with_its_file(self):
        self.export()
        patch = self.directory / "0001-exec-spell-five.patch"
        patch.write_text(patch.read_text().replace(" line 4\n", " line four\n"))
        with self.assertRaises(project.Failure) as caught:
            self.make_tree("second")
        self.assertIn(patch.name, str(caught.exception))
        self.assertIn("fs/exec.c", str(caught.exception))

    def begin_second(self):
        """A commit that is the first of the second series from now on."""
        self.change("fs/exec.c", "line 20\n", "line twenty\n", "exec: spell twenty, which has a "
                    "title that is too long for one line of a header in a mail: ü, [1/2]")
        self.second.mkdir()
        self.tree.git("format-patch", "-q", "-1", "--subject-prefix=RFC PATCH",
                      "--no-encode-email-headers", "-o", self.second)

    def test_a_second_series_begins_at_its_first_patch(self):
        first = self.export()
        self.begin_second()
        self.change("Makefile", "6", "7", "Makefile: next version")
        (self.second / series.COVER).write_text(COVER)
        self.assertEqual(self.export(), first)
        names = sorted(path.name for path in self.second.iterdir())
        self.assertEqual(len(names), 3)
        self.assertEqual(names[2], "0002-Makefile-next-version.patch")
        cover = (self.second / series.COVER).read_text()
        self.assertIn("Subject: [RFC PATCH 0/2] a title", cover)
        self.assertIn("Makefile: next version", cover)
        self.assertNotIn("exec: spell five", cover)
        patches = series.read_series(self.series)
        self.tree = self.make_tree("second")
        self.assertEqual(self.export(), first)
        self.assertEqual(series.read_series(self.series), patches)

    def test_a_second_series_without_its_first_commit_is_kept(self):
        self.export()
        self.begin_second()
        self.tree.git("commit", "-q", "--amend", "-m", "exec: another title", **AUTHOR)
        before = series.read_series(self.series)
        with self.assertRaisesRegex(project.Failure, "exec: spell twenty"):
            quietly(series.export, self.tree, self.series)
        self.assertEqual(series.read_series(self.series), before)

    def test_uncommitted_changes_are_kept_and_reported(self):
        self.export()
        path = self.tree.path / "Makefile"
        path.write_text("VERSION = 7\n")
        for function in (lambda: series.make_tree(self.tree, self.series, self.source),
                         lambda: series.export(self.tree, self.series)):
            with self.assertRaisesRegex(project.Failure, "uncommitted changes"):
                function()
        self.assertEqual(path.read_text(), "VERSION = 7\n")

    def test_a_new_file_is_an_uncommitted_change(self):
        self.export()
        (self.tree.path / "fs/new.c").write_text("int x;\n")
        with self.assertRaisesRegex(project.Failure, "fs/new.c"):
            quietly(series.export, self.tree, self.series)

    def test_unexported_commits_are_kept_and_reported(self):
        self.export()
        self.change("Makefile", "6", "7", "Makefile: next version")
        before = self.tree.commit("HEAD")
        with self.assertRaisesRegex(project.Failure, "kernel-export"):
            series.make_tree(self.tree, self.series, self.source)
        self.assertEqual(self.tree.commit("HEAD"), before)

    def test_a_missing_source_is_named(self):
        with self.assertRaisesRegex(project.Failure, "absent.tar.xz"):
            series.make_tree(series.Tree(self.top / "new"), self.series, self.top / "absent.tar.xz")


class CacheTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="spawntpl-test.")
        self.addCleanup(directory.cleanup)
        self.cache = Path(directory.name)
        self.entry = self.cache / "base-0123"

    def names(self):
        return [path.name for path in self.cache.iterdir()]

    def test_another_checkout_stores_the_same_first(self):
        def first(into):
            (into / "vmlinux").write_text("first")

        def second(into):
            (into / "vmlinux").write_text("second")
            other = self.cache / "other"
            other.mkdir()
            first(other)
            other.rename(self.entry)

        build.store(self.entry, second)
        self.assertEqual((self.entry / "vmlinux").read_text(), "first")
        self.assertEqual(self.names(), ["base-0123"])

    def test_a_failed_build_stores_nothing(self):
        def fails(into):
            raise project.Failure("no")

        with self.assertRaises(project.Failure):
            build.store(self.entry, fails)
        self.assertEqual(self.names(), [])

    def test_the_cache_can_be_named_from_the_current_directory(self):
        found = subprocess.run([sys.executable, "-c", "import project; print(project.CACHE)"],
                               cwd=self.cache, capture_output=True, text=True, check=True,
                               env={**os.environ, "SPAWNTPL_CACHE": "here",
                                    "PYTHONPATH": str(ROOT / "kernel-patch/scripts"),
                                    "PYTHONDONTWRITEBYTECODE": "1"}).stdout
        self.assertEqual(Path(found.strip()), self.cache.resolve() / "here")


def quietly(function, *arguments):
    """Without the progress lines."""
    say, series.say = series.say, lambda text: None
    try:
        function(*arguments)
    finally:
        series.say = say
