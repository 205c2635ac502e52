"""The report as CSV for a spreadsheet, as JSON for a program, as a few lines for a terminal."""

import csv
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from typing import Any, TextIO

from presqt_daemon.cli.output.show import shown
from presqt_daemon.cli.report.deposits import ReportedTicket, ReportedTickets, Sum, Summary
from presqt_daemon.schemas.json_values import tree_from_value
from presqt_daemon.units import text_from_bytes

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a cell begins with that a spreadsheet computes (OWASP, CSV Injection), full-width too."""


def write_csv(rows: list[ReportedTicket], stream: TextIO) -> None:
    """A head and a line for each ticket; no cell is a formula, nor holds a control character."""
    names = [item.name for item in fields(ReportedTicket)]
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([cell(getattr(row, name)) for name in names])


def cell(value: object) -> str | int:
    """A value as a cell of CSV; text that a spreadsheet would compute begins with an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, int):
        return value
    text = shown(str(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def tree_of(found: ReportedTickets, summary: Summary, since: datetime | None) -> dict[str, Any]:
    """The report as JSON; moments in UTC, sizes in bytes."""
    return {
        "since": tree_from_value(since),
        **tree_from_value(summary),
        "without_record": found.unrecorded,
        "tickets": tree_from_value(found.rows),
    }


def lines_of_summary(found: ReportedTickets, summary: Summary) -> Iterator[str]:
    """The sums for a terminal."""
    yield f"{'all':<24} {counted(summary.total)}"
    for title, sums in (("target", summary.by_target), ("by", summary.by_person)):
        for name, one in list(sums.items())[:20]:
            yield f"{shown(f'{title} {name}'):<24} {counted(one)}"
    for failure in summary.failures:
        yield f"{shown(f'failed {failure.code}'):<24} {failure.count}"
    yield from remarks_on_missing(found)
    yield "a page: report > report.html; a table: report --format csv > report.csv"


def remarks_on_missing(found: ReportedTickets) -> Iterator[str]:
    """What the report cannot tell."""
    if found.unrecorded:
        yield f"{without_record(found)}: in progress, or prepare-upgrade makes it"


def without_record(found: ReportedTickets) -> str:
    """How many tickets the report cannot speak of."""
    count = found.unrecorded
    return "1 ticket has no record" if count == 1 else f"{count} tickets have no record"


def counted(one: Sum) -> str:
    """A sum in words."""
    files = f"{one.files} file{'' if one.files == 1 else 's'}"
    return f"{one.deposited} deposited ({files}, {text_from_bytes(one.size)}), {one.failed} failed"
