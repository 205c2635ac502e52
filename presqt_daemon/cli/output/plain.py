"""Plain lines, for pipes and files: columns by spaces, one line for each change."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from presqt_daemon.cli.output.describe import progress_line
from presqt_daemon.cli.output.show import Row
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.upgrade.state import JobState


def print_table(columns: Row, rows: Sequence[Row]) -> None:
    """Rows with aligned columns, at least two spaces between them; the last is not padded."""
    everything = [tuple(name.upper() for name in columns), *rows]
    widths = [max(map(len, column)) for column in zip(*everything, strict=True)]
    for row in everything:
        cells = [f"{cell:<{width}}" for cell, width in zip(row[:-1], widths, strict=False)]
        print("  ".join([*cells, row[-1]]).rstrip())


@contextmanager
def following() -> Iterator[Callable[[ProcessInfo], None]]:
    """Prints a line whenever what it says has changed."""
    last = ""

    def update(info: ProcessInfo) -> None:
        nonlocal last
        line = progress_line(info)
        if line != last:
            print(line, flush=True)
            last = line

    yield update


@contextmanager
def following_job() -> Iterator[Callable[[JobState], None]]:
    """Prints a line whenever another tenth is done."""
    last = ""

    def update(state: JobState) -> None:
        nonlocal last
        tenth = 10 * state.progress // state.total if state.total else 0
        if state.started_at is not None and last != (last := f"{state.run} {tenth}"):
            print(f"{state.progress} of {state.total} tickets looked at", flush=True)

    yield update


@contextmanager
def following_table(columns: Row) -> Iterator[Callable[[Sequence[Row]], None]]:
    """Prints the rows that are new or have changed."""
    known: set[Row] = set()
    print("  ".join(name.upper() for name in columns), flush=True)

    def update(rows: Sequence[Row]) -> None:
        for row in rows:
            if row not in known:
                print("  ".join(row), flush=True)
        known.clear()
        known.update(rows)

    yield update


def print_page(text: str) -> None:
    """Print the page as it is written."""
    print(text, end="")
