"""The programs that people drop files with, each as a function: files and an inbox in, faults out.

`None` stands for a program that is not installed here.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

Client = Callable[[list[Path], Path], list[str]]
"""Brings files into a folder; what the program said was wrong."""

SFTP_SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server")
ROUND_TRIP_SECONDS = 0.01


def find_rclone() -> str | None:
    """rclone as pip or the system has it."""
    beside = Path(sys.executable).with_name("rclone")
    return str(beside) if beside.exists() else shutil.which("rclone")


def find_sftp_server() -> str | None:
    """OpenSSH's own server, which needs no daemon: it speaks through a pipe."""
    return next((path for path in SFTP_SERVERS if os.path.exists(path)), None)


def each(call: Callable[[Path, Path], object]) -> Client:
    """One call for each file."""

    def bring(files: list[Path], inbox: Path) -> list[str]:
        faults = []
        for file in files:
            try:
                call(file, inbox / file.name)
            except OSError as error:
                faults.append(str(error))
        return faults

    return bring


def program(*command: str) -> Client:
    """A program that takes one file and its new name."""

    def call(source: Path, destination: Path) -> None:
        done = subprocess.run(
            [*command, source, destination], capture_output=True, text=True, check=False
        )
        if done.returncode or done.stderr:
            raise OSError(f"{done.returncode}: {done.stderr}")

    return each(call)


def whole_folder(*command: str) -> Client:
    """A program that copies one folder into another."""

    def bring(files: list[Path], inbox: Path) -> list[str]:
        done = subprocess.run(
            [*command, f"{files[0].parent}/", f"{inbox}/"],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"RCLONE_CONFIG": "/dev/null"},
        )
        bad = done.returncode or "ERROR" in done.stderr
        return [f"{done.returncode}: {done.stderr[-500:]}"] if bad else []

    return bring


class _Pipe:
    """As much of a paramiko channel as its client wants, on a socket, as slow as a network."""

    closed = False

    def __init__(self, ours: socket.socket) -> None:
        self._socket = ours

    def send(self, data: bytes) -> int:
        time.sleep(ROUND_TRIP_SECONDS)
        return self._socket.send(data)

    def recv(self, count: int) -> bytes:
        return self._socket.recv(count)

    def close(self) -> None:
        self._socket.close()

    def get_name(self) -> str:
        return "pipe"

    def fileno(self) -> int:
        return self._socket.fileno()


def through_sftp(bring: Callable[[Any, Path, Path], None]) -> Client:
    """paramiko before OpenSSH's server; `bring` gets its client, a file and the name to be."""

    def run(files: list[Path], inbox: Path) -> list[str]:
        import paramiko  # noqa: PLC0415  (only where it is installed)

        server = find_sftp_server()
        assert server is not None
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen([server], stdin=theirs.fileno(), stdout=theirs.fileno())
        client = paramiko.SFTPClient(cast("Any", _Pipe(ours)))
        faults = []
        for file in files:
            try:
                bring(client, file, inbox / file.name)
            except OSError as error:
                faults.append(repr(error))
        client.close()
        process.wait(10)
        return faults

    return run


def paramiko_put(client: Any, source: Path, destination: Path) -> None:
    """`put` asks for the size of what it has written; docs.paramiko.org, SFTPClient.put."""
    client.put(str(source), str(destination))


def winscp_order(client: Any, source: Path, destination: Path) -> None:
    """What WinSCP does: `.filepart`, rename, then times (winscp.net/eng/docs/resume)."""
    part = f"{destination}.filepart"
    client.put(str(source), part)
    client.posix_rename(part, str(destination))
    client.utime(str(destination), (1_600_000_000, 1_600_000_000))
    client.chmod(str(destination), 0o640)


def rclone_over_sftp(files: list[Path], inbox: Path) -> list[str]:
    """rclone's sftp remote, its ssh replaced by the server itself."""
    rclone, server = find_rclone(), find_sftp_server()
    assert rclone is not None
    assert server is not None
    with tempfile.TemporaryDirectory() as folder:
        wrap = Path(folder) / "ssh"
        wrap.write_text(f"#!/bin/sh\nexec {server}\n")
        wrap.chmod(0o755)
        options = ("--sftp-ssh", str(wrap), "--sftp-shell-type", "none")
        done = subprocess.run(
            [rclone, "copy", *options, str(files[0].parent), f":sftp:{inbox}"],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"RCLONE_CONFIG": "/dev/null"},
        )
    bad = done.returncode or "ERROR" in done.stderr
    return [f"{done.returncode}: {done.stderr[-500:]}"] if bad else []


def needs(name: str) -> str | None:
    """What is missing here for a client, None when nothing is."""
    if "rclone" in name and find_rclone() is None:
        return "rclone is not installed (pip install -e '.[clients]')"
    if "rsync" in name and shutil.which("rsync") is None:
        return "rsync is not installed"
    if "sftp" in name and find_sftp_server() is None:
        return "OpenSSH's sftp-server is not installed"
    if "paramiko" in name or "winscp" in name:
        try:
            __import__("paramiko")
        except ImportError:
            return "paramiko is not installed (pip install -e '.[clients]')"
    return None


RCLONE = find_rclone() or "rclone"

CLIENTS: dict[str, Client] = {
    "shutil.copy": each(shutil.copy),
    "shutil.copy2": each(shutil.copy2),
    "shutil.move": each(lambda source, destination: shutil.move(str(source), destination)),
    "cp": program("cp"),
    "cp -p": program("cp", "-p"),
    "mv": program("mv"),
    "install -m": program("install", "-m", "640"),
    "rsync": whole_folder("rsync", "-a"),
    "rsync --inplace": whole_folder("rsync", "-a", "--inplace"),
    "rsync --delay-updates": whole_folder("rsync", "-a", "--delay-updates"),
    "rsync --partial-dir": whole_folder("rsync", "-a", "--partial-dir=.rsync-partial"),
    "rclone": whole_folder(RCLONE, "copy"),
    "rclone --inplace": whole_folder(RCLONE, "copy", "--inplace"),
    "rclone over sftp": rclone_over_sftp,
    "paramiko put over sftp": through_sftp(paramiko_put),
    "winscp over sftp": through_sftp(winscp_order),
}
