"""One row for each ended ticket, out of its record, and what the rows add up to."""

import contextlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from presqt_daemon.cli.tickets.find import all_tickets
from presqt_daemon.records.record import RecordError, open_plainly, open_record
from presqt_daemon.schemas.json_values import time_from_text
from presqt_daemon.tickets.store import Uploads

TAIL_BYTES = 600
"""The totals of a record stand in its last line but one; its files need not be read for them."""

NOBODY = "(not known)"
_NO_MOMENT = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedTicket:
    """An ended ticket as its record tells it; `files` and `size` are those of the whole bag.

    `not_matched` counts files whose digest at the target differs or is not known, None where the
    record does not say.
    """

    ticket: str
    received: datetime | None
    finished: datetime | None
    target: str
    title: str
    file: str
    by: str
    status: str
    status_code: int | None
    error_code: str | None
    message: str
    files: int
    size: int
    not_matched: int | None
    link: str

    @property
    def is_deposited(self) -> bool:
        """Whether it was brought to its target."""
        return self.status == "finished"

    @property
    def moment(self) -> datetime | None:
        """When it ended, as far as is known."""
        return self.finished or self.received


@dataclass(slots=True)
class Sum:
    """What some tickets add up to; files and bytes of those that were deposited."""

    deposited: int = 0
    failed: int = 0
    files: int = 0
    size: int = 0

    def add(self, row: ReportedTicket) -> None:
        """Count one ticket more."""
        if row.is_deposited:
            self.deposited += 1
            self.files += row.files
            self.size += row.size
        else:
            self.failed += 1


@dataclass(slots=True)
class Failure:
    """Tickets that failed for one reason; `example` is what the newest of them was told."""

    code: str
    count: int = 0
    example: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """All sums, the largest first; months in their order."""

    total: Sum
    by_target: Mapping[str, Sum]
    by_person: Mapping[str, Sum]
    by_month: Mapping[str, Mapping[str, Sum]]
    """Month (`2026-01`) -> target -> sum."""

    failures: tuple[Failure, ...]


@dataclass(slots=True)
class ReportedTickets:
    """The rows, the newest first, and the tickets of which there is no record to be read."""

    rows: list[ReportedTicket] = field(default_factory=list)
    unrecorded: int = 0


def read_deposits(uploads: Uploads, since: datetime | None) -> ReportedTickets:
    """Every ended ticket, or those that ended since a moment. Raises OSError."""
    found = ReportedTickets()
    for ticket in all_tickets(uploads):
        try:
            row = _read(uploads.folder(ticket).receipt)
        except RecordError:
            found.unrecorded += 1
            continue
        moment = row.moment
        if since is None or (moment is not None and moment >= since):
            found.rows.append(row)
    found.rows.sort(key=lambda row: row.moment or _NO_MOMENT, reverse=True)
    return found


def summary_of(rows: Iterable[ReportedTicket]) -> Summary:
    """What rows (the newest first) add up to."""
    total = Sum()
    targets: defaultdict[str, Sum] = defaultdict(Sum)
    people: defaultdict[str, Sum] = defaultdict(Sum)
    months: defaultdict[str, defaultdict[str, Sum]] = defaultdict(lambda: defaultdict(Sum))
    failures: dict[str, Failure] = {}
    for row in rows:
        month = "-" if row.moment is None else f"{row.moment:%Y-%m}"
        for one in (total, targets[row.target], people[row.by], months[month][row.target]):
            one.add(row)
        if not row.is_deposited:
            code = row.error_code or NOBODY
            failure = failures.setdefault(code, Failure(code, example=row.message))
            failure.count += 1
    return Summary(
        total=total,
        by_target=_by_size(targets),
        by_person=_by_size(people),
        by_month=dict(sorted(months.items())),
        failures=tuple(sorted(failures.values(), key=lambda one: (-one.count, one.code))),
    )


def _by_size(sums: Mapping[str, Sum]) -> dict[str, Sum]:
    return dict(sorted(sums.items(), key=lambda pair: (-pair[1].deposited, pair[0])))


def _read(path: Path) -> ReportedTicket:
    """The row of a record. Raises RecordError for one that is missing or not ours, OSError."""
    with open_record(path) as record:
        try:
            return _row(record.tree, _totals(path))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecordError(f"{path.name} is damaged ({type(error).__name__})") from None


def _row(tree: Mapping[str, Any], totals: Mapping[str, Any]) -> ReportedTicket:
    source, bag, times = tree["source"], tree["bag"] or {}, tree["times"]
    person = source["dropped_by"]
    by = person.get("name") or person.get("uid")
    return ReportedTicket(
        ticket=str(tree["ticket_number"]),
        received=_moment(times["received_at"]),
        finished=_moment(times["finished_at"]),
        target=str(tree["target"] or NOBODY),
        title=str(tree["title"] or ""),
        file=str(source["file"] or ""),
        by=NOBODY if by is None else str(by),
        status=str(tree["status"]),
        status_code=tree["status_code"],
        error_code=tree["error_code"],
        message=str(tree["message"]),
        files=int(bag.get("payload_files") or totals.get("files") or 0),
        size=int(bag.get("payload_bytes") or 0),
        not_matched=totals["mismatched"] + totals["unknown"] if totals else None,
        link=str(tree["link"] or ""),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else time_from_text(text)


def _totals(path: Path) -> Mapping[str, Any]:
    """The last key of a record as we write it; nothing of one that was laid out anew."""
    with open(path, "rb", opener=open_plainly) as stream:
        stream.seek(0, 2)
        stream.seek(max(0, stream.tell() - TAIL_BYTES))
        lines = [line for line in stream.read().splitlines() if line.strip()]
    with contextlib.suppress(ValueError, IndexError):
        tree = json.loads(b"{" + lines[-2].strip().rstrip(b",") + b"}")
        if isinstance(tree.get("totals"), dict):
            totals: dict[str, Any] = tree["totals"]
            return totals
    return {}
