"""What all tickets add up to, read again only where a status has changed."""

import contextlib
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from presqt_daemon.model import Status
from presqt_daemon.tickets.holds import ON_HOLD
from presqt_daemon.tickets.store import INFO_NAME, TicketFolder, Uploads

NO_TARGET = ""
"""The label of tickets of which it is not known yet where they go."""

WAITING = "waiting"
_WORKER = "a worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketFigures:
    """What counts of one ticket. Times in seconds since 1970; `waits_since` None: it goes on.

    `state` is the status, for open tickets `waiting` or `hold` where they wait.
    """

    target: str
    state: str
    code: str | None
    waits_since: float | None
    finished: float | None
    size: int


@dataclass(slots=True)
class Figures:
    """What the tickets of each target add up to."""

    tickets: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(target, state) -> count."""

    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(target, error code) -> count of the tickets that are there."""

    deposited: Counter[str] = field(default_factory=Counter)
    waits_since: dict[str, float] = field(default_factory=dict)
    """Target -> since when the ticket waits that waits longest."""

    last_success: dict[str, float] = field(default_factory=dict)

    def add(self, one: TicketFigures) -> None:
        """Count one ticket more."""
        self.tickets[one.target, one.state] += 1
        if one.state == Status.FAILED:
            self.failures[one.target, one.code or "unknown"] += 1
        if one.state == Status.FINISHED:
            self.deposited[one.target] += one.size
            latest = max(self.last_success.get(one.target, 0.0), one.finished or 0.0)
            self.last_success[one.target] = latest
        if one.waits_since is not None:
            oldest = min(self.waits_since.get(one.target, one.waits_since), one.waits_since)
            self.waits_since[one.target] = oldest


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFigures:
    """All that is told at one moment. `targets` are those configured, whether each is up.

    `held` are the targets that the operator keeps from being sent to, `free` the bytes of a folder,
    `untaken` drops in the inbox that are no tickets yet, None where that is not known.
    """

    now: float
    figures: Figures
    targets: Mapping[str, bool] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    free: Mapping[str, int] = field(default_factory=dict)
    untaken: int | None = None


@dataclass(slots=True)
class TicketReader:
    """Remembers every ticket; used by one thread."""

    uploads: Uploads
    reads: int = 0
    """How many statuses were read so far."""

    _known: dict[str, tuple[tuple[int, int], TicketFigures]] = field(default_factory=dict)

    def figures(self) -> Figures:
        """What the tickets add up to now; one that cannot be read counts as it was. Raises OSError.

        A status is replaced as a whole, so that inode and time tell whether it is another.
        """
        before, self._known = self._known, {}
        found = Figures()
        for ticket in self.uploads.tickets():
            folder = self.uploads.folder(ticket)
            try:
                status = os.stat(folder.path / INFO_NAME, follow_symlinks=False)
            except OSError:
                continue
            mark = (status.st_ino, status.st_mtime_ns)
            known = before.get(ticket)
            if known is None or known[0] != mark:
                known = (mark, self._read(folder))
            self._known[ticket] = known
            found.add(known[1])
        return found

    def _read(self, folder: TicketFolder) -> TicketFigures:
        self.reads += 1
        return figures_of(folder.read_info_tree())


def figures_of(tree: Mapping[str, Any]) -> TicketFigures:
    """What counts of a status; a damaged one is a ticket of no target in no known state."""
    state = str(tree.get("status") or "unreadable")
    waiting_for = tree.get("waiting_for")
    since = None
    if state == Status.IN_PROGRESS and waiting_for is not None and waiting_for != _WORKER:
        state = ON_HOLD if waiting_for == ON_HOLD else WAITING
        since = _seconds(tree.get("waiting_since"))
    size = tree.get("upload_total_bytes")
    return TicketFigures(
        target=str(tree.get("target") or NO_TARGET),
        state=state,
        code=None if tree.get("error_code") is None else str(tree["error_code"]),
        waits_since=since,
        finished=_seconds(tree.get("finished_at")),
        size=size if isinstance(size, int) else 0,
    )


def _seconds(text: object) -> float | None:
    if isinstance(text, str):
        with contextlib.suppress(ValueError):
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None
