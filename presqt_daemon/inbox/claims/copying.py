"""Drops that cannot be renamed into their ticket are copied, each scanner's in threads of its own.

The drop lies in the inbox as `.claimed-<ticket>-<name>`; the copy is made under a hidden name and
gets the drop's name when it is whole, so that what a crash leaves is never taken for a drop.
"""

import errno
import heapq
import itertools
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from presqt_daemon.inbox.answers.events import Claimed
from presqt_daemon.inbox.claims.set_aside import is_claimed_file, put_back, remove_claimed_file
from presqt_daemon.inbox.files.places import OpenPlace, open_place
from presqt_daemon.inbox.files.probe import open_file
from presqt_daemon.inbox.files.stability import sight_of
from presqt_daemon.inbox.scan_context import ScanContext
from presqt_daemon.system.copying import copy_durably
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import (
    free_bytes,
    printable_name,
    remove_tree,
    sync_folder,
)
from presqt_daemon.system.logs import shared_log
from presqt_daemon.system.shortage import start_thread

SMALL_BYTES = 64 << 20
"""Larger copies have a thread of their own, so that they delay no small one."""

_COPY_PREFIX = ".copy."
"""Followed by the number of the daemon's lease: one that was frozen knows no copy but its own."""

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


class SourceChangedError(Exception):
    """The drop changed while it was copied."""


