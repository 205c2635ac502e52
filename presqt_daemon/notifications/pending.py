"""What each receiver is still to be told, in memory and in the outbox; used by one thread."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from presqt_daemon.notifications.delivery import Batch, Delivered
from presqt_daemon.notifications.outbox import Entry, Outbox
from presqt_daemon.receivers import NotifyConfig, ReceiverConfig

FIRST_RETRY_SECONDS = 15.0
LONGEST_RETRY_SECONDS = 900.0
KEPT_FOR = timedelta(days=7)
"""What could not be told for so long is given up, and the next message says how much that was."""

MOST_KEPT = 10_000
"""Of one receiver; the oldest go first."""

LOG_SECONDS = 60.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """How it stands with one receiver; moments are of the monotonic clock.

    `since` is when the oldest of what it has not been told came in, `told_at` when it was told
    last, `failures` how often in vain since. `lost` were given up, of which it has not been told.
    """

    since: float | None = None
    told_at: float = float("-inf")
    retry_at: float = float("-inf")
    failures: int = 0
    lost: int = 0
    is_busy: bool = False


def next_moment(turn: Turn, receiver: ReceiverConfig, config: NotifyConfig) -> float | None:
    """When a receiver is told next, None while there is nothing or it is being told."""
    if turn.since is None or turn.is_busy:
        return None
    if receiver.command or turn.failures:
        return max(turn.since, turn.retry_at)
    return max(turn.since + config.gather, turn.told_at + config.every, turn.retry_at)


def after_success(now: float, *, is_more: bool) -> Turn:
    """The turn when a receiver has been told; `is_more`: not yet of everything."""
    return Turn(since=now if is_more else None, told_at=now)


def after_failure(turn: Turn, now: float) -> Turn:
    """The turn when it could not be told: 15 seconds, doubling to a quarter of an hour."""
    wait = min(FIRST_RETRY_SECONDS * 2 ** min(turn.failures, 10), LONGEST_RETRY_SECONDS)
    return replace(turn, failures=turn.failures + 1, retry_at=now + wait, is_busy=False)


def given_up(entries: list[Entry], now: datetime) -> list[Entry]:
    """Of what one receiver is still to be told, oldest first: what it never will be."""
    old = [entry for entry in entries if now - entry.notification.at > KEPT_FOR]
    return old + entries[len(old) : max(len(old), len(entries) - MOST_KEPT)]


class Pending:
    """The entries of the outbox, and how it stands with each receiver.

    `hurries`: from now on nobody waits for more before they are told.
    """

    def __init__(
        self, outbox: Outbox, receivers: Mapping[str, ReceiverConfig], config: NotifyConfig
    ) -> None:
        self.hurries = False
        self._outbox = outbox
        self._receivers = receivers
        self._config = config
        self._entries: dict[str, Entry] = {}
        self._turns: dict[str, Turn] = {}
        self._unfinished: dict[str, Batch] = {}
        self._tries: Counter[tuple[str, str]] = Counter()
        self._logged: dict[str, float] = {}

    def add(self, entry: Entry, now: float) -> None:
        """Take in an entry; those who are no receivers any more are not waited for."""
        entry = Entry(entry.notification, entry.to & self._receivers.keys())
        if entry.notification.id in self._entries:
            return
        self._keep(entry)
        if not entry.to:
            return
        self._entries[entry.notification.id] = entry
        for name in entry.to:
            turn = self._turns.setdefault(name, Turn())
            if turn.since is None:
                self._turns[name] = replace(turn, since=now)

    def use(self, receivers: Mapping[str, ReceiverConfig], config: NotifyConfig) -> None:
        """Forget receivers that are no more, and try again at once whom nobody could tell."""
        self._receivers, self._config = receivers, config
        for entry in list(self._entries.values()):
            for name in entry.to - receivers.keys():
                self._end_one(entry.notification.id, name)
        for name in list(self._turns):
            if name not in receivers:
                del self._turns[name]
                self._unfinished.pop(name, None)
            elif not self._turns[name].is_busy:
                turn = self._turns[name]
                self._turns[name] = Turn(since=turn.since, told_at=turn.told_at, lost=turn.lost)

    def next_moment(self) -> float | None:
        """When somebody is to be told next, None for never."""
        moments = [self._moment(receiver) for receiver in self._receivers.values()]
        return min((moment for moment in moments if moment is not None), default=None)

    def due(self, now: float, wall: datetime) -> list[Batch]:
        """Whom to tell now of what; from now on these are busy."""
        batches = []
        for receiver in self._receivers.values():
            moment = self._moment(receiver)
            if moment is None or moment > now:
                continue
            batch = self._batch(receiver, wall)
            turn = self._turns[receiver.name]
            if batch is None:
                self._turns[receiver.name] = Turn(told_at=turn.told_at, lost=turn.lost)
                continue
            self._turns[receiver.name] = replace(turn, is_busy=True)
            batches.append(batch)
        return batches

    def take_end(self, batch: Batch, end: Delivered, now: float) -> None:
        """Take in what came of telling a receiver."""
        name = batch.receiver.name
        for notification in end.ids:
            self._end_one(notification, name)
        self._tries.update((name, notification) for notification in end.failed)
        if name not in self._turns:
            return
        self._unfinished.pop(name, None)
        if end.cause is None:
            if self._turns[name].failures:
                _log.info("receiver %s is told again what happens", name)
            self._turns[name] = after_success(now, is_more=bool(self._of(name)))
            return
        if end.done:
            # whoever has got this message must not get it once more
            self._unfinished[name] = replace(batch, done=end.done)
        turn = self._turns[name] = after_failure(self._turns[name], now)
        if now - self._logged.get(name, float("-inf")) >= LOG_SECONDS:
            self._logged[name] = now
            _log.warning(
                "receiver %s could not be told (%s); tried again in %.0f s, %d notifications wait",
                *(name, end.cause, turn.retry_at - now, len(self._of(name))),
            )

    def is_quiet(self) -> bool:
        """Whether nobody is being told, and nobody is to be told who has not failed to be."""
        return not any(
            turn.is_busy or (turn.since is not None and not turn.failures)
            for turn in self._turns.values()
        )

    def count(self) -> int:
        """How many notifications have not reached everybody."""
        return len(self._entries)

    def _moment(self, receiver: ReceiverConfig) -> float | None:
        turn = self._turns.get(receiver.name, Turn())
        if self.hurries and not turn.is_busy and turn.since is not None and not turn.failures:
            return turn.since
        return next_moment(turn, receiver, self._config)

    def _batch(self, receiver: ReceiverConfig, wall: datetime) -> Batch | None:
        """All that a receiver is to be told, the oldest first; None for nothing any more."""
        name = receiver.name
        if (unfinished := self._unfinished.get(name)) is not None:
            return unfinished
        entries = self._of(name)
        lost = given_up(entries, wall)
        for entry in lost:
            self._end_one(entry.notification.id, name)
        if lost:
            # kept with the turn: where nothing else is left, it is told with what comes next
            turn = self._turns[name]
            self._turns[name] = replace(turn, lost=turn.lost + len(lost))
            _log.error(
                "receiver %s could not be told of %d notifications for too long; they are given up",
                *(name, len(lost)),
            )
        left = entries[len(lost) :]
        if receiver.command:
            left.sort(key=lambda entry: self._tries[name, entry.notification.id])
        if not left:
            return None
        notifications = tuple(entry.notification for entry in left)
        return Batch(receiver=receiver, notifications=notifications, lost=self._turns[name].lost)

    def _of(self, name: str) -> list[Entry]:
        found = [entry for entry in self._entries.values() if name in entry.to]
        return sorted(found, key=lambda entry: entry.notification.at)

    def _end_one(self, notification: str, name: str) -> None:
        """One receiver is done with one notification."""
        entry = self._entries.get(notification)
        if entry is None:
            return
        entry = entry.without(name)
        self._tries.pop((name, notification), None)
        if entry.to:
            self._entries[notification] = entry
        else:
            del self._entries[notification]
        self._keep(entry)

    def _keep(self, entry: Entry) -> None:
        """Write an entry; one that cannot be written now is told all the same, from memory."""
        try:
            self._outbox.keep(entry)
        except OSError as error:
            _log.debug("an entry of the outbox could not be written: %s", error.strerror)
