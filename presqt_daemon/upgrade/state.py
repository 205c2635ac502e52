"""The files in `prepare_upgrade/`: how far a run is, its tickets, and those that it gave up.

That `process_info.json` exists is the queue: whoever makes it has asked, everybody else reads it.
"""

import contextlib
import json
import os
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from presqt_daemon.model import Status
from presqt_daemon.records.lines import read_lines
from presqt_daemon.records.record import SCHEMA_VERSION as RECORD_VERSION
from presqt_daemon.schemas.json_values import tree_from_value, value_from_tree
from presqt_daemon.system.files import (
    json_bytes,
    make_folder,
    replace_file,
    sync_folder,
)
from presqt_daemon.tickets.process_info import NewerInfoError
from presqt_daemon.tickets.store import INFO_NAME, is_ticket

SCHEMA_VERSION = 1
MAX_FAILED = 50
"""Failures listed; all are counted, and stand in the file of failures."""

LIST_NAME = "tickets"
FAILURES_NAME = "failed.jsonl"
QUEUED = "The job is queued."
BEFORE_INBOX = "Past tickets get their records; the inbox opens when this is done."
_MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """The job as its file tells it; field names are the keys, in their order.

    `record_schema` is that of the records it makes: a job for another one has not been asked for.
    `total` is taken once, when the run starts; `progress` counts every ticket looked at, whatever
    came of it: `already_had`, `added`, `left_open` and `failed_total` together. `gone` counts
    tickets that were removed meanwhile, which are not in `progress`.
    """

    complete: bool = False
    progress: int = 0
    total: int = 0
    status: Status = Status.IN_PROGRESS
    status_code: int | None = None
    message: str = QUEUED
    run: str = field(default_factory=lambda: str(uuid.uuid4()))
    requested_at: datetime
    started_at: datetime | None = None
    updated_at: datetime
    finished_at: datetime | None = None
    already_had: int = 0
    added: int = 0
    left_open: int = 0
    gone: int = 0
    failed: tuple[tuple[str, str], ...] = ()
    failed_total: int = 0
    record_schema: int = RECORD_VERSION
    schema_version: int = SCHEMA_VERSION

    @property
    def is_of_today(self) -> bool:
        """Whether it is about records as this version needs them."""
        return self.record_schema == RECORD_VERSION

    @property
    def is_open(self) -> bool:
        """Whether the job is queued or runs."""
        return self.status is Status.IN_PROGRESS


class StateError(Exception):
    """The file is damaged."""


@dataclass(frozen=True, slots=True)
class StateFile:
    """The file and the list of tickets beside it; written by one party at a time."""

    folder: Path
    mode: int = 0o644

    @property
    def path(self) -> Path:
        """The status file."""
        return self.folder / INFO_NAME

    def read(self) -> JobState | None:
        """The state, None when nobody has asked yet.

        Raises StateError for a damaged file, NewerInfoError for one of a later version.
        """
        try:
            # what is no file is a damaged one, which is made anew with force
            handle = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        with open(handle, "rb") as stream:
            return state_from_bytes(stream.read(_MAX_BYTES))

    def create(self, state: JobState) -> bool:
        """Make the file, whole at once; False when it is there already. Raises OSError."""
        make_folder(self.folder)
        aside = self.folder / f".new-{state.run}"
        replace_file(aside, json_bytes(tree_from_state(state)), mode=self.mode)
        try:
            os.link(aside, self.path)
        except FileExistsError:
            return False
        finally:
            aside.unlink(missing_ok=True)
        sync_folder(self.folder)
        return True

    def write(self, state: JobState, *, durable: bool) -> None:
        """Replace the file as a whole. Raises OSError."""
        content = json_bytes(tree_from_state(state))
        replace_file(self.path, content, mode=self.mode, durable=durable)

    def keep_tickets(self, run: str, tickets: list[str]) -> None:
        """Write down which tickets a run is about, so that it can go on after a restart."""
        content = "\n".join([run, *tickets, ""]).encode("ascii")
        replace_file(self.folder / LIST_NAME, content, mode=self.mode)

    def kept_tickets(self, run: str) -> list[str] | None:
        """The tickets that a run is about, None where they were not written down."""
        try:
            lines = (self.folder / LIST_NAME).read_text(encoding="ascii").splitlines()
        except (OSError, ValueError):
            return None
        if lines[:1] != [run]:
            return None
        return [line for line in lines[1:] if is_ticket(line)]

    def drop_tickets(self) -> None:
        """Forget the list of a run that has ended."""
        with contextlib.suppress(OSError):
            (self.folder / LIST_NAME).unlink()

    def keep_failures(self, run: str, failures: Iterable[tuple[str, str]]) -> None:
        """Replace the file of failures by a run's: ticket and reason. Raises OSError.

        Its first line names the run, which is how it is told from an older one's.
        """
        rows = [{"run": run}, *({"ticket": ticket, "reason": why} for ticket, why in failures)]
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        content = lines.encode("utf-8", "backslashreplace")
        replace_file(self.folder / FAILURES_NAME, content, mode=self.mode)

    def failures_of(self, run: str) -> frozenset[str]:
        """The tickets that failed in a run, none where the file is another's. Raises OSError."""
        rows = read_lines(self.folder / FAILURES_NAME)
        if next(rows, {}).get("run") != run:
            return frozenset()
        return frozenset(str(row.get("ticket")) for row in rows)


