"""What lies among drops and is no file: folders, which may be places, and links, pipes, devices."""

import os
import stat

from presqt_daemon.errors import UserFault
from presqt_daemon.inbox.files.names import NameKind, is_tag_file_name, is_zip_name, kind_of
from presqt_daemon.inbox.files.places import (
    InboxFolder,
    OpenPlace,
    is_bag,
    opened_inner,
)
from presqt_daemon.inbox.folder_context import FolderContext
from presqt_daemon.inbox.reject_tickets import (
    RejectTickets,
    deep_folder_fault,
    folder_fault,
    no_id_fault,
    odd_file_fault,
    unpacked_bag_fault,
)
from presqt_daemon.targets.definition import why_no_id
from presqt_daemon.tickets.options import unknown_target

PAYLOAD_FOLDER = "data"


class Rejects:
    """Tells folders to be visited from those to be turned away; for one scanner's thread."""

    def __init__(self, context: FolderContext, closed: dict[InboxFolder, str]) -> None:
        """`closed` takes the folders that cannot be read, and why."""
        self._context = context
        self._closed = closed
        self._tickets = RejectTickets(context)
        self.is_waiting = False
        """Whether something is to be turned away when it has been there for `settle`."""

    def reject_odd_file(self, folder: OpenPlace, name: str, mode: int, notes: list[str]) -> None:
        if is_zip_name(name):
            self._tell(folder, name, odd_file_fault(name, mode), notes)
            return
        kind = "a link" if stat.S_ISLNK(mode) else "no plain file"
        self._context.warn(folder, name, f"is {kind} and is left alone", "no plain file")

    def reject_unpacked_bag(
        self, folder: OpenPlace, folders: list[str], files: list[str], notes: list[str]
    ) -> bool:
        """Whether a bag lies unpacked among the drops of a folder; it is told to be zipped.

        Then `data/` and every file but zips is taken for a part of it.
        """
        is_target = not folder.place.parts and PAYLOAD_FOLDER in self._context.config.targets
        if PAYLOAD_FOLDER not in folders or is_target or not any(map(is_tag_file_name, files)):
            return False
        parts = frozenset(name for name in files if not is_zip_name(name))
        self._tell(folder, PAYLOAD_FOLDER, unpacked_bag_fault(folder), notes, parts)
        return True

    def inner(self, folder: OpenPlace, name: str, notes: list[str]) -> InboxFolder | None:
        """The place that a folder in this one is, None for one that is not to be visited."""
        parts = (*folder.place.parts, name)
        targets = self._context.config.targets
        if len(parts) == 1 and name in targets:
            return None
        try:
            with opened_inner(folder.handle, name) as inner:
                if is_bag(inner):
                    self._tell(folder, name, folder_fault(name), notes)
                elif len(parts) == 1:
                    place = InboxFolder(parts=parts, is_target=False)
                    if loose := self._loose_files(inner):
                        fault = unknown_target(place.route.target, targets)
                        self._tell(folder, name, fault, notes, loose)
                    return place
                elif len(parts) == 2 and folder.place.is_target:
                    place = InboxFolder(parts=parts)
                    words = why_no_id(targets[parts[0]].type, place.route.resource_id or "")
                    if words is None:
                        return place
                    self._tell(folder, name, no_id_fault(name, folder, words), notes)
                elif held := frozenset(os.listdir(inner)):
                    self._tell(folder, name, deep_folder_fault(name, folder), notes, held)
        except FileNotFoundError:
            return None
        except OSError as error:
            what = f"cannot be read: {error.strerror}"
            self._closed[InboxFolder(parts=parts)] = f"it {what}"
            self._context.warn(folder, name, what, "folder")
        return None

    def _loose_files(self, inner: int) -> frozenset[str]:
        """The files in an open folder that count as drops and are no zips by name."""
        ignore = self._context.config.intake.ignore
        with os.scandir(inner) as entries:
            return frozenset(
                entry.name
                for entry in entries
                if entry.is_file(follow_symlinks=False)
                and not is_zip_name(entry.name)
                and kind_of(entry.name, ignore) is NameKind.DROP
            )

    def _tell(
        self,
        folder: OpenPlace,
        name: str,
        fault: UserFault,
        notes: list[str],
        parts: frozenset[str] = frozenset(),
    ) -> None:
        if not self._tickets.make_once(folder, name, fault, notes, parts):
            self.is_waiting = True
