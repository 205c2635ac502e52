"""What is dropped but is no file: it stays where it is and is told once, by a ticket that fails."""

import os
import stat

from presqt_daemon.errors import UserFault
from presqt_daemon.inbox.desk import Desk, Notices
from presqt_daemon.inbox.places import OpenPlace
from presqt_daemon.inbox.receipt_note import record_of_receipt
from presqt_daemon.system.files import printable_name
from presqt_daemon.tickets.claim_record import NAME_MAX_BYTES, NOTE_SUFFIX, shorten_name

_MARK_LENGTH = len(".01234567")
_MAX_TOLD = 100_000


class TurnedAway:
    """Who has been told already: by inode while we run, by the notes beside after a restart."""

    def __init__(self, desk: Desk, notices: Notices) -> None:
        self._desk = desk
        self._notices = notices
        self._told: set[tuple[int, int]] = set()
        self._since: dict[tuple[int, int], float] = {}

    def tell(self, folder: OpenPlace, name: str, fault: UserFault, notes: list[str]) -> bool:
        """Make the one failed ticket, once the thing has been there for `settle`.

        `notes` are the receipts in the same folder. False while there is still time to wait.
        """
        try:
            status = os.stat(name, dir_fd=folder.handle, follow_symlinks=False)
        except FileNotFoundError:
            return True
        identity = (status.st_dev, status.st_ino)
        if identity in self._told:
            return True
        now = self._desk.clock()
        if now - self._since.setdefault(identity, now) < self._desk.rules.settle:
            return False
        if not self._was_told(name, status, notes):
            try:
                taken = self._desk.claimer.refuse(self._desk.config, folder, name, status, fault)
            except OSError as error:
                shown = f"{folder.place.shown}/{printable_name(name)}"
                self._notices.warn(
                    (folder.place, name), f"no ticket for {shown} can be made: {error.strerror}"
                )
                return False
            self._desk.announce(folder, taken)
        self._notices.clear((folder.place, name))
        self._since.pop(identity, None)
        if len(self._told) >= _MAX_TOLD:
            self._told.clear()
        self._told.add(identity)
        return True

    def _was_told(self, name: str, status: os.stat_result, notes: list[str]) -> bool:
        room = NAME_MAX_BYTES - _MARK_LENGTH - len(NOTE_SUFFIX)
        own = shorten_name(name, room)
        for note in notes:
            stem = note.removesuffix(NOTE_SUFFIX)
            if stem[:-_MARK_LENGTH] == own:
                record = record_of_receipt(stem, self._desk.claimer.uploads)
                if record is not None and record.left_inode == status.st_ino:
                    return True
        return False


def folder_fault(name: str) -> UserFault:
    """The fault of a bag's folder that was dropped as it is."""
    return UserFault(
        "bad-request",
        f"{printable_name(name)} is a folder, not a zip: zip the bag's folder and drop the zip. "
        "The folder stays where it is, and nothing in it is taken.",
    )


def deep_folder_fault(name: str, folder: OpenPlace) -> UserFault:
    """The fault of a folder below a resource's folder, where nothing is read."""
    return UserFault(
        "bad-request",
        f"{printable_name(name)} is a folder in {folder.place.shown}, where only zips are taken: "
        "put the zip directly there. The folder stays where it is, and nothing in it is taken.",
    )


def odd_file_fault(name: str, mode: int) -> UserFault:
    """The fault of a link, pipe or the like: it is never opened."""
    kinds = {stat.S_IFLNK: "a link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    kind = kinds.get(stat.S_IFMT(mode), "a device")
    return UserFault(
        "unreadable-file",
        f"{printable_name(name)} is {kind}, not a file: copy the zip itself here.",
    )
