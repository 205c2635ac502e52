"""What lies beside drops: side-cars without a zip, requests, drops that were set aside."""

import contextlib
import os
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial

from presqt_daemon.inbox.answers.events import Claimed, Request
from presqt_daemon.inbox.claims.recover import remove_twin_sidecar
from presqt_daemon.inbox.claims.set_aside import (
    is_claimed_file,
    is_copied,
    put_back,
)
from presqt_daemon.inbox.claims.sidecar import LATE_AFTER_SECONDS, UNUSED_AFTER_SECONDS, put_aside
from presqt_daemon.inbox.files.names import (
    UNUSED_SUFFIX,
    answer_name,
    aside_name,
    name_of_aside,
    near_sidecar_stem,
    parts_of_taken_request,
    plain_zip_name,
    taken_request_name,
    ticket_of_aside,
)
from presqt_daemon.inbox.files.places import InboxFolder, OpenPlace
from presqt_daemon.inbox.files.whole_file import create_whole
from presqt_daemon.inbox.folder_context import FolderContext
from presqt_daemon.inbox.requests.sender_requests import NotAllowedError, SenderRequests
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import printable_name, remove_tree, rename_to_free
from presqt_daemon.tickets.claim_record import NOTE_SUFFIX

_MARK_LENGTH = len(".01234567")


