"""The lines below the log of a `run` in the foreground: what is at work now, and how far it is.

Made of plain text and a few control sequences, since the daemon's process loads no library for
the screen. The log is written above the lines, which are drawn anew below it.
"""

import contextlib
import shutil
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO, cast

from presqt_daemon.cli.output.show import is_dumb

TURN_SECONDS = 1.0
BAR_WIDTH = 20

_WIDE = frozenset({"W", "F"})


class Footer:
    """A stream for the log that keeps some lines below it; safe from several threads."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._lines: tuple[str, ...] = ()
        self._drawn = 0

    def write(self, text: str) -> int:
        """Write a part of the log; whole lines come, as the log's handler makes them."""
        with self._lock:
            self._erase()
            self._stream.write(text)
            if text.endswith("\n"):
                self._draw()
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def show(self, lines: Sequence[str]) -> None:
        """Have these lines stand below the log from now on; none: nothing."""
        width = shutil.get_terminal_size().columns - 1
        fitting = tuple(cut(line, width) for line in lines)
        with self._lock:
            if fitting != self._lines:
                self._erase()
                self._lines = fitting
                self._draw()
                self._stream.flush()

    def _erase(self) -> None:
        if self._drawn:
            self._stream.write(f"\x1b[{self._drawn}A\r\x1b[J")
            self._drawn = 0

    def _draw(self) -> None:
        for line in self._lines:
            self._stream.write(f"{line}\n")
        self._drawn = len(self._lines)


@contextlib.contextmanager
def footer_below_log(lines: Callable[[], Sequence[str]]) -> Iterator[TextIO | None]:
    """The stream for the log while `lines` are shown below it; None where nobody would see them."""
    if not sys.stderr.isatty() or is_dumb():
        yield None
        return
    footer = Footer(sys.stderr)
    is_over = threading.Event()

    def turn() -> None:
        while not is_over.wait(TURN_SECONDS):
            with contextlib.suppress(OSError):  # the terminal may go, and a disk be away
                footer.show(lines())

    thread = threading.Thread(target=turn, name="footer", daemon=True)
    thread.start()
    try:
        yield cast("TextIO", footer)  # the log needs no more of a stream than this
    finally:
        is_over.set()
        thread.join(5 * TURN_SECONDS)
        with contextlib.suppress(OSError):
            footer.show(())


def text_bar(share: float, width: int = BAR_WIDTH) -> str:
    """A bar in characters that every UTF-8 terminal has."""
    full = int(min(max(share, 0.0), 1.0) * width)
    return "━" * full + "─" * (width - full)


def cut(text: str, width: int) -> str:
    """The text in so many columns, with an ellipsis where it is longer."""
    columns = [0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in _WIDE)
               for c in text]  # fmt: skip
    if sum(columns) <= width:
        return text
    used = 0
    for number, wide in enumerate(columns):
        if used + wide > width - 1:
            return f"{text[:number]}…"
        used += wide
    return text
