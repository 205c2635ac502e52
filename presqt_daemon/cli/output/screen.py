"""A terminal: tables, bars, live views, in its width and with its colours."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.markdown import Markdown, TableElement
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from presqt_daemon.cli.output import plain
from presqt_daemon.cli.output.rows import StatusScreen, TicketRow
from presqt_daemon.cli.output.show import Bar, Row, is_dumb

SHORT_TICKET = 8
BAR_WIDTH = 10
"""Of the bars in a table."""

_STYLES = {"ok": "green", "wrong": "red", "warning": "yellow"}
_MOODS = {"good": "green", "odd": "yellow", "bad": "red", "busy": "cyan", "idle": ""}
_LONGEST_BAR = 40
_SHORTEST_BAR = 10
_NARROW = 60
"""Below this width a table of tickets has no room for their targets and messages."""

_INDENT = "  "


def print_table(columns: Row, rows: Sequence[Row]) -> None:
    """Rows in a table as wide as the terminal; ticket numbers are shortened where that is clear."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name.upper(), no_wrap=name in {"ticket", "result"}, overflow="fold")
    is_short = columns[0] == "ticket" and _are_clear([row[0] for row in rows])
    for row in rows:
        first = row[0][:SHORT_TICKET] if is_short else row[0]
        table.add_row(*(Text(cell, _STYLES.get(cell, "")) for cell in (first, *row[1:])))
    _console().print(table)


def print_tickets(screen: StatusScreen) -> None:
    """The table in the terminal's width, each ticket on one line."""
    console = _console()
    console.print(_screen(screen, console.width, [len(screen.rows)]))


@contextmanager
def following_tickets() -> Iterator[Callable[[StatusScreen], None]]:
    """The table in place, as many rows of it as there is room for."""
    if is_dumb():
        with plain.following_tickets() as plainly:
            yield plainly
        return
    with Live(console=_console(), auto_refresh=False) as live:

        def update(screen: StatusScreen) -> None:
            room = live.console.height - len(screen.above) - len(screen.below) - 3
            shown = max(1, min(len(screen.rows), room))
            live.update(_screen(screen, live.console.width, [shown]), refresh=True)

        yield update


@contextmanager
def following_bar(*, stays: bool = True) -> Iterator[Callable[[Bar], None]]:
    """Two lines in place, the words and the bar with its figures."""
    if is_dumb():
        with plain.following_bar() as plainly:
            yield plainly
        return
    with Live(console=_console(), refresh_per_second=4, transient=not stays) as live:
        yield lambda bar: live.update(_bar(bar, live.console.width))


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


def _are_clear(tickets: Sequence[str]) -> bool:
    """Whether the beginnings of the ticket numbers tell them apart."""
    return len({ticket[:SHORT_TICKET] for ticket in tickets}) == len(tickets)


def _screen(screen: StatusScreen, width: int, shown: list[int]) -> Group:
    parts: list[RenderableType] = [Text(line, "yellow", overflow="fold") for line in screen.above]
    rows = screen.rows[: shown[0]]
    if rows:
        parts.append(
            _tickets(rows, width, is_short=_are_clear([row.ticket for row in screen.rows]))
        )
    left = len(screen.rows) - len(rows) + screen.more
    if left:
        parts.append(Text(f"... and {left} more"))
    parts += map(_indented, screen.below)
    return Group(*parts)


def _indented(line: str) -> RenderableType:
    """The line; where it begins with blanks, what goes on below does so too."""
    if not line.startswith(_INDENT):
        return Text(line, overflow="fold")
    text = Text(line.removeprefix(_INDENT), overflow="fold")
    return Padding(text, (0, 0, 0, len(_INDENT)), expand=False)


def _tickets(rows: Sequence[TicketRow], width: int, *, is_short: bool) -> Table:
    """Every row on one line; what does not fit is cut, the message first of all."""
    is_narrow = width < _NARROW
    table = Table(box=None, pad_edge=False, expand=True, header_style="bold")
    table.add_column("TICKET", no_wrap=True)
    table.add_column("STATE", no_wrap=True)
    table.add_column("AGE", no_wrap=True, justify="right")
    if is_narrow:
        table.add_column("FILE", no_wrap=True, ratio=1, overflow="ellipsis")
    else:
        for name in ("TARGET", "FILE"):
            longest = width // (8 if name == "TARGET" else 5)
            table.add_column(name, no_wrap=True, max_width=longest, overflow="ellipsis")
        table.add_column("MESSAGE", no_wrap=True, ratio=1, overflow="ellipsis")
    for row in rows:
        message: RenderableType = Text(row.message)
        if row.share is not None and row.figures:
            bar = Table.grid(padding=(0, 1))
            bar.add_row(_line(row.share, BAR_WIDTH), Text(" ".join(row.figures), no_wrap=True))
            message = bar
        table.add_row(
            row.ticket[:SHORT_TICKET] if is_short else row.ticket,
            Text(row.state, _MOODS[row.mood]),
            row.age,
            *((Text(row.file),) if is_narrow else (Text(row.target), Text(row.file), message)),
        )
    return table


def _bar(bar: Bar, width: int) -> Group:
    """The words on a line, cut where they are too long; below it the bar and its figures."""
    percent = "" if bar.share is None else f"{int(bar.share * 100):>3}%"
    figures = "  ".join([percent, *bar.figures]).strip()
    room = max(_SHORTEST_BAR, min(_LONGEST_BAR, width - len(figures) - 3))
    line = Table.grid(padding=(0, 2))
    line.add_row(_line(bar.share, room), Text(figures, no_wrap=True, overflow="ellipsis"))
    return Group(Text(bar.words, no_wrap=True, overflow="ellipsis"), line)


def _line(share: float | None, width: int) -> ProgressBar:
    total = None if share is None else 1.0
    return ProgressBar(total=total, completed=share or 0.0, width=width)
