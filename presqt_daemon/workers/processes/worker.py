"""The daemon's end of one worker process: what it says, and whether it lives."""

import contextlib
import os
import pickle
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from typing import Any

import psutil

READ_BYTES = 1 << 16
_UNKNOWN_EXIT = 255
"""What multiprocessing says of a worker whose forkserver is gone."""


class Worker:
    """The parent's end of one worker process; used by one thread.

    The forkserver reaps a dead worker at once, so that its pid may soon be another's: `identity`
    holds the start time too. Its end is seen on the process itself (pidfd_open(2)), since the
    forkserver may be gone before.
    """

    def __init__(
        self, process: ForkServerProcess, identity: psutil.Process, channel: Connection
    ) -> None:
        self.process = process
        self.identity = identity
        self.channel = channel
        self.runs = 0
        self._inbound = bytearray()
        self._pidfd: int | None = None
        with contextlib.suppress(OSError):
            self._pidfd = os.pidfd_open(identity.pid)

    @property
    def pid(self) -> int:
        """The process's pid, to be shown; to signal it, use `identity`."""
        return self.identity.pid

    def send(self, message: Any) -> bool:
        """Hand a task or an answer over; False when the worker is gone."""
        try:
            self.channel.send(message)
        except (OSError, ValueError):
            return False
        return True

    def receive(self, timeout: float) -> tuple[Any | None, bool]:
        """The next message within `timeout` seconds (or None), and whether the worker lives.

        A message that was sent before the worker died is still delivered first. One of which only
        a part has come is waited for no longer than any other.
        """
        if (message := self._next()) is not None:
            return message, True
        ready = wait([self.channel, self._end], timeout)
        if self.channel not in ready:
            return None, not ready
        try:
            block = os.read(self.channel.fileno(), READ_BYTES)
        except OSError:
            return None, False
        self._inbound += block
        return self._next(), bool(block)

    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return not wait([self._end], 0)

    def exit_code(self, timeout: float) -> int | None:
        """The exit code once the process has ended; None while it has not, or nobody knows it."""
        if not wait([self._end], timeout):
            return None
        self.process.join(timeout)
        code = self.process.exitcode
        return None if code == _UNKNOWN_EXIT else code

    def close(self) -> None:
        """Let go of the parent's handles, once; a worker that waits for a task ends by that."""
        self.channel.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        with contextlib.suppress(ValueError, AttributeError):
            process = self.process
            # one that has not been reaped yet keeps its pipes until nobody refers to it any more
            del self.process
            process.close()

    @property
    def _end(self) -> int:
        """What becomes readable when the process ends."""
        return self.process.sentinel if self._pidfd is None else self._pidfd

    def _next(self) -> Any | None:
        """The next whole message that has come, None without one; framed as `Connection` does."""
        head = 4
        if len(self._inbound) < head:
            return None
        size = int.from_bytes(self._inbound[:head], "big", signed=True)
        if size < 0:
            head = 12
            size = int.from_bytes(self._inbound[4:head], "big")
        if len(self._inbound) < head + size:
            return None
        message = pickle.loads(self._inbound[head : head + size])  # noqa: S301  (our own process)
        del self._inbound[: head + size]
        return message
