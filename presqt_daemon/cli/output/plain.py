"""Plain lines, for pipes and files: columns by spaces, one line for each change."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from presqt_daemon.cli.output.rows import WIDE_COLUMNS, StatusScreen
from presqt_daemon.cli.output.show import Bar, Row, print_lines

LINE_SECONDS = 1.0
"""A line about progress comes at most this often."""


def print_table(columns: Row, rows: Sequence[Row]) -> None:
    """Rows with aligned columns, at least two spaces between them; the last is not padded."""
    everything = [tuple(name.upper() for name in columns), *rows]
    widths = [max(map(len, column)) for column in zip(*everything, strict=True)]
    for row in everything:
        cells = [f"{cell:<{width}}" for cell, width in zip(row[:-1], widths, strict=False)]
        print("  ".join([*cells, row[-1]]).rstrip())


def print_tickets(screen: StatusScreen) -> None:
    """The table with nothing cut, whole ticket numbers and moments instead of ages."""
    print_lines(screen.above)
    print_table(WIDE_COLUMNS, [row.wide for row in screen.rows])
    print_lines(screen.below)


@contextmanager
def following_tickets() -> Iterator[Callable[[StatusScreen], None]]:
    """Prints the rows that are new or have changed."""
    known: set[tuple[str, ...]] = set()
    print("  ".join(name.upper() for name in WIDE_COLUMNS), flush=True)

    def update(screen: StatusScreen) -> None:
        rows = [row.wide for row in screen.rows]
        for row in rows:
            if row not in known:
                print("  ".join(row), flush=True)
        known.clear()
        known.update(rows)

    yield update


@contextmanager
def following_bar(
    *, stays: bool = True, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[Bar], None]]:
    """Prints a line when what it says has changed, once a second at most; the last one always."""
    printed, owed, due = "", "", float("-inf")

    def update(bar: Bar) -> None:
        nonlocal printed, owed, due
        owed = line_of(bar)
        if owed != printed and (bar.is_urgent or clock() >= due):
            print(owed, flush=True)
            printed, due = owed, clock() + LINE_SECONDS

    try:
        yield update
    finally:
        if stays and owed != printed:
            print(owed, flush=True)


def line_of(bar: Bar) -> str:
    """`50% Upload in progress. (1 of 4 files, 1.0 of 3.0 MB, 2.1 MB/s, 12 s left)`."""
    percent = [] if bar.share is None else [f"{int(bar.share * 100)}%"]
    figures = [f"({', '.join(bar.figures)})"] if bar.figures else []
    return " ".join([*percent, bar.words, *figures])


def print_page(text: str) -> None:
    """Print the page as it is written."""
    print(text, end="")
