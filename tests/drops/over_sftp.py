"""Clients of OpenSSH's sftp-server and scp, without a daemon: both speak through a pipe."""

import os
import shlex
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from tests.drops.programs import Client, find_rclone, run

SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server")
ROUND_TRIP_SECONDS = 0.01


def find_server() -> str | None:
    """OpenSSH's sftp-server."""
    return next((path for path in SERVERS if os.path.exists(path)), None)


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


def through_paramiko(bring: Callable[[Any, Path, Path], None]) -> Client:
    """`bring` gets paramiko's client, a file and the name to be."""

    def call(files: list[Path], inbox: Path) -> list[str]:
        import paramiko  # noqa: PLC0415  (only where it is installed)

        server = find_server()
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

    return call


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


def filezilla_order(client: Any, source: Path, destination: Path) -> None:
    """FileZilla with "Preserve timestamps": the file by its name, its times, then a listing.

    Source: wiki.filezilla-project.org, Preserving timestamps.
    """
    with client.open(str(destination), "wb") as stream:
        stream.write(source.read_bytes())
    client.utime(str(destination), (1_600_000_000, 1_600_000_000))
    assert destination.name in client.listdir(str(destination.parent))


def cyberduck_order(client: Any, source: Path, destination: Path) -> None:
    """Cyberduck with temporary names: name and random word, rename, permissions and times.

    Source: its default `{0}-{1}` of `queue.upload.file.temporary.format`, and its upload filter.
    """
    part = f"{destination}-Ab3dE6gH"
    client.put(str(source), part)
    client.rename(part, str(destination))
    client.chmod(str(destination), 0o644)
    client.utime(str(destination), (1_600_000_000, 1_600_000_000))
    assert client.stat(str(destination)).st_size == source.stat().st_size


def rclone(*options: str) -> Client:
    """rclone's sftp remote, its ssh replaced by the server itself."""

    def call(files: list[Path], inbox: Path) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            ssh = _instead_of_ssh(Path(folder))
            pipe = ("--sftp-ssh", ssh, "--sftp-shell-type", "none")
            return run(find_rclone(), "copy", *options, *pipe, files[0].parent, f":sftp:{inbox}")

    return call


def sftp(command: str) -> Client:
    """OpenSSH's sftp, one line of its own language for each file."""

    def call(files: list[Path], inbox: Path) -> list[str]:
        server = find_server()
        assert server is not None
        faults = []
        for file in files:
            if command.startswith("reput"):
                content = file.read_bytes()
                (inbox / file.name).write_bytes(content[: len(content) // 3])
            words = f"{command} {shlex.quote(str(file))} {shlex.quote(str(inbox / file.name))}\n"
            faults += run("sftp", "-b", "-", "-D", server, words=words)
        return faults

    return call


def scp(*options: str) -> Client:
    """OpenSSH's scp; `-O` is the protocol before 9.0."""

    def call(files: list[Path], inbox: Path) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            ssh = _instead_of_ssh(Path(folder))
            return run("scp", "-q", *options, "-S", ssh, *files, f"here:{inbox}/")

    return call


def lftp(command: str) -> Client:
    """lftp over sftp; `{files}`, `{from}` and `{to}` are set in its commands."""

    def call(files: list[Path], inbox: Path) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            ssh = _instead_of_ssh(Path(folder))
            names = {"files": " ".join(str(file) for file in files), "from": str(files[0].parent),
                     "to": str(inbox)}  # fmt: skip
            words = (
                f"set sftp:connect-program {ssh}; set cmd:fail-exit true; "
                f"open -u x,x sftp://here; {command.format_map(names)}"
            )
            return run("lftp", "--norc", "-c", words)

    return call


def _instead_of_ssh(folder: Path) -> str:
    """A program that takes ssh's arguments and runs here what it would run there."""
    script = folder / "ssh"
    script.write_text(
        f"""#!/bin/sh
case " $* " in
  *" sftp "*) exec {find_server()} ;;
esac
while [ $# -gt 0 ]; do
  case "$1" in
    here) shift; exec sh -c "$*" ;;
  esac
  shift
done
exec {find_server()}
"""
    )
    script.chmod(0o755)
    return str(script)
