# SPDX-License-Identifier: MIT
"""Starts QEMU with a kernel and the root image, and brings back what the guest did."""

import io
import os
import platform
import selectors
import shlex
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import image
from kernel_reports import find_reports

sys.path.insert(0, str(image.ROOT / "kernel-patch/scripts"))

from project import CACHE  # noqa: E402

PROBE_SECONDS = 20


class MachineError(Exception):
    """The guest could not be started or did not hand its result back."""

    reports = ()  # what the kernel reported until then


class TimeLimit(MachineError):
    pass


@dataclass
class Settings:
    kernel: Path
    cpus: int = 2
    memory: int = 2048  # MiB
    icount: bool = False
    profile: Path | None = None  # where to write what profile_plugin.c counts
    accel: str = "tcg"
    time_limit: float = 600  # seconds


@dataclass
class Result:
    status: int | None = None  # of the command; None if the guest did not get that far
    files: dict = field(default_factory=dict)  # guest path -> content
    leaks: str = ""  # what kmemleak reported
    reports: list = field(default_factory=list)  # what the kernel reported


def acceleration_arguments(settings):
    if settings.icount:
        # One virtual nanosecond per instruction. With ERMS every byte that "rep stos" clears
        # would count as an instruction of its own.
        return ["-accel", "tcg", "-icount", "shift=0,sleep=off", "-cpu", "max,-erms,-fsrm",
                "-seed", "1", *profile_arguments(settings)]
    if settings.accel == "kvm":
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi", "-cpu", "max"]


def profile_arguments(settings):
    if not settings.profile:
        return []
    plugin = image.BUILD / "vm/profile_plugin.so"
    source = image.HERE / "profile_plugin.c"
    with image.locked(plugin.with_suffix(".lock")):
        if not plugin.exists() or plugin.stat().st_mtime < source.stat().st_mtime:
            image.run_tool("gcc", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC",
                           "-fvisibility=hidden", "-o", plugin, source)
    return ["-plugin", f"file={plugin},output={settings.profile.absolute()}"]


def kernel_arguments(settings):
    words = ["console=ttyS0", "root=/dev/vda", "rootfstype=ext4", "rw", "init=/sbin/guest-init",
             "panic=-1", "oops=panic"]
    if settings.icount:
        # Whenever the guest waits for the host's disk, its clock leaps: time tells no hang here.
        words += ["nokaslr", "norandmaps", "mitigations=off", "nosmp", "tsc=reliable",
                  "sysctl.kernel.hung_task_timeout_secs=0", "rcupdate.rcu_cpu_stall_suppress=1"]
    return " ".join(words)


def qemu_command(settings, root, job, console):
    return [
        # However this program ends, no machine is left behind.
        "setpriv", "--pdeathsig", "KILL",
        "qemu-system-x86_64", "-machine", "q35", *acceleration_arguments(settings),
        "-smp", str(settings.cpus), "-m", str(settings.memory),
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-kernel", str(settings.kernel), "-append", kernel_arguments(settings),
        "-serial", f"file:{console}",
        # The first virtio device is number 0 in the names of its ports: /dev/vport0p1.
        "-device", "virtio-serial-pci",
        "-drive", f"file={root},format=raw,if=virtio,snapshot=on,cache=unsafe",
        "-drive", f"file={job},format=raw,if=virtio,readonly=on",
    ]


def port(number, name, path):
    return ["-chardev", f"file,id={name},path={path}",
            "-device", f"virtserialport,chardev={name},nr={number},name={name}"]


def write_job(path, members):
    with tarfile.open(path, "w") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            data = text.encode()
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    # A disk is whole sectors.
    size = os.path.getsize(path)
    os.truncate(path, (size + 511) // 512 * 512)


def run(settings, argv, get, console, output, errors):
    """Runs a command in the guest; its output goes to the two binary files as it comes."""
    job = {"command": f"exec {shlex.join(argv)}\n",
           "get": "".join(f"{path}\n" for path in get)}
    with tempfile.TemporaryDirectory(prefix="spawntpl-vm.") as directory:
        work = Path(directory)
        write_job(work / "job", job)
        streams = {}
        command = qemu_command(settings, image.up_to_date_image(), work / "job", console)
        inherited = []
        for number, (name, sink) in enumerate((("stdout", output), ("stderr", errors)), 1):
            reader, writer = os.pipe()
            streams[reader] = sink
            inherited.append(writer)
            command += port(number, name, f"/dev/fd/{writer}")
        command += port(3, "result", work / "result")
        complaints = work / "qemu.err"
        with open(complaints, "wb") as qemu_errors:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=qemu_errors,
                                       stderr=qemu_errors, pass_fds=inherited)
        for writer in inherited:
            os.close(writer)
        try:
            follow(process, streams, settings.time_limit)
            if process.returncode:
                why = complaints.read_text(errors="replace").strip()
                raise MachineError(f"QEMU ended with status {process.returncode}: {why}")
            return read_result(work / "result", console)
        except MachineError as error:
            error.reports = reports_in(console)
            raise
        finally:
            process.kill()
            process.wait()


