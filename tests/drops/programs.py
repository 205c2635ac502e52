"""Programs that copy files, each as a function: files and an inbox in, what it said out."""

import contextlib
import functools
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.house.house import wait_until

Client = Callable[[list[Path], Path], list[str]]
"""Brings files into a folder; what the program said was wrong."""


def find_rclone() -> str:
    """rclone as pip or the system has it."""
    beside = Path(sys.executable).with_name("rclone")
    return os.environ.get("RCLONE") or (str(beside) if beside.exists() else "rclone")


def run(*command: object, cwd: Path | None = None, words: str | None = None) -> list[str]:
    """One program to its end; what it said when it ended badly or spoke of an error.

    `words` is what it reads from its standard input.
    """
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True, text=True, check=False, cwd=cwd, input=words,
        env=os.environ | {"RCLONE_CONFIG": "/dev/null"},
    )  # fmt: skip
    is_bad = done.returncode or "ERROR" in done.stderr
    return [f"{command[0]}: {done.returncode}: {done.stderr[-500:]}"] if is_bad else []


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
    """A program that takes one file and its new name; `{}` and `{to}` stand for them."""
    words = command if "{to}" in " ".join(command) else (*command, "{}", "{to}")

    def bring(files: list[Path], inbox: Path) -> list[str]:
        faults = []
        for file in files:
            names = {"{}": str(file), "{to}": str(inbox / file.name)}
            filled = [functools.reduce(lambda w, n: w.replace(*n), names.items(), w) for w in words]
            faults += run(*filled)
        return faults

    return bring


def whole_folder(*command: str) -> Client:
    """A program that copies one folder into another."""
    return lambda files, inbox: run(*command, f"{files[0].parent}/", f"{inbox}/")


def rsync(*options: str) -> Client:
    """rsync -a with the files named: with a folder it would give the inbox that folder's rights."""
    return lambda files, inbox: run("rsync", "-a", *options, *files, f"{inbox}/")


def renamed_here(files: list[Path], inbox: Path) -> list[str]:
    """`mv` from a folder of the same file system: one rename."""
    return _from_beside(files, inbox, "mv")


def linked_here(files: list[Path], inbox: Path) -> list[str]:
    """`ln`: a second name for a file that stays where it is."""
    return _from_beside(files, inbox, "ln")


def _from_beside(files: list[Path], inbox: Path, command: str) -> list[str]:
    with tempfile.TemporaryDirectory(dir=inbox.parents[1] / "senders") as folder:
        near = [Path(shutil.copy(file, folder)) for file in files]
        return [fault for file in near for fault in run(command, file, inbox / file.name)]


def unpacked(pack: str, *unpack: str) -> Client:
    """An archive of all files, unpacked into the inbox."""

    def bring(files: list[Path], inbox: Path) -> list[str]:
        place = files[0].parent
        archive = place / f"all.{pack}"
        names = [file.name for file in files]
        maker = ("tar", "-cf") if pack == "tar" else ("zip", "-q")
        faults = run(*maker, archive, *names, cwd=place)
        words = [word.format(archive, to=inbox) for word in unpack]
        return faults + run(*words)

    return bring


def rsync_elsewhere(files: list[Path], inbox: Path) -> list[str]:
    """rsync that keeps its temporary files on another file system, and copies them at the end."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        return rsync(f"--temp-dir={folder}")(files, inbox)


def rsync_goes_on(files: list[Path], inbox: Path) -> list[str]:
    """rsync --append onto the first half of each file, which an earlier try has left."""
    for file in files:
        content = file.read_bytes()
        (inbox / file.name).write_bytes(content[: len(content) // 2])
    return rsync("--append")(files, inbox)


def through_mount(files: list[Path], inbox: Path) -> list[str]:
    """`cp` into what `rclone mount` shows of the inbox; ended, it has brought all it was given."""
    with tempfile.TemporaryDirectory() as folder:
        mount = Path(folder) / "mount"
        mount.mkdir()
        command = [find_rclone(), "mount", str(inbox), str(mount), "--vfs-cache-mode=writes",
                   "--vfs-write-back=0s", f"--cache-dir={folder}/cache"]  # fmt: skip
        environment = os.environ | {"RCLONE_CONFIG": "/dev/null"}
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=environment
        ) as process:
            try:
                wait_until(mount.is_mount, what="for the mount")
                faults = [fault for file in files for fault in run("cp", file, mount / file.name)]
            finally:
                run("fusermount3", "-u", mount)
                said = process.communicate(timeout=60)[1]
        return [*faults, said] if process.returncode or "ERROR" in said else faults


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def downloaded(*command: str) -> Client:
    """A program that downloads into the inbox; `{url}`, `{to}`, `{name}` and `{folder}` are set."""

    def bring(files: list[Path], inbox: Path) -> list[str]:
        faults = []
        with _served(files[0].parent) as url:
            for file in files:
                names = {"url": f"{url}/{file.name}", "to": str(inbox / file.name),
                         "name": file.name, "folder": str(inbox)}  # fmt: skip
                faults += run(*(word.format_map(names) for word in command))
        return faults

    return bring