def queued(now: datetime, total: int) -> JobState:
    """A job that has just been asked for; `total` as it would be now."""
    return JobState(requested_at=now, updated_at=now, total=total)


def started(state: JobState, now: datetime, total: int, *, before_inbox: bool = False) -> JobState:
    """The run begins; or goes on, with its first beginning and counts made anew.

    `before_inbox`: a start waits for its end.
    """
    return replace(
        state,
        total=total,
        started_at=state.started_at or now,
        updated_at=now,
        message=BEFORE_INBOX if before_inbox else "Past tickets get their records.",
        already_had=0,
        added=0,
        left_open=0,
        gone=0,
        failed=(),
        failed_total=0,
    )


def count(state: JobState, outcome: str, failures: Sequence[tuple[str, str]]) -> JobState:
    """One more ticket has been looked at; `outcome` is the key that counts it.

    `failures` are all of the run so far: ticket and reason.
    """
    counted: dict[str, Any] = {outcome: getattr(state, outcome) + 1}
    state = replace(state, **counted, failed=tuple(failures[:MAX_FAILED]))
    looked_at = state.already_had + state.added + state.left_open + state.failed_total
    # a run that goes on after a restart looks at some tickets again; nobody sees it go back
    return replace(state, progress=max(state.progress, looked_at))


def ended(state: JobState, now: datetime) -> JobState:
    """The run is over: every ticket was looked at."""
    message = "Every past ticket has its record."
    if state.failed_total:
        message = (
            f"{state.failed_total} past tickets could not get a record, see "
            f"{'`failed`' if state.failed_total <= MAX_FAILED else FAILURES_NAME}; "
            "mend or remove them, then ask with force."
        )
    return replace(
        state,
        complete=True,
        progress=state.total - state.gone,
        status=Status.FINISHED,
        status_code=200,
        message=message,
        updated_at=now,
        finished_at=now,
    )


def broken_off(state: JobState, now: datetime, reason: str) -> JobState:
    """The run has failed as a whole."""
    return replace(
        state,
        status=Status.FAILED,
        status_code=500,
        message=reason,
        updated_at=now,
        finished_at=now,
    )


def tree_from_state(state: JobState) -> dict[str, Any]:
    """The file's JSON object, keys in the interface's order."""
    failed = [{"ticket": ticket, "reason": reason} for ticket, reason in state.failed]
    return {**tree_from_value(state), "failed": failed}


def state_from_bytes(content: bytes) -> JobState:
    """The state in a file of ours. Raises StateError, NewerInfoError."""
    try:
        tree = json.loads(content)
        version = tree["schema_version"]
        if version > SCHEMA_VERSION:
            raise NewerInfoError(f"prepare_upgrade/{INFO_NAME} has schema version {version}")
        failed = [(item["ticket"], item["reason"]) for item in tree["failed"]]
        # a state from before that was told names no schema of records
        return value_from_tree(JobState, {"record_schema": 0, **tree, "failed": failed})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StateError(f"prepare_upgrade/{INFO_NAME} is damaged ({error!r})") from None
