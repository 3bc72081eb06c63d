# SPDX-License-Identifier: MIT
"""What "make install" and "make deb" give is complete: other programs build with it and run."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from test_symbols import c_functions, c_header

ROOT = Path(__file__).resolve().parent.parent
CONSUMERS = ROOT / "tests/consumers"
HEADERS = ROOT / "userspace/include/spawntpl"
PAGES = ROOT / "userspace/man"
STRICT = ("-Wall", "-Wextra", "-Werror", "-pedantic-errors")


def output(*command, **variables):
    result = subprocess.run([str(word) for word in command], text=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            env={**os.environ, **variables})
    if result.returncode:
        raise AssertionError(f"{command} ended with status {result.returncode}:\n{result.stdout}")
    return result.stdout


def files_below(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir()}


class Consumers:
    """Tests of an installation below self.root, with self.prefix there."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="spawntpl-test.")
        self.addCleanup(directory.cleanup)
        self.work = Path(directory.name)

    @property
    def libraries(self):
        return next((self.root / self.prefix).glob("**/libspawntpl.so")).parent

    def run_consumer(self, program):
        self.assertEqual(output(program, LD_LIBRARY_PATH=str(self.libraries)), "consumer\n")

    def pkg_config(self, *options):
        return output("pkg-config", *options, "spawntpl",
                      PKG_CONFIG_PATH=str(self.libraries / "pkgconfig"),
                      PKG_CONFIG_SYSROOT_DIR=str(self.root)).split()

    def build(self, source, *options):
        program = self.work / "consumer"
        compiler = ("g++", "-std=c++23") if source.endswith("pp") else ("gcc", "-std=c99")
        output(*compiler, *STRICT, CONSUMERS / source, "-o", program, *options)
        return program

    def test_pkg_config(self):
        for source in ("consumer.cpp", "consumer.c"):
            self.run_consumer(self.build(source, *self.pkg_config("--cflags", "--libs")))

    def test_pkg_config_static(self):
        for source in ("consumer.cpp", "consumer.c"):
            flags = self.pkg_config("--cflags", "--static", "--libs")
            program = self.build(source, "-static", *flags)
            self.assertEqual(output(program), "consumer\n")

    def test_cmake(self):
        for language in ("C", "CXX"):
            build = self.work / language
            output("cmake", "-S", CONSUMERS, "-B", build, f"-DLANGUAGE={language}",
                   f"-Dspawntpl_DIR={self.libraries}/cmake/spawntpl")
            output("cmake", "--build", build)
            self.run_consumer(build / "consumer-spawntpl")
            self.run_consumer(build / "consumer-static")

    def test_version(self):
        version = output(ROOT / "build/bin/spawntpl", "--version")
        self.assertEqual(self.pkg_config("--modversion"), version.split())
        self.assertEqual(output(self.root / self.prefix / "bin/spawntpl", "--version",
                                LD_LIBRARY_PATH=str(self.libraries)), version)

    def test_headers_and_pages_are_all_there(self):
        installed = self.root / self.prefix
        self.assertEqual(files_below(installed / "include/spawntpl"), files_below(HEADERS))
        pages = {re.sub(r"\.gz$", "", path) for path in files_below(installed / "share/man")}
        for page in PAGES.iterdir():
            self.assertIn(f"man{page.suffix[1:]}/{page.name}", pages)
        for name in c_functions():
            self.assertIn(f"man3/{name}.3", pages)

    def test_command_measures_with_what_it_brings(self):
        output(self.root / self.prefix / "bin/spawntpl", "bench", "--n", "1", "--method", "vfork",
               "--program", "nolibc", "--program", "hello", "--program", "hello-static",
               LD_LIBRARY_PATH=str(self.libraries))
        output(self.root / self.prefix / "bin/spawntpl", "bench", "--n", "1", "--method", "fork-server",
               "--program", "hello", LD_LIBRARY_PATH=str(self.libraries))

    def test_command_starts_warm(self):
        command = self.root / self.prefix / "bin/spawntpl"
        if "warm         available" in output(command, "info", LD_LIBRARY_PATH=str(self.libraries)):
            text = output(command, "run", "--backend", "warm", "echo", "warm",
                          LD_LIBRARY_PATH=str(self.libraries))
            self.assertEqual(text, "warm\n")
        self.assertTrue((self.libraries / "spawntpl/warm.so").is_file())


def structures(text):
    """The members of each structure, whatever the spaces between words."""
    return {name: " ".join(members.split())
            for name, members in re.findall(r"^struct (\w+) \{(.*?)^\};", text,
                                            flags=re.MULTILINE | re.DOTALL)}