def follow(process, streams, time_limit):
    """Copies the guest's output until QEMU ends."""
    deadline = time.monotonic() + time_limit
    with selectors.DefaultSelector() as selector:
        for reader in streams:
            selector.register(reader, selectors.EVENT_READ)
        # QEMU's end closes the pipes.
        while selector.get_map():
            ready = selector.select(max(0, deadline - time.monotonic()))
            if not ready or time.monotonic() >= deadline:
                raise TimeLimit(f"time limit of {time_limit:g} s reached")
            for key, _ in ready:
                data = os.read(key.fd, 65536)
                if data:
                    streams[key.fd].write(data)
                    streams[key.fd].flush()
                else:
                    selector.unregister(key.fd)
                    os.close(key.fd)
    process.wait()


def reports_in(console):
    return find_reports(console.read_text(errors="replace")) if console.exists() else []


def read_result(path, console):
    result = Result(reports=reports_in(console))
    complete = False
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                if not member.isfile():
                    raise MachineError(f"/{member.name} in the guest is not a regular file")
                data = tar.extractfile(member).read()
                if member.name == "status":
                    result.status = int(data)
                elif member.name == "kmemleak":
                    result.leaks = data.decode(errors="replace")
                elif member.name == "end":
                    complete = True
                else:
                    result.files["/" + member.name.lstrip("/")] = data
    except (tarfile.TarError, OSError):
        pass
    if not complete:
        result.status = None
        if not result.reports:
            raise MachineError("the guest ended without a complete result")
    return result


def shell(settings, console):
    """An interactive shell on the guest's virtio console."""
    size = ""
    if sys.stdin.isatty():
        columns, lines = os.get_terminal_size()
        size = f"rows {lines} columns {columns}"
    job = {"command": f"cd; export TERM={shlex.quote(os.environ.get('TERM', 'vt100'))}; exec bash\n",
           "get": "", "shell": "", "size": size}
    with tempfile.TemporaryDirectory(prefix="spawntpl-vm.") as directory:
        work = Path(directory)
        write_job(work / "job", job)
        command = qemu_command(settings, image.up_to_date_image(), work / "job", console)
        # Ctrl-C belongs to the guest.
        command += ["-chardev", "stdio,id=shell,signal=off", "-device", "virtconsole,chardev=shell"]
        command += port(3, "result", work / "result")
        return subprocess.run(command).returncode


def acceleration(kernel):
    """What ACCEL says, else whether a KVM guest really boots here (remembered until a reboot)."""
    wanted = os.environ.get("ACCEL")
    if wanted in ("kvm", "tcg"):
        return wanted
    if wanted:
        raise MachineError(f"ACCEL={wanted}: not kvm or tcg")
    answer = CACHE / "accel" / platform.release()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    if answer.exists():
        answered_in, _, found = answer.read_text().strip().partition(" ")
        if answered_in == boot and found:
            return found
    found = probe(kernel)
    answer.parent.mkdir(parents=True, exist_ok=True)
    answer.write_text(f"{boot} {found}\n")
    return found


def probe(kernel):
    """/dev/kvm can exist and still not run an ordinary guest: only a boot tells."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    settings = Settings(kernel, accel="kvm", time_limit=PROBE_SECONDS)
    with tempfile.TemporaryDirectory(prefix="spawntpl-vm.") as directory:
        try:
            result = run(settings, ["true"], [], Path(directory) / "console",
                         io.BytesIO(), io.BytesIO())
        except MachineError:
            return "tcg"
    return "kvm" if result.status == 0 and not result.reports else "tcg"
