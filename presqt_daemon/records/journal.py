"""`journal.jsonl`: what this ticket has durably done, so that it is not done twice."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from presqt_daemon.errors import MachineError
from presqt_daemon.model import FileResult, Fixity, Outcome
from presqt_daemon.records.file_rows import (
    KEY,
    PACKED_KEY,
    RowError,
    result_from_row,
    row_from_result,
)
from presqt_daemon.records.lines import LineWriter
from presqt_daemon.schemas.json_values import object_from_json
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import open_regular, sync_folder
from presqt_daemon.targets.base import Container

GROUP_FILES = 64
GROUP_SECONDS = 1.0
"""Ends of files are made durable in groups, since the target's listing decides after a crash."""

START_BYTES = 64 << 10
_OPENED = "opened"
_BEFOREHAND = frozenset({"verified", PACKED_KEY})
"""Rows of what was done before the target was asked for anything."""

_SENT = frozenset({Outcome.CREATED, Outcome.UPDATED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """The whole bag as one file of this name, size and digests."""

    name: str
    size: int
    digests: Mapping[str, str]


@dataclass(slots=True)
class JournalState:
    """What the journal says of earlier goes at this ticket.

    `planned` holds the outcome of every file that was sent or may have been; `sent` names those
    whose end is known and good; `stored` has the digests by which what may stand there of the
    others is known as this ticket's. `notes` are the adapter's on files that were under way;
    `packed` is the whole bag as one file, as it was when it had been packed.
    """

    container: Container | None = None
    was_creating: bool = False
    verified_boot: str | None = None
    planned: dict[str, Outcome] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)
    stored: dict[str, Mapping[str, str]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    packed: Packed | None = None

    def forget(self) -> None:
        """Know nothing of the container and of what was in it: it is gone."""
        self.container, self.was_creating = None, False
        for known in (self.planned, self.sent, self.stored, self.notes):
            known.clear()


def read_journal(path: Path) -> JournalState:
    """The record so far, an empty one without a journal.

    A damaged line loses nothing that stands behind it; a torn end is cut off for good.
    """
    record = JournalState()
    try:
        stream = open_regular(path, writing=True)
    except FileNotFoundError:
        return record
    with stream:
        whole = 0
        for line in stream:
            if not line.endswith(b"\n"):
                stream.truncate(whole)
                break
            whole += len(line)
            _read(object_from_json(line), record)
    return record


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Whether anything may have been made at the target, and which container it is, if known."""

    has_begun: bool = False
    identity: str | None = None


def read_start(path: Path) -> Start:
    """What the first lines of a journal say; it changes nothing. Nothing for none."""
    has_begun, identity = False, None
    try:
        with open_regular(path) as stream:
            lines = stream.read(START_BYTES).splitlines()
    except OSError:
        return Start()
    for line in lines:
        row = object_from_json(line)
        if row and not _BEFOREHAND & row.keys():
            has_begun = True
            identity = str(row[_OPENED]) if _OPENED in row else identity
    return Start(has_begun=has_begun, identity=identity)


class Journal:
    """The writing end; from any thread only `write_file_note` and `write_file_intent`."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.monotonic,
        before_each: Callable[[], None] = lambda: None,
        *,
        is_shared: bool = False,
    ) -> None:
        """`before_each` is called before each write, and may not return.

        `is_shared`: other hosts may go on from here, who see only what has reached the share.
        """
        self._is_shared = is_shared
        self._path = path
        self._lines = LineWriter(path)
        self._clock = clock
        self._before_each = before_each
        self._rows: list[dict[str, object]] = []
        self._is_unsynced = False
        self._has_durable_name = False
        self._since = 0.0
        self._lock = threading.Lock()

    def write_container_intent(self, title: str, *, is_noted: bool = False) -> None:
        """A container is about to be created; `is_noted`: the target's adapter notes it durably."""
        self._write({"creating": title}, durable=not is_noted)

    def write_container(self, container: Container) -> None:
        """The container exists; durable before a file is in it: a mark finds only an empty one."""
        tree = asdict(container)
        tree["state"] = dict(container.state)
        self._write({"container": tree})

    def write_opened(self, identity: str) -> None:
        """The container has been opened for this ticket: by this text it is known under any id.

        It need not outlive a power cut: the next go opens it again.
        """
        self._append({_OPENED: identity})

    def forget(self) -> None:
        """The container is gone at the target, with all that was in it."""
        self._write({"gone": True})

    def write_verified(self, boot_id: str) -> None:
        """The payload on disk was verified under this boot."""
        self._write({"verified": boot_id})

    def write_packed(self, packed: Packed) -> None:
        """The whole bag travels as this one file."""
        digests = dict(packed.digests)
        self._write({PACKED_KEY: packed.name, "size": packed.size, "digests": digests})

    def write_file_note(self, name: str, note: str) -> None:
        """An adapter's note on a file under way; may be called from any thread."""
        self._write({"noted": name, "note": note})

    def write_file_intent(self, name: str, outcome: Outcome, digests: Mapping[str, str]) -> None:
        """This file is about to be sent; may be called from any thread.

        It says under which outcome a file with our digest is ours, and never that another is. So it
        need not outlive a power cut: then the file with our digest is only called a duplicate.
        """
        self._append({"sending": {name: outcome}, "digests": dict(digests)})

    def write_file_result(self, result: FileResult) -> None:
        """A file's end is known; durable with its group."""
        with self._lock:
            if not self._rows:
                self._since = self._clock()
            self._rows.append(row_from_result(result))
            is_full = len(self._rows) >= GROUP_FILES
        if is_full:
            self.flush()

    def tick(self) -> None:
        """Make an old enough group durable."""
        is_behind = self._rows or self._is_unsynced
        if is_behind and self._clock() - self._since >= GROUP_SECONDS:
            self.flush()

    def flush(self, *, durable: bool = True) -> None:
        """Write everything; not durable where a durable record of the same follows at once."""
        if self._rows or (durable and self._is_unsynced):
            self._write(durable=durable)
            reach("journal-flushed")

    def close(self) -> None:
        """Let go of the file; what waits to be written stays unwritten."""
        self._lines.close()

    def _append(self, row: dict[str, object]) -> None:
        """One row at once, which nothing waits for. Raises OSError."""
        with self._lock:
            self._before_each()
            self._lines.append([row], durable=self._is_shared)

    def _write(self, *more: dict[str, object], durable: bool = True) -> None:
        """Everything that waits and these rows. Raises MachineError."""
        durable = durable or self._is_shared
        with self._lock:
            if not (self._rows or self._is_unsynced):
                self._since = self._clock()
            self._before_each()
            try:
                self._lines.append([*self._rows, *more], durable=durable)
                if durable and not self._has_durable_name:
                    sync_folder(self._path.parent)
                    self._has_durable_name = True
            except OSError as error:
                raise MachineError(error) from error
            self._rows, self._is_unsynced = [], not durable


def _read(fields: dict[str, Any], record: JournalState) -> None:
    """Put one line into the record; any that is not ours changes nothing."""
    with contextlib.suppress(RowError, TypeError, KeyError, ValueError, AttributeError):
        if KEY in fields:
            _read_file(result_from_row(fields), record)
        elif "sending" in fields:
            for name, text in fields["sending"].items():
                record.planned[str(name)] = Outcome(text)
                if fields.get("digests"):
                    record.stored[str(name)] = dict(fields["digests"])
        elif "noted" in fields:
            record.notes.setdefault(str(fields["noted"]), []).append(str(fields["note"]))
        elif PACKED_KEY in fields:
            # a row that tells the name only is an older one's
            record.packed = None
            record.packed = Packed(
                name=str(fields[PACKED_KEY]),
                size=int(fields["size"]),
                digests=dict(fields["digests"]),
            )
        elif "container" in fields:
            tree = fields["container"]
            record.container = Container(**{**tree, "added": tuple(tree["added"])})
        elif "gone" in fields:
            record.forget()
        elif "creating" in fields:
            record.was_creating = True
        elif "verified" in fields:
            record.verified_boot = str(fields["verified"])


def _read_file(result: FileResult, record: JournalState) -> None:
    name = str(result.path)
    record.notes.pop(name, None)
    record.stored.pop(name, None)
    if result.outcome not in _SENT:
        record.planned.pop(name, None)
        record.sent.discard(name)
        return
    record.planned[name] = result.outcome
    if result.fixity is Fixity.MISMATCHED:
        record.sent.discard(name)
        if result.algorithm is not None and result.remote_digest is not None:
            record.stored[name] = {result.algorithm: result.remote_digest}
    else:
        record.sent.add(name)
