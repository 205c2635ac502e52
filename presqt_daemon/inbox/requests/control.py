"""What an operator asks for by a file in `mediafiles/control/`."""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from presqt_daemon.inbox.answers.events import Request, RequestedAction
from presqt_daemon.leases.fence import pass_always
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import json_bytes, open_regular, replace_file
from presqt_daemon.system.shortage import start_thread
from presqt_daemon.tickets.holds import (
    RESUME,
    Holds,
    end_hold,
    hold_in,
    name_of_hold,
    read_holds,
)
from presqt_daemon.tickets.store import is_ticket

POLL_SECONDS = 0.25
"""One stat of a folder; the folder is read only when its time has changed."""

SAME_TICK_SECONDS = 2
"""A folder is read again until its time is so long past: as coarse as file systems are."""

UPGRADE_NAME = "prepare_upgrade"
FORCE = "force"
RELOAD_PREFIX = "reload."
ANSWER_SUFFIX = ".answer"
TAKEN_INFIX = ".taken-"
"""Behind a request's name, followed by the number of the daemon that has taken it."""

WORD_SECONDS = 0.1
MAX_WORD_BYTES = 64

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeRequest:
    """Past tickets are to get their records; `force`: again, after a run that has ended.

    `answered` is called when it is on the disk that they are, or that nothing is to be done.
    """

    force: bool
    answered: Callable[[], None] = field(default=lambda: None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadRequest:
    """The configuration is to be taken over; `answered` gets the problems, none where it was."""

    answered: Callable[[tuple[str, ...]], None] = field(compare=False)


@dataclass(frozen=True, slots=True)
class HoldsChanged:
    """What is on hold from now on."""

    holds: Holds


ControlRequest = Request | UpgradeRequest | ReloadRequest | HoldsChanged


class ControlFolder:
    """Watches the folder on a thread of its own.

    Each request is taken by a rename to a name that holds the number of this daemon, `epoch`, so
    that no two act on one; it is removed when it has been answered, so that none is lost. What a
    daemon has taken that is no more is taken from it. `holds` is what is known to be on hold; a
    change of it is told. `may_act` is asked before each change.
    """

    def __init__(
        self,
        folder: Path,
        emit: Callable[[ControlRequest], None],
        *,
        epoch: int = 0,
        may_act: Callable[[], None] = pass_always,
    ) -> None:
        self._folder = folder
        self._emit = emit
        self._ending = f"{TAKEN_INFIX}{epoch}"
        self._may_act = may_act
        self._stopped = threading.Event()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._asked: set[str] = set()
        self._answered: set[str] = set()
        self._thread: threading.Thread | None = None
        self._seen: int | None = None
        self._unknown: set[str] = set()
        self.holds = Holds()

    def start(self) -> None:
        """Begin to watch, what lies there already first; again where no thread could be had."""
        if self._thread is None:
            self._thread = start_thread(self._live, "control")

    def stop(self) -> None:
        """Take no more requests; those that are not answered lie there for the next start."""
        self._stopped.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(2.0)
        self._remove_answered()

    def take_requests(self) -> None:
        """Take every request that lies there and is not under way."""
        with os.scandir(self._folder) as scan:
            entries = list(scan)
        folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        files = (entry for entry in entries if entry.name not in folders)
        names = [name for _, name in sorted(map(_age_and_name, files))]
        for name in folders:
            self._pass_over(name)
        self._take_holds(names)
        for name in names:
            asked = asked_by(name)
            if hold_in(name)[0] or hold_in(asked, RESUME)[0] or asked.endswith(ANSWER_SUFFIX):
                continue
            taken = asked + self._ending
            if (request := self._request_from(name, asked, taken)) is None:
                self._pass_over(name)
            elif taken not in self._asked and self._take(name, taken):
                reach("control-taken")
                self._asked.add(taken)
                self._emit(request)

    def _request_from(self, name: str, asked: str, taken: str) -> ControlRequest | None:
        """What a file asks for; its answer is for the name under which it is going to be taken."""
        if asked == UPGRADE_NAME:
            force = taken not in self._asked and self._read_word(name) == FORCE
            return UpgradeRequest(force=force, answered=partial(self._answer, taken))
        if asked.startswith(RELOAD_PREFIX):
            return ReloadRequest(answered=partial(self._tell, asked))
        request = request_from_name(asked)
        return request and replace(request, answered=partial(self._answer, taken))

    def _take(self, name: str, taken: str) -> bool:
        """Have a request under our own name; False where it is gone. Raises OSError."""
        self._may_act()
        try:
            os.rename(self._folder / name, self._folder / taken)
        except FileNotFoundError:
            return False
        return True

    def _pass_over(self, name: str) -> None:
        if name not in self._unknown:
            self._unknown.add(name)
            _log.warning("control/%s is no request that is known here", name)

    def remove_hold(self, ticket: str) -> None:
        """Forget the hold of a ticket that has ended; called by the arbiter's thread."""
        self._answer(name_of_hold(ticket))

    def _take_holds(self, names: list[str]) -> None:
        """Carry out what is resumed, and tell what is on hold then. Raises OSError."""
        for name in names:
            asked = asked_by(name)
            is_resume, whom = hold_in(asked, RESUME)
            if is_resume and self._take(name, taken := asked + self._ending):
                self._may_act()
                end_hold(self._folder, whom)
                (self._folder / taken).unlink(missing_ok=True)
        holds = read_holds(self._folder)
        if holds != self.holds:
            self.holds = holds
            self._emit(HoldsChanged(holds))

    def _answer(self, name: str) -> None:
        """Called by the arbiter's thread."""
        with self._lock:
            self._answered.add(name)
        self._wake.set()

    def _remove_answered(self) -> None:
        with self._lock:
            names, self._answered = self._answered, set()
        for name in names:
            reach("control-answered")
            self._may_act()
            try:
                (self._folder / name).unlink(missing_ok=True)
            except OSError as error:
                _log.warning("control/%s cannot be removed: %s", name, error.strerror)
                continue
            self._asked.discard(name)

    def _tell(self, name: str, problems: tuple[str, ...]) -> None:
        """Leave the answer for the one who asked; called by the arbiter's thread."""
        self._may_act()
        try:
            replace_file(
                self._folder / f"{name}{ANSWER_SUFFIX}",
                json_bytes({"problems": list(problems)}),
                mode=0o600,
                durable=False,
            )
        except OSError as error:
            _log.warning("control/%s cannot be answered: %s", name, error.strerror)
        self._answer(name + self._ending)

    def _forget_answers(self) -> None:
        """Remove answers whose askers did not wait for them."""
        self._may_act()
        for path in self._folder.glob(f"{RELOAD_PREFIX}*{ANSWER_SUFFIX}"):
            path.unlink(missing_ok=True)

    def _read_word(self, name: str) -> str:
        """What `prepare_upgrade` says; a word that a shell is about to write is waited for."""
        path = self._folder / name
        for wait in (WORD_SECONDS, 0.0):
            try:
                with open_regular(path) as stream:
                    content = stream.read(MAX_WORD_BYTES)
            except OSError:
                return ""
            if content:
                return content.decode("utf-8", "replace").strip()
            self._stopped.wait(wait)
        return ""

    def _live(self) -> None:
        with contextlib.suppress(OSError):
            self._forget_answers()
        while not self._stopped.is_set():
            self._wake.clear()
            self._remove_answered()
            try:
                changed = self._folder.stat().st_mtime_ns
                if changed != self._seen:
                    # a file that comes within the same tick of the clock changes no time
                    is_past = time.time_ns() - changed > SAME_TICK_SECONDS * 10**9
                    self._seen = changed if is_past else None
                    self.take_requests()
            except OSError as error:
                if self._seen != -1:
                    _log.warning("the control folder cannot be read: %s", error.strerror)
                self._seen = -1
            self._wake.wait(POLL_SECONDS)


def asked_by(name: str) -> str:
    """The name by which something was asked, without what a daemon has added that took it."""
    asked, infix, number = name.rpartition(TAKEN_INFIX)
    return asked if infix and number.isdecimal() else name


def is_asked(folder: Path, wanted: str) -> bool:
    """Whether a request of this name waits for its answer, taken or not."""
    try:
        return wanted in map(asked_by, os.listdir(folder))
    except OSError:
        return False


def _age_and_name(entry: "os.DirEntry[str]") -> tuple[int, str]:
    """What comes first was asked for first, so that many tickets go again in their order."""
    with contextlib.suppress(OSError):
        return entry.stat(follow_symlinks=False).st_mtime_ns, entry.name
    return 0, entry.name


def request_from_name(name: str) -> Request | None:
    """The request that a file's name stands for, None for any other file."""
    ticket, _, word = name.rpartition(".")
    if word not in {RequestedAction.CANCEL, RequestedAction.RETRY} or not is_ticket(ticket):
        return None
    return Request(ticket=ticket, action=RequestedAction(word))
