"""What is dropped but is no file: it stays where it is and is told once, by a ticket that fails.

What comes into a folder that has been told already is a drop of its own, so it is told as well.
"""

import os
import stat
from dataclasses import dataclass

from presqt_daemon.errors import UserFault
from presqt_daemon.inbox.files.places import OpenPlace
from presqt_daemon.inbox.folder_context import FolderContext
from presqt_daemon.schemas.json_values import time_from_text
from presqt_daemon.system.files import printable_name
from presqt_daemon.tickets.claim_record import (
    NAME_MAX_BYTES,
    NOTE_SUFFIX,
    ClaimRecord,
    shorten_name,
)

_MARK_LENGTH = len(".01234567")
_MAX_TOLD = 100_000
_MAX_NAMED = 10

Identity = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _News:
    """What is to be told of: its parts, since when they are these, since when there are any."""

    parts: frozenset[str]
    since: float
    first: float


class RejectTickets:
    """What has been told already: by inode while we run, by the notes beside after a restart."""

    def __init__(self, context: FolderContext) -> None:
        self._context = context
        self._told: dict[Identity, frozenset[str]] = {}
        self._news: dict[Identity, _News] = {}

    def make_once(
        self,
        folder: OpenPlace,
        name: str,
        fault: UserFault,
        notes: list[str],
        parts: frozenset[str],
    ) -> bool:
        """Make a failed ticket, once the thing and those `parts` of it have settled.

        `parts` are the names in it that count as drops; where there are none it is one by itself.
        `notes` are the receipts in the same folder. False while there is still time to wait.
        """
        try:
            status = os.stat(name, dir_fd=folder.handle, follow_symlinks=False)
        except FileNotFoundError:
            return True
        identity = (status.st_dev, status.st_ino)
        told = self._told.get(identity)
        if told is not None and parts <= told:
            self._told[identity] = parts
            return True
        new = parts - (told or frozenset())
        if not self._has_settled(identity, new):
            return False
        record = self._record_of(folder, name, status, notes) if told is None else None
        if record is not None:
            new = parts - _parts_before(record, folder, name, parts)
            if not new:
                self._remember(identity, parts)
                return True
        try:
            taken = self._context.claimer.refuse(
                self._context.config, folder, name, status, _naming(fault, new)
            )
        except OSError as error:
            shown = f"{folder.place.shown}/{printable_name(name)}"
            self._context.notices.warn(
                (folder.place, name),
                f"no ticket for {shown} can be made: {error.strerror}",
                "no ticket",
            )
            return False
        self._context.announce(folder, taken)
        self._context.notices.clear((folder.place, name))
        self._remember(identity, parts)
        return True

    def _has_settled(self, identity: Identity, parts: frozenset[str]) -> bool:
        """Whether no part has come for `settle`; a copy that goes on and on is told meanwhile."""
        now = self._context.clock()
        news = self._news.setdefault(identity, _News(parts=parts, since=now, first=now))
        if news.parts != parts:
            news = self._news[identity] = _News(parts=parts, since=now, first=news.first)
        rules = self._context.shared.rules
        return now - news.since >= rules.settle or now - news.first >= rules.held_after

    def _remember(self, identity: Identity, parts: frozenset[str]) -> None:
        self._news.pop(identity, None)
        if sum(map(len, self._told.values())) + len(self._told) >= _MAX_TOLD:
            self._told.clear()
        self._told[identity] = parts

    def _record_of(
        self, folder: OpenPlace, name: str, status: os.stat_result, notes: list[str]
    ) -> ClaimRecord | None:
        """The record of the last ticket that this thing has got, None when there is none."""
        room = NAME_MAX_BYTES - _MARK_LENGTH - len(NOTE_SUFFIX)
        own = shorten_name(name, room)
        found = [
            record
            for note in notes
            if (stem := note.removesuffix(NOTE_SUFFIX))[:-_MARK_LENGTH] == own
            for record in self._context.marks.by_stem(stem, str(folder.path))
            if record.left_inode == status.st_ino
        ]
        return max(found, key=lambda record: record.received_at, default=None)


def _parts_before(
    record: ClaimRecord, folder: OpenPlace, name: str, parts: frozenset[str]
) -> frozenset[str]:
    """The parts that were there already when the ticket was made, by the kernel's own time."""
    moment = time_from_text(record.received_at).timestamp()
    return frozenset(part for part in parts if _came(folder, name, part) <= moment)


def _came(folder: OpenPlace, name: str, part: str) -> float:
    for path in (os.path.join(name, part), part):  # the parts of an unpacked bag lie beside data/
        try:
            return os.stat(path, dir_fd=folder.handle, follow_symlinks=False).st_ctime
        except OSError:
            continue
    return 0.0


def _naming(fault: UserFault, parts: frozenset[str]) -> UserFault:
    """The fault, with the names of what it is about."""
    if not parts:
        return fault
    names = sorted(map(printable_name, parts))
    more = len(names) - _MAX_NAMED
    told = ", ".join(names[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
    return UserFault(fault.code, f"{fault.message} This is about: {told}.")


def folder_fault(name: str) -> UserFault:
    """The fault of a bag's folder that was dropped as it is."""
    return _stays(
        f"{printable_name(name)} is a folder, not a zip: zip the bag's folder and drop the zip."
    )


def deep_folder_fault(name: str, folder: OpenPlace) -> UserFault:
    """The fault of a folder below a resource's folder, where nothing is read."""
    return _stays(
        f"{printable_name(name)} is a folder in {folder.place.shown}, where only zips are taken: "
        "put the zip directly there."
    )


def no_id_fault(name: str, folder: OpenPlace, words: str) -> UserFault:
    """The fault of a folder that can be no container's; `words` are what ids are there."""
    return _stays(
        f"{printable_name(name)} cannot be the id of anything at this target: ids there are "
        f"{words}. Put zips directly into {folder.place.shown}, or into a folder named after an "
        "existing container's id."
    )


def _stays(what: str) -> UserFault:
    return UserFault(
        "bad-request", f"{what} The folder stays where it is, and nothing in it is taken."
    )


def unpacked_bag_fault(folder: OpenPlace) -> UserFault:
    """The fault of a bag whose files lie among the drops, with no folder around them."""
    return UserFault(
        "bad-request",
        f"A bag lies unpacked in {folder.place.shown} (a data/ with tag files beside it): put it "
        "into a folder of its own, zip that folder and drop the zip. All of it stays where it is.",
    )


def odd_file_fault(name: str, mode: int) -> UserFault:
    """The fault of a link, pipe or the like: it is never opened."""
    kinds = {stat.S_IFLNK: "a link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    kind = kinds.get(stat.S_IFMT(mode), "a device")
    return UserFault(
        "unreadable-file",
        f"{printable_name(name)} is {kind}, not a file: copy the zip itself here.",
    )
