"""What lies among drops and is no file: folders, which may be places, and links, pipes, devices."""

import os
import stat

from presqt_daemon.errors import UserFault
from presqt_daemon.inbox.desk import Desk, Notices
from presqt_daemon.inbox.names import Kind, is_zip_name, kind_of
from presqt_daemon.inbox.places import OpenPlace, Place, holds_bag
from presqt_daemon.inbox.reception import unknown_target
from presqt_daemon.inbox.turned_away import (
    TurnedAway,
    deep_folder_fault,
    folder_fault,
    odd_file_fault,
)
from presqt_daemon.system.files import printable_name


class Guests:
    """Tells folders to be visited from those to be turned away; used by a lane's thread alone."""

    def __init__(self, desk: Desk, notices: Notices) -> None:
        self._desk = desk
        self._notices = notices
        self._turned_away = TurnedAway(desk, notices)
        self.is_waiting = False
        """Whether something is to be turned away when it has been there for `settle`."""

    def turn_odd_away(self, folder: OpenPlace, name: str, mode: int, notes: list[str]) -> None:
        if is_zip_name(name):
            self._tell(folder, name, odd_file_fault(name, mode), notes)
            return
        shown = f"{folder.place.shown}/{printable_name(name)}"
        kind = "a link" if stat.S_ISLNK(mode) else "no plain file"
        self._notices.warn((folder.place, name), f"{shown} is {kind} and is left alone")

    def inner(self, folder: OpenPlace, name: str, notes: list[str]) -> Place | None:
        """The place that a folder in this one is, None for one that is not to be visited."""
        parts = (*folder.place.parts, name)
        targets = self._desk.config.targets
        if len(parts) == 1 and name in targets:
            return None
        shown = f"{folder.place.shown}/{printable_name(name)}"
        try:
            if holds_bag(folder.handle, name):
                self._tell(folder, name, folder_fault(name), notes)
                return None
            if len(parts) == 1:
                place = Place(parts=parts, is_target=False)
                if self._holds_loose_files(folder, name):
                    self._tell(folder, name, unknown_target(place, tuple(targets)), notes)
                return place
            if len(parts) == 2 and folder.place.is_target:
                return Place(parts=parts)
            if self._holds_loose_files(folder, name, any_kind=True):
                self._tell(folder, name, deep_folder_fault(name, folder), notes)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._notices.warn((folder.place, name), f"{shown} cannot be read: {error.strerror}")
        return None

    def _holds_loose_files(self, folder: OpenPlace, name: str, *, any_kind: bool = False) -> bool:
        """Whether a folder holds files that are no zips by name, or anything at all."""
        handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder.handle)
        try:
            with os.scandir(handle) as entries:
                return any(
                    any_kind
                    or (
                        entry.is_file(follow_symlinks=False)
                        and not is_zip_name(entry.name)
                        and kind_of(entry.name, self._desk.config.intake.ignore) is Kind.DROP
                    )
                    for entry in entries
                )
        finally:
            os.close(handle)

    def _tell(self, folder: OpenPlace, name: str, fault: UserFault, notes: list[str]) -> None:
        if not self._turned_away.tell(folder, name, fault, notes):
            self.is_waiting = True
