"""Where output goes: a terminal gets tables and bars, everything else plain lines."""

import importlib
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from presqt_daemon.system.files import json_bytes
from presqt_daemon.system.systemd import is_journal
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.upgrade.state import JobState

Row = Sequence[str]


class Pen(Protocol):
    """What `plain` and `screen` both offer. Texts are escaped already (`text.shown`)."""

    def print_table(self, columns: Row, rows: Sequence[Row]) -> None:
        """Print rows under their columns' names."""
        ...

    def following(self) -> AbstractContextManager[Callable[[ProcessInfo], None]]:
        """Show one ticket's progress as it is told."""
        ...

    def following_table(
        self, columns: Row
    ) -> AbstractContextManager[Callable[[Sequence[Row]], None]]:
        """Show a table as its rows change."""
        ...

    def following_job(self) -> AbstractContextManager[Callable[[JobState], None]]:
        """Show how far `prepare-upgrade` is as it is told."""
        ...

    def print_page(self, text: str) -> None:
        """Show a page of Markdown."""
        ...


def is_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout.isatty()


def pen() -> Pen:
    """The pen for standard output; rich is only loaded for a terminal."""
    name = "screen" if is_terminal() else "plain"
    chosen: Pen = importlib.import_module(f"presqt_daemon.cli.output.{name}")
    return chosen


def print_lines(lines: Iterable[str]) -> None:
    """Print lines that are escaped already."""
    for line in lines:
        print(line)


def print_json(value: Any) -> None:
    """Print one JSON document, UTF-8 whatever the terminal speaks."""
    sys.stdout.flush()
    sys.stdout.buffer.write(json_bytes(value))
    sys.stdout.buffer.flush()


def complain(message: str) -> None:
    """Say on one line of stderr what is wrong; an error to the journal."""
    priority = "<3>" if is_journal() else ""
    print(f"{priority}presqt-daemon: {message}", file=sys.stderr)
