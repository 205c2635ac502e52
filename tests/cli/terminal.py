"""A command on a terminal of its own, and the screen as a person sees it."""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pyte

from tests.cli.program import Program, eventually


class Terminal:
    """A command as it runs on a terminal of so many columns and lines.

    `command` stands for another program than ours. `content` is every byte that came, `lines()`
    the screen after all control sequences.
    """

    def __init__(
        self,
        program: Program,
        *arguments: str | Path,
        columns: int = 80,
        lines: int = 40,
        term: str = "xterm-256color",
        cwd: Path | None = None,
        command: list[str] | None = None,
        **more: str,
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, lines, history=10_000, ratio=1)
        self._stream = pyte.ByteStream(self.screen)
        self._reader_side, side = pty.openpty()
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(side, termios.TIOCSWINSZ, size)
        environment = {**program.environment(), "TERM": term, "LC_ALL": "C.UTF-8", **more}
        for name in ("COLUMNS", "LINES", *(("NO_COLOR",) if "NO_COLOR" not in more else ())):
            if name not in more:
                environment.pop(name, None)
        self.process = subprocess.Popen(
            command or program.command(*arguments),
            stdout=side,
            stderr=side,
            stdin=side,
            env=environment,
            cwd=cwd or program.folder,
            start_new_session=True,
        )
        os.close(side)
        self.content = b""
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the other side is closed
            while block := os.read(self._reader_side, 65536):
                with self._lock:
                    self.content += block
                    self._stream.feed(block)

    def lines(self) -> list[str]:
        """The screen's lines, those that were scrolled out of it first; no blanks at their ends."""
        with self._lock:
            above = [
                "".join(line[column].data for column in range(self.screen.columns)).rstrip()
                for line in self.screen.history.top
            ]
            shown = [line.rstrip() for line in self.screen.display]
        while shown and not shown[-1]:
            shown.pop()
        return above + shown

    def text(self) -> str:
        return "\n".join(self.lines())

    def shows(self, text: str) -> None:
        """Return when the screen shows this."""
        try:
            eventually(lambda: text in self.text(), f"{text!r} on the screen")
        except AssertionError as error:
            raise AssertionError(f"{error}; it shows\n{self.text()}") from None

    def type(self, text: str) -> None:
        """What a person types."""
        os.write(self._reader_side, text.encode())

    def interrupt(self) -> None:
        """^C."""
        self.process.send_signal(2)

    def end(self) -> str:
        """All that was sent, with its control sequences, when the command has ended."""
        self.process.wait(120)
        self._reader.join(60)
        os.close(self._reader_side)
        return self.content.decode()


@contextlib.contextmanager
def on_terminal(program: Program, *arguments: str | Path, **options: object) -> Iterator[Terminal]:
    """The same, ended at the latest when the test is over."""
    terminal = Terminal(program, *arguments, **options)  # type: ignore[arg-type]
    try:
        yield terminal
    finally:
        if terminal.process.poll() is None:
            terminal.process.kill()
            terminal.end()
