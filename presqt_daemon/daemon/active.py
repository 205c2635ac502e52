"""Which daemon serves these folders: by the lock among this host's, by the lease among all hosts'.

The lock proves at once that a daemon of this host is gone; what another host's kernel has locked
may be known here or not. So the lease decides, and the lock is taken from who has lost it.
"""

import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from presqt_daemon.config import Config
from presqt_daemon.leases.fence import FENCED_EXIT
from presqt_daemon.leases.heartbeat import Heartbeat, TornHeartbeatError, read_heartbeat
from presqt_daemon.leases.kept import KeptLease
from presqt_daemon.leases.lease import HeldElsewhereError, Lease, LeaseTerms
from presqt_daemon.leases.standbys import WaitingFile
from presqt_daemon.leases.take import Seen, take_lease
from presqt_daemon.system.files import make_folder
from presqt_daemon.system.host import host_of, is_of_this_boot, is_same_host, pid_of
from presqt_daemon.system.host import instance_id as own_instance
from presqt_daemon.system.programs.tree import end_children
from presqt_daemon.system.systemd import Notifier
from presqt_daemon.tickets.locks import ASKING_SECONDS, FolderLock, HeldError

INBOX_MODE = 0o2775
"""Of an inbox that the daemon makes itself: its group drops, and hands that right on."""

