"""The report as one page of HTML, which loads nothing and runs nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape

from presqt_daemon.cli.output.text import shown, text_from_moment
from presqt_daemon.cli.report.charts import deposits_chart, failures_chart
from presqt_daemon.cli.report.deposits import ReportedTicket, ReportedTickets, Sum, Summary, ended
from presqt_daemon.cli.report.table import counted, remarks_on_missing
from presqt_daemon.targets.web.addresses import page_from
from presqt_daemon.units import text_from_bytes

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = """
body { font-family: sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; }
table { border-collapse: collapse; width: 100%; margin: 1em 0 2em; }
th, td { text-align: left; padding: .25em .6em; border-bottom: 1px solid #ddd;
         vertical-align: top; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; white-space: nowrap; }
svg { width: 100%; height: auto; }
@media print { body { max-width: none; margin: 0; } }
"""


def page_of(
    found: ReportedTickets, summary: Summary, since: datetime | None, now: datetime
) -> Iterator[str]:
    """The page, piece by piece; whatever a sender or a target has named is text in it."""
    yield '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield f"<title>Deposits</title><style>{_STYLE}</style></head><body>\n<h1>Deposits</h1>"
    span = "All that ended" if since is None else f"Ended since {text_from_moment(since)}"
    yield f"<p>{span}, as of {text_from_moment(now)}. {_text(counted(summary.total))}.</p>"
    for remark in remarks_on_missing(found):
        yield f"<p>{_text(remark)}.</p>"
    if summary.total.deposited:
        yield deposits_chart(summary.by_month, list(summary.by_target))
    if summary.failures:
        yield failures_chart(summary.failures)
    yield from _sums("Where to", "target", summary.by_target)
    yield from _sums("By whom", "dropped by", summary.by_person)
    if summary.failures:
        yield "<h2>Why tickets failed</h2>"
        yield from _table(
            ("reason", "tickets#", "what the newest was told"),
            ((one.code, f"{one.count}", one.example) for one in summary.failures),
        )
    yield "<h2>What was deposited</h2>"
    yield from _table(
        ("ended", "title", "file", "by", "target", "files#", "size#", "not matched#"),
        (_deposited(row) for row in ended(found.rows, is_deposited=True)),
        links=[row.link for row in ended(found.rows, is_deposited=True)],
    )
    yield "<h2>What failed</h2>"
    yield from _table(
        ("ended", "file", "by", "target", "reason", "what was said", "ticket"),
        (_failed(row) for row in ended(found.rows, is_deposited=False)),
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
