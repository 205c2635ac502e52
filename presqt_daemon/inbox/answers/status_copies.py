"""The sender's answer: a copy of the status beside the note, when a ticket ends or has to wait."""

import contextlib
import os
import queue
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from presqt_daemon.config import Config
from presqt_daemon.inbox.answers.notices import Notices
from presqt_daemon.inbox.answers.ticket_names import TicketMarks
from presqt_daemon.inbox.files.ownership import is_ours
from presqt_daemon.inbox.files.places import InboxFolder, OpenPlace, open_place, parts_below
from presqt_daemon.inbox.files.whole_file import create_whole
from presqt_daemon.schemas.json_values import object_from_json, time_from_text
from presqt_daemon.system.files import printable_name, rename_to_free
from presqt_daemon.tickets.claim_record import (
    COPY_SUFFIX,
    NOTE_SUFFIX,
    ClaimRecord,
)
from presqt_daemon.tickets.store import Uploads

WAITING_SECONDS = 60.0
"""A ticket that waits for longer gets its copy before it ends."""

LOOK_SECONDS = 10.0
LATE_SECONDS = 86_400.0
"""A start makes the copies that a crash prevented, not those of tickets that ended long ago."""

TIDY_SECONDS = 3600.0
_DEEPEST = 2


@dataclass(slots=True)
class _Followed:
    """A ticket that has not ended, as far as we know; monotonic times."""

    record: ClaimRecord
    due: float
    waits_since: float | None = None
    is_told: bool = False


