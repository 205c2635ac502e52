"""What to do with each drop that a lane comes across: wait for it, or take it."""

import logging
import os
import stat
from dataclasses import dataclass, replace

from presqt_daemon.errors import UserFault
from presqt_daemon.inbox.claim import DropChangedError, Taken, UnnamedError
from presqt_daemon.inbox.copying import Copier, Copy
from presqt_daemon.inbox.desk import Desk, Notices
from presqt_daemon.inbox.names import is_tag_file_name, is_zip_name
from presqt_daemon.inbox.new_ticket import Drop
from presqt_daemon.inbox.places import OpenPlace, Place, unknown_target
from presqt_daemon.inbox.probe import open_file, probe_file
from presqt_daemon.inbox.settle import (
    Decision,
    History,
    Probe,
    Sight,
    Take,
    TakeAsFailed,
    Wait,
    decide,
    remember,
    sight_of,
)
from presqt_daemon.model import Finding, Severity
from presqt_daemon.system.files import printable_name
from presqt_daemon.units import text_from_bytes

Key = tuple[Place, str]

_LONG_PAUSE_SECONDS = 600.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file that is not taken yet, when to look again, and why.

    `is_stuck` marks one that waits for a person rather than for time.
    """

    history: History
    due: float
    why: str
    is_stuck: bool = False


class Reception:
    """The files one lane waits for; used by its thread alone."""

    def __init__(self, desk: Desk, copier: Copier, notices: Notices) -> None:
        self._desk = desk
        self._copier = copier
        self._notices = notices
        self.candidates: dict[Place, dict[str, Candidate]] = {}
        self._unnamed: dict[Place, list[Taken]] = {}

    def look_at_drop(
        self, folder: OpenPlace, name: str, moved: Sight | None, *, is_hinted: bool
    ) -> None:
        """Take the file if it may be taken now, else remember when to look again."""
        key = (folder.place, name)
        now = self._desk.clock()
        try:
            status = os.stat(name, dir_fd=folder.handle, follow_symlinks=False)
        except FileNotFoundError:
            self.forget(key)
            return
        if not stat.S_ISREG(status.st_mode):
            self.forget(key)
            return
        before = self.candidates.get(folder.place, {}).get(name)
        history = remember(before.history if before else None, sight_of(status), moved, now)
        if before and history is before.history and now < before.due and not is_hinted:
            return
        try:
            self._try(folder, name, history, now)
        except FileNotFoundError:
            self.forget(key)
        except UnnamedError as error:
            self.forget(key)
            self._unnamed.setdefault(folder.place, []).append(error.taken)
            self._notices.warn("unnamed", f"a ticket cannot be finished yet: {error}; trying again")
        except DropChangedError:
            self._wait(key, history, now + self._desk.config.intake.settle, "it has just changed")
        except BlockingIOError:
            self._wait(key, history, now + self._desk.config.intake.settle, "it is locked")
        except OSError as error:
            reason = error.strerror or str(error)
            shown = f"{folder.place.shown}/{printable_name(name)}"
            self._notices.warn(key, f"{shown} cannot be taken yet: {reason}; trying again")
            due = now + self._desk.config.intake.rescan
            self._wait(key, history, due, reason, is_stuck=isinstance(error, PermissionError))
        except Exception:  # noqa: BLE001  (one drop must not stop the others)
            _log.exception("%s/%s cannot be taken", folder.place.shown, printable_name(name))
            due = now + _LONG_PAUSE_SECONDS
            self._wait(key, history, due, "an error of ours", is_stuck=True)

    @property
    def has_unnamed(self) -> bool:
        """Whether a drop is ours, but its ticket could not be finished yet."""
        return bool(self._unnamed)

    def name_again(self, folder: OpenPlace) -> None:
        """Finish the tickets of this place whose drop is ours already, if that can be done now."""
        for taken in self._unnamed.pop(folder.place, []):
            try:
                named = self._desk.claimer.name(taken)
            except OSError:
                self._unnamed.setdefault(folder.place, []).append(taken)
            else:
                self._notices.clear("unnamed")
                self._desk.announce(folder, named)

    def forget(self, key: Key) -> None:
        """The file is gone or taken."""
        self.candidates.get(key[0], {}).pop(key[1], None)

    def keep_only(self, place: Place, names: set[str]) -> None:
        """All files of a place that are not among these names are gone."""
        waiting = self.candidates.get(place, {})
        for name in waiting.keys() - names:
            del waiting[name]

    def due_names(self, place: Place, now: float) -> list[str]:
        """The files of a place whose time has come."""
        waiting = self.candidates.get(place, {})
        return [name for name, candidate in waiting.items() if candidate.due <= now]

    def put_off(self, place: Place, until: float) -> None:
        """The place cannot be looked at: nothing in it is due before this."""
        waiting = self.candidates.get(place, {})
        for name, candidate in waiting.items():
            waiting[name] = replace(candidate, due=max(candidate.due, until))

    def keep_only_places(self, places: set[Place]) -> None:
        """Places that are not among these are gone, with all that was in them."""
        for place in self.candidates.keys() - places:
            del self.candidates[place]

    def next_due(self) -> float:
        """When the first candidate is to be looked at again (monotonic clock)."""
        dues = (item.due for waiting in self.candidates.values() for item in waiting.values())
        return min(dues, default=float("inf"))

    def _try(self, folder: OpenPlace, name: str, history: History, now: float) -> None:
        key = (folder.place, name)
        handle = open_file(name, folder.handle)
        try:
            status = os.fstat(handle)
            history = remember(history, sight_of(status), None, now)
            probe = probe_file(handle, sees_writers=folder.sees_writers)
            decision = self._decide(probe, history, now, name)
            if isinstance(decision, Wait):
                self._wait(key, history, decision.until, decision.why)
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
            taken = self._desk.claimer.take(self._desk.config, drop)
        finally:
            os.close(handle)
        self.forget(key)
        self._notices.clear(key)
        if taken.aside is None:
            self._desk.announce(folder, taken)
        else:
            self._copier.put(Copy(place=folder.place, taken=taken))

    def _decide(self, probe: Probe, history: History, now: float, name: str) -> Decision:
        rules = self._desk.rules
        decision = decide(history, probe, rules, now, printable_name(name))
        if isinstance(decision, TakeAsFailed) and is_tag_file_name(name):
            # A bag's folder that is still being copied looks like a resource's folder at first, and
            # a bag may be unpacked right here.
            until = history.since + rules.incomplete_after
            if now < until:
                return Wait(until=until, why="it may be part of a bag that is being copied")
        return decision

    def _fault(
        self, place: Place, name: str, status: os.stat_result, decision: Decision
    ) -> UserFault | None:
        config = self._desk.config
        if not place.is_target:
            return unknown_target(place, tuple(config.targets))
        if isinstance(decision, TakeAsFailed):
            return UserFault(decision.code, decision.message)
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
