"""What lies beside drops: side-cars without a zip, requests, drops that were set aside."""

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from presqt_daemon.inbox.copying import Copier, Copy
from presqt_daemon.inbox.desk import Desk, Notices
from presqt_daemon.inbox.names import UNUSED_SUFFIX, name_of_aside, ticket_of_aside
from presqt_daemon.inbox.new_ticket import Drop
from presqt_daemon.inbox.places import OpenPlace, Place
from presqt_daemon.inbox.probe import open_file
from presqt_daemon.inbox.sender_requests import NotAllowedError, read_request
from presqt_daemon.inbox.sidecar import UNUSED_AFTER_SECONDS, put_aside
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import printable_name


class Beside:
    """The files of one lane that are no drops themselves; used by its thread alone."""

    def __init__(
        self, desk: Desk, copier: Copier, notices: Notices, wake: Callable[[], None]
    ) -> None:
        """`wake` has the lane scanned soon; it is called from another thread."""
        self._desk = desk
        self._copier = copier
        self._notices = notices
        self._wake = wake
        self._sidecars: dict[Place, dict[tuple[str, int], float]] = {}
        self._asked: dict[Place, set[str]] = {}
        self._answered: set[tuple[Place, str]] = set()

    def look_at_aside(self, folder: OpenPlace, name: str) -> None:
        """Go on with a drop that was ours when a daemon was ended, or copying was."""
        ticket = ticket_of_aside(name)
        if ticket is None or self._copier.has(ticket):
            return
        claimer = self._desk.claimer
        try:
            if os.path.lexists(claimer.uploads.folder(ticket).path):
                os.unlink(name, dir_fd=folder.handle)
                return
            handle = open_file(name, folder.handle)
        except FileNotFoundError:
            return
        except OSError as error:
            shown = printable_name(name)
            self._notices.warn((folder.place, name), f"{shown} cannot be read: {error.strerror}")
            return
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                return
            drop = Drop(folder=folder, name=name_of_aside(name), handle=handle, status=status)
            taken = claimer.resume(self._desk.config, drop, ticket, name)
        except OSError as error:
            shown = printable_name(name)
            self._notices.warn((folder.place, name), f"{shown} must wait: {error.strerror}")
            return
        finally:
            os.close(handle)
        self._copier.put(Copy(place=folder.place, taken=taken))

    def look_at_request(self, folder: OpenPlace, name: str) -> None:
        """Hand on what a sender asks for; the file goes when it has been answered."""
        shown = f"{folder.place.shown}/{printable_name(name)}"
        key = (folder.place, name)
        asked = self._asked.setdefault(folder.place, set())
        try:
            if key in self._answered:
                reach("request-answered")
                os.unlink(name, dir_fd=folder.handle)
                self._answered.discard(key)
                asked.discard(name)
            elif name not in asked:
                request = read_request(name, folder.handle, self._desk.claimer.uploads)
                asked.add(name)
                self._desk.emit(replace(request, answered=partial(self._answer, key)))
            self._notices.clear(key)
        except FileNotFoundError:
            return
        except NotAllowedError as error:
            self._notices.warn(key, f"{shown} is left alone: {error}")
        except OSError as error:
            self._notices.warn(key, f"{shown} cannot be taken: {error.strerror}")

    def _answer(self, key: tuple[Place, str]) -> None:
        """Called by the arbiter's thread."""
        self._answered.add(key)
        self._wake()

    def look_at_sidecar(
        self, folder: OpenPlace, name: str, inode: int, *, is_awaited: bool
    ) -> None:
        """Put a side-car away whose zip has not come for an hour."""
        key = (folder.place, name, inode)
        now = self._desk.clock()
        since = self._sidecars.setdefault(folder.place, {}).setdefault((name, inode), now)
        if is_awaited or now - since < UNUSED_AFTER_SECONDS:
            return
        shown = f"{folder.place.shown}/{printable_name(name)}"
        try:
            put_aside(name, folder.handle)
        except OSError as error:
            self._notices.warn(key, f"{shown} cannot be renamed: {error.strerror}")
            return
        self._notices.warn(key, f"{shown}: no zip came, so it is {UNUSED_SUFFIX[1:]} now")

    def keep_only(self, place: Place, sidecars: set[str], requests: set[str]) -> None:
        """All side-cars and requests of a place that are not among these names are gone."""
        known = self._sidecars.get(place, {})
        for key in [key for key in known if key[0] not in sidecars]:
            del known[key]
        for name in self._asked.get(place, set()) - requests:
            self._asked[place].discard(name)
            self._answered.discard((place, name))

    def keep_only_places(self, places: set[Place]) -> None:
        """Places that are not among these are gone, with all that was in them."""
        for place in self._sidecars.keys() - places:
            del self._sidecars[place]
        for place in self._asked.keys() - places:
            del self._asked[place]