class StatusCopies:
    """The copies of one scanner. Only `follow` and `changed` may be called by other threads."""

    def __init__(
        self,
        uploads: Uploads,
        marks: TicketMarks,
        config: Callable[[], Config],
        notices: Notices,
        clock: Callable[[], float],
    ) -> None:
        self._uploads = uploads
        self._config = config
        self._notices = notices
        self._clock = clock
        self._news: queue.SimpleQueue[tuple[ClaimRecord, bool] | str] = queue.SimpleQueue()
        self._followed: dict[str, _Followed] = {}
        self._marks = marks
        self._found: set[InboxFolder] = set()
        self._tidied: dict[InboxFolder, float] = {}

    def follow(self, record: ClaimRecord, *, is_new: bool = False) -> None:
        """A ticket was made from a drop of this scanner, now or by an earlier daemon."""
        self._news.put((record, is_new))

    def changed(self, ticket: str) -> None:
        """A ticket, of whichever scanner, has ended or goes again."""
        self._news.put(ticket)

    def has_news(self) -> bool:
        """Whether there is something that has not been looked at yet."""
        return not self._news.empty() or self.next_due() <= self._clock()

    def next_due(self) -> float:
        """When something has to be looked at (monotonic clock)."""
        return min((item.due for item in list(self._followed.values())), default=float("inf"))

    def turn(self, base: InboxFolder) -> None:
        """Look at the tickets that have changed and at those that are due."""
        now = self._clock()
        with contextlib.suppress(queue.Empty):
            while True:
                self._take(self._news.get_nowait(), base, now)
        for ticket in [key for key, item in self._followed.items() if item.due <= now]:
            self._look(ticket, now)

    def find(self, folder: OpenPlace, notes: Collection[str], copies: Collection[str]) -> None:
        """Follow the tickets of the notes that a folder holds at the first look at it."""
        if folder.place in self._found:
            return
        self._found.add(folder.place)
        there = set(copies)
        for note in notes:
            stem = note.removesuffix(NOTE_SUFFIX)
            for record in self._marks.by_stem(stem, str(folder.path)):
                status = self._uploads.folder(record.ticket).read_info_tree().get("status")
                if record.copy_name not in there or status == "in_progress":
                    self.follow(record)

    def remove_expired(
        self, folder: OpenPlace, notes: Collection[str], copies: Collection[str]
    ) -> None:
        """Remove notes and copies whose tickets ended `retention.notes` ago; once an hour."""
        keep, now = self._config().retention.notes, self._clock()
        if keep is None or now < self._tidied.get(folder.place, float("-inf")) + TIDY_SECONDS:
            return
        self._tidied[folder.place] = now
        before = time.time() - keep
        path = str(folder.path)
        for name in (*notes, *copies):
            try:
                status = os.stat(name, dir_fd=folder.handle, follow_symlinks=False)
            except OSError:
                continue
            if status.st_mtime >= before:
                continue
            if name.endswith(NOTE_SUFFIX):
                records = self._marks.by_stem(name.removesuffix(NOTE_SUFFIX), path)
            else:
                records = self._marks.by_copy(name, path)
            infos = [self._uploads.folder(record.ticket).read_info_tree() for record in records]
            if all(0 < _ended_at(info) < before for info in infos):
                for one in {name, *(record.copy_name for record in records)}:
                    if is_ours(one, folder.handle):
                        self._uploads.may_act()
                        with contextlib.suppress(OSError):
                            os.unlink(one, dir_fd=folder.handle)

    def _take(self, news: tuple[ClaimRecord, bool] | str, base: InboxFolder, now: float) -> None:
        if not isinstance(news, str):
            record, is_new = news
            due = now + LOOK_SECONDS if is_new else now
            self._followed.setdefault(record.ticket, _Followed(record=record, due=due))
            return
        if news not in self._followed:
            claim = self._marks.by_ticket(news)
            if claim is None or not self._is_below(base, claim):
                return
            self._followed[news] = _Followed(record=claim, due=now)
        self._followed[news].due = now
        self._followed[news].is_told = False

    def _look(self, ticket: str, now: float) -> None:
        item = self._followed[ticket]
        item.due = now + LOOK_SECONDS
        try:
            content = self._uploads.folder(ticket).read_info_bytes()
        except OSError:
            content = b""
        info = object_from_json(content)
        if "status" not in info:
            del self._followed[ticket]
            return
        has_ended = info["status"] != "in_progress"
        if has_ended:
            del self._followed[ticket]
            if _ended_at(info) > time.time() - LATE_SECONDS:
                self._write(item.record, content)
            return
        if info.get("waiting_for") is None:
            item.waits_since = None
            return
        if item.waits_since is None:
            item.waits_since = now
            item.is_told = False
        if not item.is_told and now - item.waits_since >= WAITING_SECONDS:
            item.is_told = True
            self._write(item.record, content)

    def _write(self, record: ClaimRecord, content: bytes) -> None:
        """Make or replace the copy; whatever fails changes nothing for the ticket."""
        config, place = self._config(), self._place_of(record)
        if not config.intake.status_beside or place is None:
            return
        self._uploads.may_act()
        try:
            with open_place(config.inbox, place) as folder:
                _replace(record, folder.handle, content, config.permissions.status)
        except OSError as error:
            shown = printable_name(record.copy_name)
            # of the same kind as a missing note: a full or read-only inbox is one warning
            self._notices.warn(
                (place, record.copy_name),
                f"{place.shown}/{shown} cannot be written: {error.strerror}",
                "note",
            )

    def _place_of(self, record: ClaimRecord) -> InboxFolder | None:
        parts = parts_below(self._config().inbox, record.inbox_folder)
        return None if parts is None or len(parts) > _DEEPEST else InboxFolder(parts=parts)

    def _is_below(self, base: InboxFolder, record: ClaimRecord) -> bool:
        """Whether a scanner's folder is the one for the place where the drop lay."""
        place = self._place_of(record)
        if place is None:
            return False
        if not base.parts:
            return not place.parts or place.parts[0] not in self._config().targets
        return place.parts[:1] == base.parts


def _replace(record: ClaimRecord, folder: int, content: bytes, mode: int) -> None:
    """Put the copy in place, over an older one of ours and over nothing else. Raises OSError."""
    hidden = f".{record.ticket}{COPY_SUFFIX}"
    if is_ours(hidden, folder):  # a crash left it
        os.unlink(hidden, dir_fd=folder)
    if not create_whole(hidden, folder, content, mode):
        raise FileExistsError(0, "somebody else has its hidden name")
    try:
        if is_ours(record.copy_name, folder):
            os.rename(hidden, record.copy_name, src_dir_fd=folder, dst_dir_fd=folder)
        else:
            rename_to_free(hidden, record.copy_name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(hidden, dir_fd=folder)
        raise


def _ended_at(info: Mapping[str, Any]) -> float:
    """When a ticket has ended, in seconds since 1970; 0 where its status does not tell."""
    try:
        return time_from_text(info["finished_at"]).timestamp()
    except (ValueError, KeyError, TypeError):
        return 0.0
