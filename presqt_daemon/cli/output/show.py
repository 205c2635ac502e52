"""What is printed and where: a terminal gets tables and bars, everything else plain lines.

Nothing in a file's name can move the cursor or hide.
"""

import importlib
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from presqt_daemon.safe_text import on_one_line
from presqt_daemon.system.files import json_bytes, printable_name
from presqt_daemon.system.systemd import is_journal

if TYPE_CHECKING:
    from presqt_daemon.cli.output.rows import StatusScreen

LISTED = 10
"""Lists are cut here; what is left out is counted."""

_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{20,}\b")

Row = Sequence[str]
_LABEL = re.compile(r"\S+(?: \S+)? {2,}| +")
"""What stands before a fact: its name and blanks, or blanks alone."""


def shown(text: str) -> str:
    """The text on one line: control and direction characters appear as escapes."""
    return on_one_line(printable_name(text))


def brief(text: str) -> str:
    """As `shown`, with only the beginning of digests, which drown the words around them."""
    return _DIGEST.sub(r"\1...", shown(text))


def capped(items: Iterable[str], total: int | None = None, most: int = LISTED) -> Iterator[str]:
    """At most `most` items, escaped, and a last line that counts the rest."""
    rows = [brief(item) for item in items]
    yield from rows[:most]
    left = max(total or 0, len(rows)) - min(most, len(rows))
    if left > 0:
        yield f"... and {left} more"


def text_from_moment(moment: datetime | None) -> str:
    """A moment for people, UTC to the second; `-` for none."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if moment else "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What is being done, how far it is (0 to 1, None where nobody knows), and figures in words.

    `is_urgent`: it is told at once where others wait for the next second.
    """

    words: str
    share: float | None
    figures: tuple[str, ...] = ()
    is_urgent: bool = False


class Pen(Protocol):
    """What `plain` and `screen` both offer. Texts are escaped already (`text.shown`)."""

    def print_table(self, columns: Row, rows: Sequence[Row]) -> None:
        """Print rows under their columns' names."""
        ...

    def print_tickets(self, screen: "StatusScreen") -> None:
        """Print the table of tickets with what belongs to it."""
        ...

    def following_tickets(self) -> AbstractContextManager[Callable[["StatusScreen"], None]]:
        """Show the table of tickets as it changes."""
        ...

    def following_bar(self, *, stays: bool = True) -> AbstractContextManager[Callable[[Bar], None]]:
        """Show how far something is as it is told; whether the last of it stays on a screen."""
        ...

    def print_page(self, text: str) -> None:
        """Show a page of Markdown."""
        ...


def is_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout.isatty()


def is_dumb() -> bool:
    """Whether the terminal can only write line after line."""
    return os.environ.get("TERM", "dumb") in {"dumb", "unknown", ""}


def pen() -> Pen:
    """The pen for standard output; rich is only loaded for a terminal."""
    name = "screen" if is_terminal() else "plain"
    chosen: Pen = importlib.import_module(f"presqt_daemon.cli.output.{name}")
    return chosen


def print_lines(lines: Iterable[str]) -> None:
    """Print lines that are escaped already."""
    for line in lines:
        print(line)


def print_text(lines: Iterable[str]) -> None:
    """Print sentences and facts, escaped already; on a terminal they go on at a blank.

    What goes on stands below what it belongs to. Words that are longer than a line, such as paths,
    stay whole.
    """
    if not is_terminal():
        print_lines(lines)
        return
    width = shutil.get_terminal_size().columns
    for line in lines:
        label = _LABEL.match(line)
        if label is not None and " " not in line[label.end() :]:
            print(line)  # a path or an address, to be copied
            continue
        indent = " " * min(len(label[0]) if label else 0, width // 2)
        folded = textwrap.wrap(
            line,
            width,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        print("\n".join(folded))


def print_json(value: Any) -> None:
    """Print one JSON document, UTF-8 whatever the terminal speaks."""
    sys.stdout.flush()
    sys.stdout.buffer.write(json_bytes(value))
    sys.stdout.buffer.flush()


def complain(message: str) -> None:
    """Say on one line of stderr what is wrong; an error to the journal."""
    priority = "<3>" if is_journal() else ""
    print(f"{priority}presqt-daemon: {message}", file=sys.stderr)
