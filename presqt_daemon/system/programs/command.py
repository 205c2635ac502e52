"""One command of the operator's, run under limits: it cannot hang, flood, or leave anything behind.

No shell: an argument list. Its environment holds nothing of ours but where programs are, so that no
token or credential of the daemon reaches it.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from presqt_daemon.safe_text import on_one_line
from presqt_daemon.system.programs.tree import end_tree
from presqt_daemon.units import text_from_seconds

OUTPUT_BYTES = 64 << 10
"""What is kept of a command's output; the rest is read and thrown away, so that it never blocks."""

MARK = "PRESQT_COMMAND"
"""Set in the command's environment, by which what it started is found when it is over."""

PASSED_ON = ("PATH", "HOME", "TMPDIR", "TZ", "PRESQT_TICKET")
"""Variables that a command gets as they are; with the last one a worker's end ends it too."""

PATH_WITHOUT_ONE = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
GRACE_SECONDS = 2.0
"""Between SIGTERM and SIGKILL for a command that has used up its time."""

_TICK_SECONDS = 0.05
_BLOCK_BYTES = 1 << 16


def python_command(code: str, *arguments: str) -> list[str]:
    """A command that runs our own `code` as a new program, with our modules at hand.

    The code has `json` and `sys`; its arguments begin at `sys.argv[2]`.
    """
    paths = json.dumps([path for path in sys.path if path])
    start = f"import json, sys; sys.path[:] = json.loads(sys.argv[1]); {code}"
    return [sys.executable, "-I", "-S", "-c", start, paths, *arguments]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEnd:
    """How a command ended.

    `exit_code` is None where it did not end by itself; then `trouble` says why, as the end of a
    sentence about it (`did not end within 1 min`). `output` is what it printed on both streams, in
    the order printed, at most `OUTPUT_BYTES` of it; `is_cut` says that there was more.
    """

    exit_code: int | None
    output: bytes = b""
    is_cut: bool = False
    trouble: str | None = None

    @property
    def is_ok(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.exit_code == 0

    def lines(self) -> list[str]:
        """Its output as lines fit for a log or a status: no controls, no blank ones."""
        text = self.output.decode("utf-8", "replace")
        return [on_one_line(line.rstrip()) for line in text.splitlines() if line.strip()]

    def describe(self) -> str:
        """The end of a sentence about it: `ended with exit code 3`, or what `trouble` says."""
        return self.trouble or f"ended with exit code {self.exit_code}"


def run_command(
    argv: Sequence[str],
    *,
    seconds: float,
    given: bytes = b"",
    folder: Path = Path("/"),
    variables: Mapping[str, str] | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> CommandEnd:
    """Run a command to its end; never raises for what the command is or does.

    `argv` is started as it stands, without a shell, in `folder`, with `given` on its standard input
    and a clean environment with `variables` added. After `seconds`, or as soon as `is_stopped` says
    so, it is ended with everything that it has started. What it leaves running goes with it in any
    case. Blocks the calling thread until then.
    """
    mark = uuid.uuid4().hex
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=clean_environment(os.environ) | dict(variables or {}) | {MARK: mark},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        # a name with a NUL is a ValueError; a shortage of processes an OSError
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return CommandEnd(exit_code=None, trouble=f"could not be started: {reason}")
    with process:
        # with its start time; None where that cannot be read any more
        identity = None
        with contextlib.suppress(psutil.Error):
            identity = psutil.Process(process.pid)
        talk = _Talk(process, given)
        try:
            trouble = talk.wait(seconds, is_stopped)
        finally:
            # its children hold the pipe and go on without it; none is to outlive it
            grace = GRACE_SECONDS if process.poll() is None else 0.0
            if identity is not None:
                end_tree(identity, (MARK, mark), grace=grace)
            process.kill()
            code = process.wait()
            talk.take_rest()
    if trouble is None and code < 0:
        trouble = f"was killed by signal {-code}{_name_of(-code)}"
    return CommandEnd(
        exit_code=code if trouble is None else None,
        output=bytes(talk.kept),
        is_cut=talk.is_cut,
        trouble=trouble,
    )


def clean_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What a command gets of our environment: where programs are, and nothing that is secret."""
    passed = {name: ours[name] for name in PASSED_ON if name in ours}
    return {"PATH": PATH_WITHOUT_ONE, "LANG": "C.UTF-8"} | passed


class _Talk:
    """Gives a command its input and takes its output, neither of which may block."""

    def __init__(self, process: "subprocess.Popen[bytes]", given: bytes) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.kept = bytearray()
        self.is_cut = False
        self._process = process
        self._stdin: IO[bytes] = process.stdin
        self._stdout: IO[bytes] = process.stdout
        self._rest = memoryview(given)
        self._selector = selectors.DefaultSelector()
        for stream, event in (
            (self._stdin, selectors.EVENT_WRITE),
            (self._stdout, selectors.EVENT_READ),
        ):
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, event)

    def wait(self, seconds: float, is_stopped: Callable[[], bool]) -> str | None:
        """Until the command has ended; why it must be ended, if it must."""
        until = time.monotonic() + seconds
        while self._process.poll() is None:
            if time.monotonic() >= until:
                return f"did not end within {text_from_seconds(seconds)}"
            if is_stopped():
                return "was ended because the daemon stops"
            if not self._selector.get_map():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_TICK_SECONDS)
            for key, _ in self._selector.select(_TICK_SECONDS):
                if key.fileobj is self._stdin:
                    self._give()
                else:
                    self._take()
        return None

    def take_rest(self) -> None:
        """What was printed and not read yet; nobody can print any more."""
        while self._stdout in self._selector.get_map() and self._take():
            pass
        self._selector.close()

    def _give(self) -> None:
        with contextlib.suppress(BlockingIOError):
            try:
                if self._rest:
                    self._rest = self._rest[os.write(self._stdin.fileno(), self._rest) :]
            except BrokenPipeError:
                self._rest = self._rest[:0]  # it need not read what it is given
        if not self._rest:
            self._selector.unregister(self._stdin)
            self._stdin.close()

    def _take(self) -> bool:
        try:
            block = os.read(self._stdout.fileno(), _BLOCK_BYTES)
        except BlockingIOError:
            return False
        if not block:
            self._selector.unregister(self._stdout)
            return False
        room = OUTPUT_BYTES - len(self.kept)
        self.kept += block[:room]
        self.is_cut |= len(block) > room
        return True


def _name_of(number: int) -> str:
    try:
        return f" ({signal.Signals(number).name})"
    except ValueError:
        return ""
