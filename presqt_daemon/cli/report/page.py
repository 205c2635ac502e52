"""The report as one page of HTML with two charts as SVG, which loads nothing and runs nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any
from xml.etree import ElementTree as ET

import pygal
from pygal.style import Style

from presqt_daemon.cli.output.show import shown, text_from_moment
from presqt_daemon.cli.report.deposits import (
    Failure,
    ReportedTicket,
    ReportedTickets,
    Sum,
    Summary,
)
from presqt_daemon.cli.report.table import counted, remarks_on_missing
from presqt_daemon.targets.web.addresses import page_from
from presqt_daemon.units import text_from_bytes

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_CSS = """
body { font-family: sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; }
table { border-collapse: collapse; width: 100%; margin: 1em 0 2em; }
th, td { text-align: left; padding: .25em .6em; border-bottom: 1px solid #ddd;
         vertical-align: top; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; white-space: nowrap; }
svg { width: 100%; height: auto; }
@media print { body { max-width: none; margin: 0; } }
"""

MOST_TARGETS = 8
MOST_MONTHS = 36
MOST_CODES = 12
OTHERS = "others"

_STYLE = Style(background="white", plot_background="white", font_family="sans-serif")
_OPTIONS = {
    "js": (),
    "style": _STYLE,
    "width": 900,
    "height": 340,
    "explicit_size": False,
    "pretty_print": False,
    "disable_xml_declaration": True,
    "print_values": False,
    "show_minor_y_labels": False,
    "x_label_rotation": 40,
    "legend_at_bottom": True,
    "truncate_legend": 30,
}


def page_of(
    found: ReportedTickets, summary: Summary, since: datetime | None, now: datetime
) -> Iterator[str]:
    """The page, piece by piece; whatever a sender or a target has named is text in it."""
    yield '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield f"<title>Deposits</title><style>{_CSS}</style></head><body>\n<h1>Deposits</h1>"
    span = "All that ended" if since is None else f"Ended since {text_from_moment(since)}"
    yield f"<p>{span}, as of {text_from_moment(now)}. {_text(counted(summary.total))}.</p>"
    for remark in remarks_on_missing(found):
        yield f"<p>{_text(remark)}.</p>"
    if summary.total.deposited:
        yield _deposits_chart(summary.by_month, list(summary.by_target))
    if summary.failures:
        yield _failures_chart(summary.failures)
    yield from _sums("Where to", "target", summary.by_target)
    yield from _sums("By whom", "dropped by", summary.by_person)
    if summary.failures:
        yield "<h2>Why tickets failed</h2>"
        yield from _table(
            ("reason", "tickets#", "what the newest was told"),
            ((one.code, f"{one.count}", one.example) for one in summary.failures),
        )
    deposited = [row for row in found.rows if row.is_deposited]
    yield "<h2>What was deposited</h2>"
    yield from _table(
        ("ended", "title", "file", "by", "target", "files#", "size#", "not matched#"),
        map(_deposited, deposited),
        links=[row.link for row in deposited],
    )
    yield "<h2>What failed</h2>"
    yield from _table(
        ("ended", "file", "by", "target", "reason", "what was said", "ticket"),
        (_failed(row) for row in found.rows if not row.is_deposited),
    )
    yield "</body></html>\n"


def _sums(title: str, first: str, sums: Mapping[str, Sum]) -> Iterator[str]:
    yield f"<h2>{title}</h2>"
    yield from _table(
        (first, "deposited#", "files#", "size#", "failed#"),
        (
            (name, f"{one.deposited}", f"{one.files}", text_from_bytes(one.size), f"{one.failed}")
            for name, one in sums.items()
        ),
    )


def _deposited(row: ReportedTicket) -> tuple[str, ...]:
    not_matched = "?" if row.not_matched is None else str(row.not_matched)
    return (
        text_from_moment(row.moment),
        row.title or row.file,
        row.file,
        row.by,
        row.target,
        str(row.files),
        text_from_bytes(row.size),
        not_matched,
    )


def _failed(row: ReportedTicket) -> tuple[str, ...]:
    reason = f"{row.status_code} {row.error_code or ''}".strip()
    moment = text_from_moment(row.moment)
    return moment, row.file, row.by, row.target, reason, row.message, row.ticket


def _table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], links: Sequence[str] = ()
) -> Iterator[str]:
    """A table; a column whose name ends with `#` holds numbers. A link is put on the title."""
    kinds = [' class="number"' if name.endswith("#") else "" for name in columns]
    yield "<table><thead><tr>"
    yield "".join(
        f"<th{kind}>{_text(name.rstrip('#'))}</th>"
        for kind, name in zip(kinds, columns, strict=True)
    )
    yield "</tr></thead><tbody>\n"
    for number, row in enumerate(rows):
        cells = [_text(cell) for cell in row]
        if links and (address := _address(links[number])) is not None:
            cells[1] = f'<a href="{address}" rel="noreferrer">{cells[1]}</a>'
        marked = (f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, cells, strict=True))
        yield f"<tr>{''.join(marked)}</tr>\n"
    yield "</tbody></table>"


def _text(value: str) -> str:
    return escape(shown(value))


def _address(link: str) -> str | None:
    """A link that may be followed, None for any but one of the web."""
    page = page_from(link)
    return None if page is None else escape(page, quote=True)


def _deposits_chart(months: Mapping[str, Mapping[str, Sum]], targets: Sequence[str]) -> str:
    """Bags deposited each month, stacked by target (the largest come first in `targets`)."""
    chart = pygal.StackedBar(title="Bags deposited in each month", **_OPTIONS)
    names = list(months)[-MOST_MONTHS:]
    chart.x_labels = names
    kept = list(targets)[:MOST_TARGETS]
    for target in kept:
        counts = [months[month].get(target, Sum()).deposited for month in names]
        chart.add(shown(target), counts)
    if len(targets) > len(kept):
        rest = [
            sum(one.deposited for name, one in months[month].items() if name not in kept)
            for month in names
        ]
        chart.add(OTHERS, rest)
    return _svg(chart)


def _failures_chart(failures: Sequence[Failure]) -> str:
    """How many tickets failed for which reason, the most frequent first."""
    options = {**_OPTIONS, "show_legend": False, "print_values": True}
    chart = pygal.HorizontalBar(title="Tickets that failed, by reason", **options)
    shown_ones = list(failures)[:MOST_CODES]
    chart.x_labels = [shown(one.code) for one in reversed(shown_ones)]
    chart.add("failed", [one.count for one in reversed(shown_ones)])
    return _svg(chart)


def _svg(chart: Any) -> str:
    """The chart without the script that pygal puts into every one: the page forbids scripts."""
    tree = chart.render_tree()
    for parent in tree.iter():
        for child in [one for one in parent if one.tag == "script"]:
            parent.remove(child)
    return ET.tostring(tree, encoding="unicode")
