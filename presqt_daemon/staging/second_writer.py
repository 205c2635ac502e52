"""A second process that writes small files, since one process keeps one core busy with them.

Started as a program of its own, never forked: the worker has threads. It ends when the worker
does, since its channel closes then.
"""

import contextlib
import gc
import os
import subprocess
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from presqt_daemon.errors import HouseFault
from presqt_daemon.staging.folders import Creator
from presqt_daemon.staging.small import Kept, Small, is_small, write_small
from presqt_daemon.system.programs.command import python_command
from presqt_daemon.zips.directory import Window
from presqt_daemon.zips.entries import Archive, Member

_START = "from presqt_daemon.staging.second_writer import main; main(*map(int, sys.argv[2:]))"
_MAX_HELPERS = 3
_FILE_SECONDS = 40e-6
_BYTE_SECONDS = 5e-9
_HELPER_SECONDS = 0.15
"""A helper is worth its start for each so much work, by a rough guess of one core's pace."""


class SecondWriter:
    """The worker's end of one helper, which starts at once and works where it is told.

    `given` are the files handed over whose answer has not come yet, batch by batch.
    """

    def __init__(self, zip_fd: int) -> None:
        self.given: deque[Sequence[Small]] = deque()
        self.channel, far = Pipe()
        with far:
            self._process = subprocess.Popen(
                python_command(_START, str(far.fileno()), str(zip_fd)),
                pass_fds=(far.fileno(), zip_fd),
                stdin=subprocess.DEVNULL,
            )

    def work_in(self, root: Path, mode: int, *, from_disk: bool) -> None:
        """Say where the files that follow go; the folder exists, with all its folders."""
        with contextlib.suppress(OSError):
            self.channel.send((os.fsencode(root), mode, from_disk))

    def send(self, files: Sequence[Small]) -> None:
        """Hand over files; the answer comes by `receive`, even once the helper is gone."""
        self.given.append(files)
        with contextlib.suppress(OSError):
            self.channel.send([(path, tuple(member), names) for path, member, names in files])

    def receive(self) -> tuple[Sequence[Small], list[Kept]]:
        """The oldest files handed over and what became of them; waits for it.

        Raises what the helper's work raised, and HouseFault `worker-died` when it is gone.
        """
        try:
            answer: Any = self.channel.recv()
        except (EOFError, OSError):
            raise HouseFault(
                "worker-died", "A process that unpacked files has ended.", retryable=True
            ) from None
        if isinstance(answer, Exception):
            raise answer
        return self.given.popleft(), [Kept(digests, is_same) for digests, is_same in answer]

    def close(self) -> None:
        """End the helper, whatever it does."""
        self.channel.close()
        self._process.kill()
        self._process.wait()


def main(channel_fd: int, zip_fd: int) -> None:
    """Serve one worker until it closes the channel."""
    gc.disable()  # as in the worker itself while it stages
    window = Window(zip_fd)
    with Connection(channel_fd) as channel, contextlib.suppress(EOFError, OSError):
        while True:
            message = channel.recv()
            if isinstance(message, tuple):
                path, mode, from_disk = message
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                creator = Creator(os.open(path, flags), mode)
                continue
            try:
                files = [Small(path, Member(*values), names) for path, values, names in message]
                kept = write_small(window, creator, files, from_disk=from_disk)
                answer: object = [tuple(one) for one in kept]
            except Exception as error:  # noqa: BLE001  (raised again in the worker)
                answer = error
            channel.send(answer)


@contextlib.contextmanager
def helpers_for(archive: Archive) -> Iterator[tuple[SecondWriter, ...]]:
    """As many helpers as the zip's small files are worth, with the cores there are."""
    count = helper_count([member for member in archive.members if is_small(member)])
    with contextlib.ExitStack() as stack:
        helpers = []
        for _ in range(count):
            helpers.append(SecondWriter(archive.fd))
            stack.callback(helpers[-1].close)
        yield tuple(helpers)


def helper_count(members: Sequence[Member]) -> int:
    """How many helpers it pays to start for these small files."""
    total = sum(member.size for member in members)
    seconds = len(members) * _FILE_SECONDS + total * _BYTE_SECONDS
    return max(0, min(_MAX_HELPERS, spare_cores(), int(seconds / _HELPER_SECONDS)))


def spare_cores() -> int:
    """Cores that this process may use beside its own."""
    return len(os.sched_getaffinity(0)) - 1
