"""What to do with each drop that a scanner comes across: wait for it, or take it."""

import contextlib
import os
import stat
import time
from dataclasses import dataclass, replace

from presqt_daemon.errors import UserFault
from presqt_daemon.inbox.answers.events import Claimed
from presqt_daemon.inbox.claims.claim import DropChangedError, UnfinishedError
from presqt_daemon.inbox.claims.new_ticket import Drop
from presqt_daemon.inbox.files.leftover_names import CONTROL_SUFFIXES, GROWING_SUFFIXES
from presqt_daemon.inbox.files.names import is_tag_file_name, is_zip_name
from presqt_daemon.inbox.files.places import InboxFolder, OpenPlace
from presqt_daemon.inbox.files.probe import file_beside, open_file, part_file_of, probe_file
from presqt_daemon.inbox.files.stability import (
    Content,
    Decision,
    History,
    Probe,
    Take,
    Wait,
    decide_taking,
    remember,
    remember_beside,
)
from presqt_daemon.inbox.folder_context import FolderContext
from presqt_daemon.model import Finding, Severity
from presqt_daemon.system.files import printable_name
from presqt_daemon.system.logs import shared_log
from presqt_daemon.tickets.options import unknown_target
from presqt_daemon.units import text_from_bytes

Key = tuple[InboxFolder, str]

_LONG_PAUSE_SECONDS = 600.0
_MAX_GROUP = 64
"""Drops that are claimed together; each keeps its file open meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file that is not taken yet, when to look again, and why.

    `is_stuck` marks one that waits for a person rather than for time.
    """

    history: History
    due: float
    why: str
    is_stuck: bool = False