class Install(Consumers, unittest.TestCase):
    prefix = "opt/spawntpl"

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="spawntpl-test.")
        cls.addClassCleanup(directory.cleanup)
        cls.root = Path(directory.name)
        output("make", "-C", ROOT, "install", f"PREFIX=/{cls.prefix}", f"DESTDIR={cls.root}")

    def test_nothing_outside_the_prefix(self):
        self.assertEqual([path for path in files_below(self.root)
                          if not path.startswith(self.prefix)], [])

    def test_prefix_is_known_to_pkg_config(self):
        self.assertIn(f"prefix=/{self.prefix}\n",
                      (self.libraries / "pkgconfig/spawntpl.pc").read_text())

    def test_command_finds_its_library(self):
        output(self.root / self.prefix / "bin/spawntpl", "info")


class Debian(Consumers, unittest.TestCase):
    prefix = "usr"
    packages = ("libspawntpl0", "libspawntpl-dev", "spawntpl")

    @classmethod
    def setUpClass(cls):
        output("make", "-C", ROOT, "deb")
        directory = tempfile.TemporaryDirectory(prefix="spawntpl-test.")
        cls.addClassCleanup(directory.cleanup)
        cls.root = Path(directory.name)
        cls.files = {path.name.split("_")[0]: path for path in (ROOT / "build/deb").glob("*.deb")}
        for file in cls.files.values():
            output("dpkg", "-x", file, cls.root)

    def field(self, package, name):
        return output("dpkg-deb", "--field", self.files[package], name).strip()

    def contents(self, package):
        return output("dpkg-deb", "--contents", self.files[package])

    def test_packages(self):
        self.assertEqual(set(self.files), set(self.packages))
        for package in self.packages:
            self.assertIn(f"./usr/share/doc/{package}/copyright", self.contents(package))

    def test_dependencies(self):
        version = self.field("libspawntpl0", "Version")
        self.assertIn("libstdc++6", self.field("libspawntpl0", "Depends"))
        for package in ("libspawntpl-dev", "spawntpl"):
            self.assertIn(f"libspawntpl0 (= {version})", self.field(package, "Depends"))

    def test_library_is_where_the_linker_looks(self):
        multiarch = output("gcc", "-print-multiarch").strip()
        self.assertIn(f"./usr/lib/{multiarch}/libspawntpl.so.0 ->", self.contents("libspawntpl0"))
        self.assertNotIn("RUNPATH", output("readelf", "-d", self.root / "usr/bin/spawntpl"))

    def test_dpkg_installs_and_removes_them(self):
        database = self.work / "var/lib/dpkg"
        (database / "info").mkdir(parents=True)
        (database / "updates").mkdir()
        (database / "status").touch()
        # Into a root that has nothing else: no library that they need, nor a loader to configure.
        dpkg = ("dpkg", f"--root={self.work}", f"--log={self.work}/log", "--force-not-root",
                "--force-script-chrootless", "--force-depends")
        output(*dpkg, "--unpack", *self.files.values())
        listed = output("dpkg-query", f"--admindir={database}", "-W", "-f", "${Package}\n")
        self.assertEqual(set(listed.split()), set(self.packages))
        self.assertTrue((self.work / "usr/bin/spawntpl").exists())
        output(*dpkg, "--purge", *self.packages)
        self.assertFalse((self.work / "usr/bin/spawntpl").exists())


class Manual(unittest.TestCase):
    def test_pages_are_well_formed(self):
        for page in sorted(PAGES.iterdir()):
            self.assertEqual(output("groff", "-man", "-Tutf8", "-ww", "-z", page), "", page.name)

    def test_every_function_is_described(self):
        described = "".join(page.read_text() for page in PAGES.glob("*.3"))
        for name in c_functions():
            self.assertRegex(described, rf"\b{name}\b")

    def test_structures_are_those_of_the_header(self):
        described = {}
        for page in PAGES.glob("*.3"):
            described |= structures(page.read_text())
        self.assertEqual(described, structures(c_header()))

    def test_example_builds(self):
        page = (PAGES / "spawntpl.7").read_text()
        example = page.split(".EX\n")[1].split(".EE\n")[0].replace("\\-", "-").replace("\\e", "\\")
        with tempfile.TemporaryDirectory(prefix="spawntpl-test.") as directory:
            source = Path(directory, "example.c")
            source.write_text(example)
            output("gcc", "-std=c99", *STRICT, f"-I{HEADERS.parent}", "-fsyntax-only", source)

    def test_every_option_is_described(self):
        page = (PAGES / "spawntpl.1").read_text().replace("\\-", "-")
        command = ROOT / "build/bin/spawntpl"
        subcommands = re.findall(r"^  (\w+) ", output(command, "--help").split("Subcommands:")[1],
                                 flags=re.MULTILINE)
        for subcommand in subcommands:
            self.assertIn(f".SS spawntpl {subcommand}\n", page)
            for option in re.findall(r"^  (?:-\w,)?(--[\w-]+)",
                                     output(command, subcommand, "--help"), flags=re.MULTILINE):
                self.assertRegex(page, rf"{option}\b", f"{subcommand} {option}")


if __name__ == "__main__":
    unittest.main()
