"""What senders ask for, taken by a rename and kept in the folder until it has been answered."""

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from presqt_daemon.inbox.answers.events import Request
from presqt_daemon.inbox.files.names import answer_name, parts_of_taken_request, taken_request_name
from presqt_daemon.inbox.files.places import InboxFolder, OpenPlace
from presqt_daemon.inbox.files.whole_file import create_whole
from presqt_daemon.inbox.folder_context import FolderContext
from presqt_daemon.inbox.requests.sender_requests import NotAllowedError, SenderRequests
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import rename_to_free


class TakenRequests:
    """The requests in the folders of one scanner; used by its thread alone."""

    def __init__(self, context: FolderContext) -> None:
        self._context = context
        self._senders = SenderRequests(context.marks)
        self._asked: dict[InboxFolder, dict[str, threading.Event]] = {}
        """The names of requests that were taken, and whether each has been answered."""

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

    def forget_all_but(self, folder: OpenPlace, names: set[str]) -> None:
        """The requests of a folder that are not among these names are gone.

        But one that came after the names were listed has been taken already.
        """
        asked = self._asked.get(folder.place, {})
        for name in asked.keys() - names:
            if not os.access(name, os.F_OK, dir_fd=folder.handle, follow_symlinks=False):
                del asked[name]

    def forget_places_but(self, places: set[InboxFolder]) -> None:
        """Places that are not among these are gone, with all that was in them."""
        for place in self._asked.keys() - places:
            del self._asked[place]
