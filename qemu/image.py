# SPDX-License-Identifier: MIT
"""The guest's root file system: an ext4 image made from this machine's own programs."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = ROOT / "build"
IMAGE = BUILD / "vm" / "root.img"
IMAGE_SIZE = "2G"  # sparse: tests write large files

# What the build made and the guest sees under /spawntpl.
PROJECT_DIRECTORIES = ("bin", "lib", "kselftest", "kselftest-cold", "kselftest-tree")
# The Python tests that run inside, under /spawntpl/tests.
PYTHON_TESTS = ("tap.py", "test_spawnlat.py")

DIRECTORIES = ("proc", "sys", "dev", "run", "root", "tmp", "etc", "mnt", "var/tmp", "spawntpl",
               "usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "usr/lib32", "usr/libx32")
MERGED_LINKS = ("bin", "sbin", "lib", "lib64", "lib32", "libx32")
ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/bash\n"
              "user:x:1000:1000:user:/tmp:/bin/sh\n"
              "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n",
    "hostname": "spawntpl\n",
}


class ImageError(Exception):
    pass


class Inputs:
    """Every path of the guest and where it comes from, in a stable order."""

    def __init__(self):
        self.entries = {}  # guest path (relative) -> host path
        self._libraries_done = set()

    def add_file(self, host):
        """A file with the links that lead to it and the libraries it needs."""
        host = Path(host)
        if not os.path.lexists(host):
            raise ImageError(f"{host} does not exist on this machine (see qemu/root.list)")
        # /bin and /lib are links into /usr on the guest; resolve only the directory here.
        host = host.parent.resolve() / host.name
        self._add(str(host).lstrip("/"), host)
        if host.is_symlink():
            self.add_file(host.parent / os.readlink(host))
        else:
            self._add_libraries(host)

    def add_tree(self, host, guest, leave_out=()):
        for directory, names, files in os.walk(host):
            names[:] = sorted(name for name in names if name not in leave_out)
            relative = os.path.relpath(directory, host)
            for name in sorted(files) + [n for n in names if os.path.islink(f"{directory}/{n}")]:
                if name in leave_out:
                    continue
                path = Path(directory) / name
                self._add(os.path.normpath(f"{guest}/{relative}/{name}"), path)
                if not path.is_symlink():
                    self._add_libraries(path)

    def add_project_file(self, host, guest):
        self._add(guest, host)

    def digest(self):
        """Changes whenever something that goes into the image does."""
        state = hashlib.sha256()
        for source in (HERE / "image.py", HERE / "guest-init"):
            state.update(source.read_bytes())
        for guest, host in sorted(self.entries.items()):
            info = os.lstat(host)
            link = os.readlink(host) if os.path.islink(host) else ""
            state.update(f"{guest}\0{link}\0{info.st_size}\0{info.st_mtime_ns}\0"
                         f"{info.st_mode}\n".encode())
        return state.hexdigest()

    def _add(self, guest, host):
        self.entries[guest] = host

    def _add_libraries(self, program):
        with open(program, "rb") as file:
            if file.read(4) != b"\x7fELF":
                return
        for library in needed_libraries(program):
            # The project's own libraries are found beside its programs.
            if library not in self._libraries_done and BUILD not in Path(library).parents:
                self._libraries_done.add(library)
                self.add_file(library)


def needed_libraries(program):
    result = subprocess.run(["ldd", str(program)], capture_output=True, text=True)
    if result.returncode:  # a static program
        return
    for line in result.stdout.splitlines():
        words = line.split()
        if "not found" in line:
            raise ImageError(f"{program} needs {words[0]}, which is not on this machine")
        path = words[2] if "=>" in words else words[0]
        if path.startswith("/"):
            yield path


def collect_inputs():
    inputs = Inputs()
    for number, line in enumerate((HERE / "root.list").read_text().splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        kind, path, *rest = words if len(words) > 1 else (words[0], "")
        if kind == "file" and path and not rest:
            inputs.add_file(path)
        elif kind == "tree" and path and all(word.startswith("!") for word in rest):
            inputs.add_tree(path, path.lstrip("/"), {word[1:] for word in rest})
        else:
            raise ImageError(f"qemu/root.list:{number}: not 'file PATH' or 'tree PATH [!NAME...]'")
    for name in PROJECT_DIRECTORIES:
        inputs.add_tree(BUILD / name, f"spawntpl/{name}")
    for name in PYTHON_TESTS:
        inputs.add_project_file(ROOT / "tests" / name, f"spawntpl/tests/{name}")
    return inputs


@contextlib.contextmanager
def usual_modes():
    """New files get the same mode whatever umask the caller has."""
    umask = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(umask)


def copy(host, target):
    shutil.copy2(host, target, follow_symlinks=False)
    # The modes of what this project made depend on the umask it was made with.
    if ROOT in host.parents and not target.is_symlink():
        os.chmod(target, 0o755 if os.access(host, os.X_OK) else 0o644)


def stage(inputs, top):
    """Lays the root out as a directory."""
    top.mkdir()
    for name in DIRECTORIES:
        (top / name).mkdir(parents=True, exist_ok=True)
    for name in MERGED_LINKS:
        (top / name).symlink_to(f"usr/{name}")
    os.chmod(top / "tmp", 0o1777)
    os.chmod(top / "var/tmp", 0o1777)
    for name, text in ETC.items():
        (top / "etc" / name).write_text(text)
    copy(HERE / "guest-init", top / "usr/sbin/guest-init")
    for guest, host in inputs.entries.items():
        target = top / guest
        target.parent.mkdir(parents=True, exist_ok=True)
        copy(host, target)
    applets = top / "usr/lib/busybox"
    applets.mkdir()
    for name in subprocess.check_output(["busybox", "--list"], text=True).split():
        (applets / name).symlink_to("/bin/busybox")


def run_tool(*command, stdin=""):
    # An ordinary user's PATH lacks the directories of the file system tools.
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    result = subprocess.run([str(word) for word in command], env={**os.environ, "PATH": path},
                            input=stdin, capture_output=True, text=True)
    if result.returncode:
        raise ImageError(f"{command[0]} failed: {result.stderr.strip()}")


def make_image(top, image):
    run_tool("mke2fs", "-q", "-t", "ext4", "-d", top, "-L", "spawntpl",
             "-E", "root_owner=0:0,lazy_itable_init=0", image, IMAGE_SIZE)
    # Everything belongs to root in the guest, whoever runs this.
    if os.geteuid() != 0:
        give_to_root(top, image)


def give_to_root(top, image):
    lines = []
    for directory, names, files in os.walk(top):
        for name in names + files:
            path = "/" + os.path.relpath(f"{directory}/{name}", top)
            lines += [f'sif "{path}" uid 0', f'sif "{path}" gid 0']
    run_tool("debugfs", "-w", "-f", "-", image, stdin="\n".join(lines))


@contextlib.contextmanager
def locked(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def up_to_date_image():
    """The path of an image that holds what the machine and build/ hold now."""
    stamp = IMAGE.with_suffix(".digest")
    with locked(IMAGE.with_suffix(".lock")):
        inputs = collect_inputs()
        digest = inputs.digest()
        if IMAGE.exists() and stamp.exists() and stamp.read_text() == digest:
            return IMAGE
        with tempfile.TemporaryDirectory(dir=IMAGE.parent, prefix="root.") as directory:
            top = Path(directory) / "root"
            with usual_modes():
                stage(inputs, top)
            fresh = Path(directory) / "root.img"
            make_image(top, fresh)
            # A running guest keeps the old file.
            fresh.rename(IMAGE)
        stamp.write_text(digest)
        return IMAGE
