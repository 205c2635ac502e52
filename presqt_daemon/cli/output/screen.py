"""A terminal: tables, progress bars, live views."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markdown import Markdown, TableElement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from presqt_daemon.cli.output.describe import progress_line
from presqt_daemon.cli.output.show import Row
from presqt_daemon.model import Status
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.upgrade.state import JobState

_STYLES = {
    Status.FINISHED.value: "green",
    Status.FAILED.value: "red",
    Status.IN_PROGRESS.value: "cyan",
    "unreadable": "red",
    "ok": "green",
    "wrong": "red",
    "warning": "yellow",
}
_SHORT_TICKET = 8


def print_table(columns: Row, rows: Sequence[Row]) -> None:
    """Rows in a table as wide as the terminal."""
    _console().print(_table(columns, rows))


@contextmanager
def following() -> Iterator[Callable[[ProcessInfo], None]]:
    """A bar with the ticket's own words beside it; it stays when the ticket has ended."""
    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=_console()) as progress:
        task = progress.add_task("", total=100)

        def update(info: ProcessInfo) -> None:
            progress.update(task, completed=info.job_percentage, description=progress_line(info))

        yield update


@contextmanager
def following_job() -> Iterator[Callable[[JobState], None]]:
    """A bar with the figures beside it; it stays when the job has ended."""
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=_console()) as progress:
        task = progress.add_task("", total=None)

        def update(state: JobState) -> None:
            words = f"{state.added} records made, {state.failed_total} could not be"
            progress.update(task, total=state.total, completed=state.progress, description=words)

        yield update


@contextmanager
def following_table(columns: Row) -> Iterator[Callable[[Sequence[Row]], None]]:
    """A table that is drawn anew in place."""
    with Live(console=_console(), auto_refresh=False) as live:

        def update(rows: Sequence[Row]) -> None:
            live.update(_table(columns, rows), refresh=True)

        yield update


def print_page(text: str) -> None:
    """Show the page laid out for this terminal, through the pager of the user's choice."""
    console = _console()
    with console.pager():
        console.print(_Page(text, hyperlinks=False))


class _WholeTable(TableElement):
    """A table in which long words go on in the next line; rich would cut them."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for part in super().__rich_console__(console, options):
            if isinstance(part, Table):
                for column in part.columns:
                    column.overflow = "fold"
            yield part


class _Page(Markdown):
    elements: ClassVar = {**Markdown.elements, "table_open": _WholeTable}


def _console() -> Console:
    return Console(markup=False, highlight=False, emoji=False)


def _table(columns: Row, rows: Sequence[Row]) -> Table:
    """The table; ticket numbers are shortened where the beginnings differ."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, no_wrap=name in {"ticket", "status", "code", "done"})
    is_short = columns[0] == "ticket" and len({row[0][:_SHORT_TICKET] for row in rows}) == len(rows)
    for row in rows:
        first = row[0][:_SHORT_TICKET] if is_short else row[0]
        cells = [Text(cell, _STYLES.get(cell, "")) for cell in (first, *row[1:])]
        table.add_row(*cells)
    return table