class Candidates:
    """The files one scanner waits for; used by its thread alone."""

    def __init__(self, context: FolderContext) -> None:
        self._context = context
        self.candidates: dict[InboxFolder, dict[str, Candidate]] = {}
        self._group: list[tuple[Drop, History]] = []

    def consider_drop(self, folder: OpenPlace, name: str, *, is_hinted: bool) -> None:
        """Put the file into this turn's group if it may be taken now, else look again later.

        `take_group` has to follow before the folder is closed.
        """
        key = (folder.place, name)
        now = self._context.clock()
        try:
            status = os.stat(name, dir_fd=folder.handle, follow_symlinks=False)
        except FileNotFoundError:
            self.forget(key)
            return
        if not stat.S_ISREG(status.st_mode):
            self.forget(key)
            return
        before = self.candidates.get(folder.place, {}).get(name)
        age = max(0.0, time.time() - status.st_ctime) if folder.sees_writers else 0.0
        history = remember(before.history if before else None, status, now, age)
        if before and history is before.history and now < before.due and not is_hinted:
            return
        try:
            self._try(folder, name, history, now)
        except Exception as error:  # noqa: BLE001  (one drop must not stop the others)
            self._cannot_take(folder, name, history, error)
        if len(self._group) >= _MAX_GROUP:
            self.take_group(folder)

    def take_group(self, folder: OpenPlace) -> None:
        """Take all drops of this turn that may be taken, as one group."""
        group, self._group = self._group, []
        drops = [drop for drop, _ in group]
        try:
            taken = self._context.claimer.take(self._context.config, drops) if drops else []
        finally:
            for drop in drops:
                os.close(drop.handle)
        for (drop, history), result in zip(group, taken, strict=True):
            if isinstance(result, Claimed):
                self.forget((folder.place, drop.name))
                self._context.notices.clear((folder.place, drop.name))
                if result.aside is None:
                    self._context.announce(folder, result)
                else:
                    self._context.copier.put(result)
            else:
                self._cannot_take(folder, drop.name, history, result)
        if any(isinstance(result, Claimed) for result in taken):
            # the notes, and what has gone from here; no ticket hangs on it
            with contextlib.suppress(OSError):
                os.fsync(folder.handle)

    def _cannot_take(
        self, folder: OpenPlace, name: str, history: History, error: Exception
    ) -> None:
        key = (folder.place, name)
        now = self._context.clock()
        intake = self._context.config.intake
        match error:
            case FileNotFoundError():
                self.forget(key)
            case UnfinishedError():
                self.forget(key)
                self._context.copier.put(error.taken)
            case DropChangedError():
                self._wait(key, history, now + intake.settle, "it has just changed")
            case BlockingIOError():
                self._wait(key, history, now + intake.settle, "it is locked")
            case OSError():
                reason = error.strerror or str(error)
                what = f"cannot be taken yet: {reason}; trying again"
                self._context.warn(folder, name, what, "drop")
                is_stuck = isinstance(error, PermissionError)
                self._wait(key, history, now + intake.rescan, reason, is_stuck=is_stuck)
            case _:
                log = shared_log("cannot be taken", folder.place.known_target)
                where = f"{folder.place.shown}/{printable_name(name)}"
                log.error("%s cannot be taken", where, exc_info=error)
                due = now + _LONG_PAUSE_SECONDS
                self._wait(key, history, due, "an error of ours", is_stuck=True)

    def forget(self, key: Key) -> None:
        """The file is gone or taken."""
        self.candidates.get(key[0], {}).pop(key[1], None)

    def forget_all_but(self, place: InboxFolder, names: set[str]) -> None:
        """All files of a place that are not among these names are gone."""
        waiting = self.candidates.get(place, {})
        for name in waiting.keys() - names:
            del waiting[name]

    def due_names(self, place: InboxFolder, now: float) -> list[str]:
        """The files of a place whose time has come."""
        waiting = self.candidates.get(place, {})
        return [name for name, candidate in waiting.items() if candidate.due <= now]

    def postpone(self, place: InboxFolder, until: float) -> None:
        """The place cannot be looked at: nothing in it is due before this."""
        waiting = self.candidates.get(place, {})
        for name, candidate in waiting.items():
            waiting[name] = replace(candidate, due=max(candidate.due, until))

    def forget_places_but(self, places: set[InboxFolder]) -> None:
        """Places that are not among these are gone, with all that was in them."""
        for place in self.candidates.keys() - places:
            del self.candidates[place]

    def next_due(self) -> float:
        """When the first candidate is to be looked at again (monotonic clock)."""
        dues = (item.due for waiting in self.candidates.values() for item in waiting.values())
        return min(dues, default=float("inf"))

    def _try(self, folder: OpenPlace, name: str, history: History, now: float) -> None:
        handle = open_file(name, folder.handle)
        with contextlib.ExitStack() as opened:
            opened.callback(os.close, handle)
            status = os.fstat(handle)
            history = remember(history, status, now)
            probe = probe_file(handle, sees_writers=folder.sees_writers)
            if probe.content is Content.WHOLE:
                control = file_beside(name, CONTROL_SUFFIXES, folder.handle)
                history = remember_beside(history, control, now)
                probe = replace(probe, has_holes=probe.has_holes or control is not None)
            else:
                growing = file_beside(name, GROWING_SUFFIXES, folder.handle)
                history = remember_beside(history, growing, now)
            decision = self._decide(probe, history, now, name)
            if isinstance(decision, UserFault) and probe.content is Content.EMPTY:
                history = remember_beside(history, part_file_of(name, folder.handle), now)
                decision = self._decide(probe, history, now, name)
            if isinstance(decision, Wait):
                self._wait((folder.place, name), history, decision.until, decision.why)
                return
            drop = Drop(
                folder=folder,
                name=name,
                handle=handle,
                status=status,
                fault=self._fault(folder.place, name, status, decision),
                warnings=_warnings(name) if isinstance(decision, Take) else (),
                unwritten=isinstance(decision, Take) and decision.unwritten,
            )
            self._group.append((drop, history))
            opened.pop_all()  # the group keeps it open

    def _decide(self, probe: Probe, history: History, now: float, name: str) -> Decision:
        rules = self._context.shared.rules
        decision = decide_taking(history, probe, rules, now, printable_name(name))
        if isinstance(decision, UserFault) and is_tag_file_name(name):
            # A bag's folder that is still being copied looks like a resource's folder at first, and
            # a bag may be unpacked right here.
            until = history.since + rules.incomplete_after
            if now < until:
                return Wait(until=until, why="it may be part of a bag that is being copied")
        return decision

    def _fault(
        self, place: InboxFolder, name: str, status: os.stat_result, decision: Decision
    ) -> UserFault | None:
        config = self._context.config
        if not place.is_target:
            return unknown_target(place.route.target, config.targets)
        if isinstance(decision, UserFault):
            return decision
        limit = config.staging.max_zip_bytes
        if status.st_size > limit:
            return UserFault(
                "too-large",
                f"{printable_name(name)} has {text_from_bytes(status.st_size)}; at most "
                f"{text_from_bytes(limit)} are taken here. Split the bag, or ask the operator.",
            )
        return None

    def _wait(
        self, key: Key, history: History, due: float, why: str, *, is_stuck: bool = False
    ) -> None:
        waiting = self.candidates.setdefault(key[0], {})
        waiting[key[1]] = Candidate(history=history, due=due, why=why, is_stuck=is_stuck)


def _warnings(name: str) -> tuple[Finding, ...]:
    if is_zip_name(name):
        return ()
    return (
        Finding(
            code="zip-name",
            message="The file was taken as a zip for what it holds; its name should end in .zip.",
            path=printable_name(name),
            severity=Severity.WARNING,
        ),
    )