WAIT_SLACK_SECONDS = 90.0
"""For the rest of a start that had to wait whether another daemon lives."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeldFolders:
    """The right to serve; `lease` is kept from now on, and asked before each lasting write."""

    locks: tuple[FolderLock, ...]
    lease: KeptLease

    def release(self) -> None:
        """Let the next one serve at once; nothing is written any more."""
        self.lease.stop()
        for lock in self.locks:
            lock.release()
        with contextlib.suppress(OSError):
            # alone it leaves no file; else its number stays, so that the next one has a later one
            self.lease.lease.release(has_ended=self.lease.lease.is_alone)


class ServedFolders:
    """Inbox and mediafiles of a configuration, to be served by one daemon at a time.

    `is_standby`: another may take over from this one, so that it has to tell that it lives. So it
    is with an engine of many hosts, too; a daemon that is alone on its host tells it once.
    """

    def __init__(self, config: Config, *, is_standby: bool) -> None:
        self._config = config
        self._seen: Seen = {}
        self.ttl = config.engine_options.lease_ttl
        self._terms = LeaseTerms(ttl=self.ttl, is_alone=not is_standby and config.engine == "local")

    def waiting_file(self) -> WaitingFile:
        """By which others know that this process waits for them."""
        return WaitingFile(self._config.mediafiles, self.ttl)

    def take(self) -> HeldFolders:
        """Serve them from now on. Raises HeldError when another instance has them, OSError.

        Where another host's daemon may live, that is waited for.
        """
        return self._take_with_locks(ASKING_SECONDS, wait=True)

    def take_if_free(self) -> HeldFolders:
        """The same without waiting, for one who asks again and again."""
        found = self.last_holder()
        is_open = found is None or found.is_released
        # one that is alone tells that it lives only once: no time proves that it does not
        is_silent = found is not None and found.is_alone and not found.is_released
        if found is None or is_open or self._is_of_this_host(found):
            try:
                return self._take_with_locks(0.0, wait=False)
            except HeldError:
                if is_open or is_silent:
                    raise
        elif is_silent:
            raise self._held()
        try:
            lease = take_lease(self._config.mediafiles, self._terms, wait=False, before=self._seen)
        except HeldElsewhereError:
            raise self._held() from None
        try:
            locks = self._lock(ASKING_SECONDS, has_lease=True)
        except BaseException:
            lease.release(has_ended=False)
            raise
        return self._kept(locks, lease)

    def _take_with_locks(self, patience: float, *, wait: bool) -> HeldFolders:
        """The locks first: who has them knows that no daemon of this host lives."""
        locks = self._lock(patience, has_lease=False)
        try:
            found = self.last_holder()
            if wait and found is not None and not self._is_surely_dead(found):
                self._tell_of_wait(found)
            lease = self._lease(found, wait=wait)
        except BaseException as error:
            _release(locks)
            if isinstance(error, HeldElsewhereError):
                raise self._held() from None
            raise
        return self._kept(locks, lease)

    def _tell_of_wait(self, found: Heartbeat) -> None:
        """A start that waits for longer than systemd gives it would be ended, and begin anew."""
        text = f"waiting whether {_shown(found)} still lives, up to {found.ttl:.0f} s"
        _log.info("%s", text)
        patience = int((found.ttl + WAIT_SLACK_SECONDS) * 1e6)
        Notifier(os.environ).send(STATUS=text, EXTEND_TIMEOUT_USEC=str(patience))

    def _is_of_this_host(self, found: Heartbeat) -> bool:
        """Whether the lock proves that a holder is gone. A boot ends all that is alone."""
        is_same = found.is_alone and is_same_host(found.instance, own_instance())
        return is_same or is_of_this_boot(found.instance)

    def last_holder(self) -> Heartbeat | None:
        """Who has told last that it serves them, None where nobody has. Raises OSError."""
        try:
            return read_heartbeat(self._config.mediafiles)
        except (TornHeartbeatError, FileNotFoundError):
            return None

    def shown_holder(self) -> str:
        """That one for people."""
        found = self.last_holder()
        return "another presqt-daemon" if found is None else _shown(found)

    def _held(self) -> HeldError:
        return HeldError(f"{self._config.mediafiles} is held by {self.shown_holder()}")

    def _lock(self, patience: float, *, has_lease: bool) -> tuple[FolderLock, ...]:
        locks: list[FolderLock] = []
        mediafiles = self._config.mediafiles
        whose = mediafiles.resolve()
        try:
            for folder, mode in ((mediafiles, 0o755), (self._config.inbox, INBOX_MODE)):
                make_folder(folder, mode)
                lock = FolderLock(folder, lease=whose, has_lease=has_lease, patience=patience)
                locks.append(lock)
                if lock.has_cleared:
                    _log.warning("%s was made by somebody else and is removed", lock.path)
        except BaseException:
            _release(locks)
            raise
        return tuple(locks)

    def _lease(self, found: Heartbeat | None, *, wait: bool) -> Lease:
        dead = found.instance if found is not None and self._is_surely_dead(found) else None
        terms = replace(self._terms, is_dead=lambda instance: instance == dead)
        return take_lease(self._config.mediafiles, terms, wait=wait, before=self._seen)

    def _is_surely_dead(self, found: Heartbeat) -> bool:
        """Whether a holder needs not be waited for by one who has the locks.

        One that was alone on another host has told nothing since its start: as ever, whoever
        starts a daemon without a standby says that there is no other.
        """
        if found.is_released or is_of_this_boot(found.instance):
            return True
        if not found.is_alone:
            return False
        if not is_same_host(found.instance, own_instance()):
            _log.warning(
                "%s served these folders last and has not said that it ended; see that it does "
                "not run any more",
                _shown(found),
            )
        return True

    def _kept(self, locks: tuple[FolderLock, ...], lease: Lease) -> HeldFolders:
        kept = KeptLease(lease, self.ttl, lambda: leave(self.shown_holder))
        held = HeldFolders(locks, kept)
        try:
            kept.start()
        except OSError:
            held.release()
            raise
        return held


def leave(successor: Callable[[], str]) -> None:
    """End this process and all that it has started, at once: another serves these folders now."""
    with contextlib.suppress(Exception):
        _log.error("%s has taken over; this daemon ends and writes nothing more", successor())
    try:
        end_children()
    finally:
        os._exit(FENCED_EXIT)


def _release(locks: "list[FolderLock] | tuple[FolderLock, ...]") -> None:
    for lock in locks:
        lock.release()


def _shown(holder: Heartbeat) -> str:
    where = host_of(holder.instance)
    return f"another presqt-daemon (pid {pid_of(holder.instance)} on {where})"