class NonDrops:
    """The files of one scanner that are no drops themselves; used by its thread alone."""

    def __init__(self, context: FolderContext) -> None:
        self._context = context
        self._senders = SenderRequests(context.marks)
        self._sidecars: dict[InboxFolder, dict[tuple[str, int], float]] = {}
        self._asked: dict[InboxFolder, dict[str, threading.Event]] = {}
        """The names of requests that were taken, and whether each has been answered."""

    def resume_set_aside(self, folder: OpenPlace, name: str) -> None:
        """Go on with a drop of ours; what no claim names gets its plain name back.

        Then it is a drop like any other: nobody but the daemon chooses a ticket's number.
        """
        ticket = ticket_of_aside(name)
        if ticket is None or self._context.copier.has(ticket):
            return
        self._context.may_act()
        try:
            status = os.stat(name, dir_fd=folder.handle, follow_symlinks=False)
            if self._resume(folder, name, ticket, status):
                return
            put_back(name, folder.handle, folder.handle, name_of_aside(name))
        except FileNotFoundError:
            return
        except OSError as error:
            self._context.warn(folder, name, f"must wait: {error.strerror}", "set aside")
        else:
            what = "is no claim of ours: it has its own name again"
            self._context.warn(folder, name, what, "set aside")
            self._context.wake()

    def _resume(self, folder: OpenPlace, name: str, ticket: str, status: os.stat_result) -> bool:
        """Whether a claim names this file; then it is copied, or gone when it was copied already.

        Raises OSError.
        """
        uploads = self._context.claimer.uploads
        for place in (uploads.folder(ticket), uploads.new_folder(ticket)):
            record = place.read_claim()
            if record is None:
                continue
            aside = aside_name(ticket, record.inbox_name)
            if (record.inbox_folder, aside) != (str(folder.path), name):
                return False
            self._context.may_act()
            if place.path.name == ticket:
                if not is_copied(status, record, place):
                    return False
                os.unlink(name, dir_fd=folder.handle)
                return True
            if not is_claimed_file(status, record):
                remove_tree(place.path)  # its drop is gone, another one has the name
                return False
            remove_twin_sidecar(folder, record, place)
            self._context.copier.put(
                Claimed(
                    place=folder.place, folder=place, record=record, size=status.st_size, aside=name
                )
            )
            return True
        return False

    def hand_on_request(self, folder: OpenPlace, name: str) -> None:
        """Take what a sender asks for, by a rename, and hand it on.

        So no two daemons act on it, and one that dies before it has acted leaves it for the next.
        """
        asked = self._asked.setdefault(folder.place, {})
        with self._telling(folder, name):
            request = self._senders.read(name, folder)
            taken = self._taken_name(request.ticket, request.action)
            if taken in asked:
                return  # the same is asked already, and its answer comes first
            self._context.may_act()
            os.rename(name, taken, src_dir_fd=folder.handle, dst_dir_fd=folder.handle)
            reach("request-taken")
            try:
                # another file may have got the name since it was looked at
                request = self._senders.read_taken(request.ticket, request.action, taken, folder)
            except NotAllowedError:
                self._context.may_act()
                rename_to_free(taken, name, src_dir_fd=folder.handle, dst_dir_fd=folder.handle)
                raise
            self._emit(request, asked, taken)
            self._context.notices.clear((folder.place, name))

    def go_on_with_request(self, folder: OpenPlace, name: str) -> None:
        """See to a request that was taken: it goes when it has been answered.

        One that a daemon took which has died, or was frozen, is taken anew.
        """
        parts = parts_of_taken_request(name)
        assert parts is not None
        ticket, word, _ = parts
        asked = self._asked.setdefault(folder.place, {})
        with self._telling(folder, name):
            if name in asked:
                if asked[name].is_set():
                    reach("request-answered")
                    self._context.may_act()
                    os.unlink(name, dir_fd=folder.handle)
                    del asked[name]
                return
            request = self._senders.read_taken(ticket, word, name, folder)
            taken = self._taken_name(ticket, word)
            self._context.may_act()
            os.rename(name, taken, src_dir_fd=folder.handle, dst_dir_fd=folder.handle)
            if taken not in asked:
                self._emit(request, asked, taken)

    @contextlib.contextmanager
    def _telling(self, folder: OpenPlace, name: str) -> Iterator[None]:
        """Say why a request is not taken; one that is gone needs nothing."""
        try:
            yield
        except FileNotFoundError:
            return
        except NotAllowedError as error:
            if error.answer is None:
                self._context.warn(folder, name, f"is left alone: {error}", "request")
            else:
                self._tell(folder, name, error.answer)
        except OSError as error:
            self._context.warn(folder, name, f"cannot be taken: {error.strerror}", "request")

    def _taken_name(self, ticket: str, word: str) -> str:
        return taken_request_name(ticket, word, self._context.claimer.uploads.epoch)

    def _emit(self, request: Request, asked: dict[str, threading.Event], taken: str) -> None:
        asked[taken] = answer = threading.Event()
        self._context.shared.emit(replace(request, answered=partial(self._answer, answer)))

    def _tell(self, folder: OpenPlace, name: str, answer: str) -> None:
        """Answer the drop's owner, once: the request goes and a sentence takes its place."""
        mode = self._context.config.permissions.status
        self._context.may_act()
        with contextlib.suppress(OSError):
            create_whole(answer_name(name), folder.handle, answer.encode(), mode)
            os.unlink(name, dir_fd=folder.handle)

    def _answer(self, answer: threading.Event) -> None:
        """Called by the arbiter's thread, maybe when the request is long gone."""
        answer.set()
        self._context.wake()

    def put_unused_sidecar_aside(
        self, folder: OpenPlace, name: str, inode: int, *, is_awaited: bool
    ) -> None:
        """Put a side-car away whose zip has not come for an hour."""
        if not is_awaited and self._has_lain(folder, name, inode) >= UNUSED_AFTER_SECONDS:
            self._put_aside(folder, name, "no zip came")

    def _has_lain(self, folder: OpenPlace, name: str, inode: int) -> float:
        """For how many seconds we have seen this side-car here."""
        now = self._context.clock()
        return now - self._sidecars.setdefault(folder.place, {}).setdefault((name, inode), now)

    def put_misnamed_sidecars_aside(
        self,
        folder: OpenPlace,
        names: Collection[str],
        inodes: Mapping[str, int],
        notes: Collection[str],
        waiting: Collection[str],
    ) -> None:
        """Put aside what looks like a side-car of a zip that is a ticket already, or never came."""
        if not names:
            return
        taken = {plain_zip_name(note[: -len(NOTE_SUFFIX)][:-_MARK_LENGTH]) for note in notes}
        wanted = {plain_zip_name(name) for name in waiting}
        for name in names:
            zip_name, inode = near_sidecar_stem(name), inodes[name]
            is_late = zip_name in taken and zip_name not in wanted
            if is_late and self._has_lain(folder, name, inode) >= LATE_AFTER_SECONDS:
                self._put_aside(folder, name, "its zip was taken before it and it has another name")
            elif not is_late:
                self.put_unused_sidecar_aside(folder, name, inode, is_awaited=zip_name in wanted)

    def _put_aside(self, folder: OpenPlace, name: str, why: str) -> None:
        self._context.may_act()
        try:
            put_aside(name, folder.handle)
        except OSError as error:
            self._context.warn(folder, name, f"cannot be renamed: {error.strerror}", "side-car")
            return
        shown = f"{folder.place.shown}/{printable_name(name)}"
        self._context.notices.warn(
            (folder.place, name), f"{shown}: {why}, so it is {UNUSED_SUFFIX[1:]} now", "side-car"
        )

    def forget_all_but(self, folder: OpenPlace, sidecars: set[str], requests: set[str]) -> None:
        """All side-cars and requests of a folder that are not among these names are gone.

        But a request that came after the names were listed has been taken already.
        """
        place = folder.place
        known = self._sidecars.get(place, {})
        for key in [key for key in known if key[0] not in sidecars]:
            del known[key]
        for name in self._asked.get(place, {}).keys() - requests:
            if os.access(name, os.F_OK, dir_fd=folder.handle, follow_symlinks=False):
                continue
            del self._asked[place][name]

    def forget_places_but(self, places: set[InboxFolder]) -> None:
        """Places that are not among these are gone, with all that was in them."""
        for place in self._sidecars.keys() - places:
            del self._sidecars[place]
        for place in self._asked.keys() - places:
            del self._asked[place]