class Copier:
    """Copies one after the other, small and large ones apart; what fails is tried again later."""

    def __init__(self, context: ScanContext, done: Callable[[OpenPlace, Claimed], None]) -> None:
        """`done` hears of each ticket that has its copy, while the drop's folder is open."""
        self._context = context
        self._claimer = context.claimer
        self._clock = context.clock
        self._owners = context.copying
        self._done = done
        self._change = threading.Condition()
        self._tickets: dict[str, Claimed] = {}
        self._queues: dict[bool, list[tuple[float, int, float, Claimed]]] = {True: [], False: []}
        self._threads: dict[bool, threading.Thread] = {}
        self._order = itertools.count()
        self._stopped = False
        self._without_room: set[str] = set()

    def put(self, taken: Claimed) -> None:
        """Copy a drop that was set aside as soon as its turn comes, and finish its ticket.

        One that lies in its ticket already, which could not get its name, is finished only.
        """
        is_small = taken.size < SMALL_BYTES
        ticket = taken.record.ticket
        with self._change:
            if self._stopped or self._owners.setdefault(ticket, self) is not self:
                return
            self._tickets[ticket] = taken
            self._push(is_small, self._clock(), _FIRST_PAUSE_SECONDS, taken)
        self.start_missing_threads()

    def start_missing_threads(self) -> None:
        """Get the threads for what is to be copied, where none could be had before."""
        with self._change:
            for is_small, queue in self._queues.items():
                if not queue or is_small in self._threads or self._stopped:
                    continue
                thread = start_thread(partial(self._live, is_small), "copy")
                if thread is not None:
                    self._threads[is_small] = thread

    def has(self, ticket: str) -> bool:
        """Whether a ticket's drop is being copied or waits for it, here or in another scanner."""
        return ticket in self._owners

    def copies(self) -> tuple[Claimed, ...]:
        """What is not copied yet."""
        with self._change:
            return tuple(self._tickets.values())

    def without_room(self) -> int:
        """How many drops wait since there is no room for them on the disk."""
        return len(self._without_room)

    def stop(self, timeout: float) -> None:
        """Give up what is being copied; another scanner goes on with it, or the next start."""
        with self._change:
            self._stopped = True
            self._change.notify_all()
        for thread in self._threads.values():
            thread.join(timeout)

    def _let_go(self, taken: Claimed) -> None:
        ticket = taken.record.ticket
        self._tickets.pop(ticket, None)
        self._owners.pop(ticket, None)
        self._without_room.discard(ticket)

    def _push(self, is_small: bool, due: float, pause: float, taken: Claimed) -> None:
        heapq.heappush(self._queues[is_small], (due, next(self._order), pause, taken))
        self._change.notify_all()

    def _live(self, is_small: bool) -> None:
        queue = self._queues[is_small]
        while True:
            with self._change:
                while not self._stopped and (not queue or queue[0][0] > self._clock()):
                    self._change.wait(queue[0][0] - self._clock() if queue else None)
                if self._stopped:
                    for *_, taken in queue:
                        self._let_go(taken)
                    return
                _, _, pause, taken = heapq.heappop(queue)
            is_done = self._try(taken, is_first=pause == _FIRST_PAUSE_SECONDS)
            with self._change:
                if is_done:
                    self._let_go(taken)
                else:
                    due = self._clock() + pause
                    self._push(is_small, due, min(pause * 2, _LONGEST_PAUSE_SECONDS), taken)

    def _try(self, taken: Claimed, *, is_first: bool) -> bool:
        """Copy once; False when it must be tried again."""
        name = printable_name(taken.record.inbox_name)
        log = shared_log("copy", taken.place.known_target, taken.record.ticket)
        try:
            with open_place(self._context.config.inbox, taken.place) as folder:
                self._finish(folder, taken)
        except InterruptedError:
            return False
        except (OSError, SourceChangedError) as error:
            if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
                self._without_room.add(taken.record.ticket)
            if is_first:
                reason = getattr(error, "strerror", None) or str(error)
                what = "stays in the inbox, since it cannot be copied yet"
                if taken.aside is None:
                    what = "is taken, but its ticket cannot be finished yet"
                log.warning("%s %s: %s; it is tried again", name, what, reason)
            return False
        except Exception:
            log.exception("%s cannot be copied", name)
            return False
        return True

    def _finish(self, folder: OpenPlace, taken: Claimed) -> None:
        if taken.aside is None:
            self._done(folder, self._claimer.finish_one(taken))
            return
        os.fsync(folder.handle)  # or a power loss might give the drop its old name back beside us
        size = taken.size
        if taken.folder.path.exists():  # else an earlier attempt got as far as the final name
            try:
                handle = open_file(taken.aside, folder.handle)
            except FileNotFoundError:
                self._give_up(folder, taken, "was removed while it waited to be copied")
                return
            try:
                if not is_claimed_file(os.fstat(handle), taken.record):
                    # what lies there is a drop of its own, with its own owner
                    self._give_up(folder, taken, "was replaced by another file while it waited")
                    self._claimer.uploads.may_act()
                    put_back(taken.aside, folder.handle, folder.handle, taken.record.inbox_name)
                    return
                size = self._copy(handle, taken)
            finally:
                os.close(handle)
            # a daemon that was frozen may have given the drop its name back while it was copied;
            # this raises then, and the next attempt finds it gone
            os.stat(taken.aside, dir_fd=folder.handle, follow_symlinks=False)
        named = self._claimer.finish_one(taken)
        reach("copy-named")
        self._claimer.uploads.may_act()
        remove_claimed_file(taken.aside, folder.handle, taken.record)
        reach("copy-unlinked")
        self._done(folder, replace(named, size=size))

    def _give_up(self, folder: OpenPlace, taken: Claimed, why: str) -> None:
        name = printable_name(taken.record.inbox_name)
        log = shared_log("drop gone", folder.place.known_target, taken.record.ticket)
        log.warning("%s %s", name, why)
        self._claimer.uploads.may_act()
        remove_tree(taken.folder.path)
        self._claimer.coming.discard(taken.record.ticket)

    def _copy(self, source: int, taken: Claimed) -> int:
        """Copy under a hidden name, then give the copy its own; the number of bytes."""
        assert taken.record.zip_name is not None
        status = os.fstat(source)
        if not stat.S_ISREG(status.st_mode):
            raise SourceChangedError("it is no longer a plain file")
        destination = taken.folder.path / taken.record.zip_name
        temporary = destination.with_name(f"{_COPY_PREFIX}{self._claimer.uploads.epoch}")
        self._claimer.uploads.may_act()
        for left in taken.folder.path.glob(f"{_COPY_PREFIX}*"):
            left.unlink(missing_ok=True)
        try:
            config = self._context.config
            spare = self._context.spare(taken.record.route.target or "", status.st_size)
            keep = config.staging.min_free_bytes + spare
            if free_bytes(destination.parent) - status.st_size < keep:
                # a folder whose drops fill the disk waits, and leaves the others their room
                raise OSError(
                    errno.ENOSPC,
                    "mediafiles has no room for it beside staging.min_free_bytes; make some",
                )
            mode = config.permissions.payload
            size = copy_durably(source, temporary, mode=mode, keep_going=lambda: not self._stopped)
            is_same = sight_of(os.fstat(source)) == sight_of(status)
            if size != status.st_size or not is_same:
                raise SourceChangedError("it changed while it was copied")
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        self._claimer.uploads.may_act()
        temporary.rename(destination)
        sync_folder(destination.parent)
        reach("copy-copied")
        return size
