"""Tells receivers what happens, beside the daemon: nothing that it does holds up anybody else.

One thread keeps the outbox; each message is sent from a thread of its own, by a process of its own.
What the loop calls returns at once.
"""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from presqt_daemon.config import Config
from presqt_daemon.notifications.conditions import Observation, Watch
from presqt_daemon.notifications.delivery import Batch, Delivered, deliver
from presqt_daemon.notifications.outbox import Entry, Outbox, entry_of
from presqt_daemon.notifications.pending import Pending
from presqt_daemon.notifications.ping import Ping
from presqt_daemon.receivers import ReceiverConfig
from presqt_daemon.system.shortage import start_thread
from presqt_daemon.tickets.status_writer import utc_now
from presqt_daemon.tickets.store import Uploads

LONGEST_WAIT_SECONDS = 5.0
FINISH_SECONDS = 60.0
"""How long `run --once` waits for receivers before it ends; what is left is told the next time."""

OBSERVE_SECONDS = 2.0
LEAVE_SECONDS = 3.0
WARN_EVERY_SECONDS = 60.0
SEEN = 100_000
"""Ids remembered, so that an end that comes twice to our ears is told once."""

_Item = str | Observation | Config | tuple[Batch, Delivered] | None
"""A ticket that has ended, what is seen, another configuration, a message's end, or only a wake."""

_log = logging.getLogger(__name__)


class Notifications:
    """`start` and what stands before `stop` are the loop's; the rest is the thread's own."""

    def __init__(
        self,
        config: Config,
        uploads: Uploads,
        *,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.ping = Ping(config.notify, environment=environment)
        self._config = config
        self._uploads = uploads
        self._environment = environment
        self._clock = clock
        self._now = now
        self._outbox = Outbox(config.outbox_folder, uploads)
        self._pending = Pending(self._outbox, config.receivers, config.notify)
        self._watch = Watch(config.outbox_folder, uploads)
        self._seen: dict[str, None] = {}
        self._items: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._senders: list[threading.Thread] = []
        self._begins_nothing = threading.Event()
        self._stopped = threading.Event()
        self._quiet = threading.Event()
        self._is_open = False
        self._warned_at = self._observed = float("-inf")

    @property
    def is_on(self) -> bool:
        """Whether there is anybody to be told."""
        return bool(self._config.receivers)

    def start(self) -> None:
        """Begin, where there is anybody to tell; again where no thread could be had."""
        self.ping.start()
        if self._thread is None and self.is_on:
            self._thread = start_thread(self._live, "notifications")

    def is_due(self, now: float) -> bool:
        """Whether it is time for the next `observe`; so thousands of tickets cost next to nothing.

        `now` as any monotonic clock has it.
        """
        if self._thread is None or now - self._observed < OBSERVE_SECONDS:
            return False
        self._observed = now
        return True

    def ticket_ended(self, ticket: str) -> None:
        """A ticket has ended; what its party left is told."""
        if self._thread is not None:
            self._items.put(ticket)

    def observe(self, seen: Observation) -> None:
        """Take in how targets, disk and waiting tickets stand."""
        if self._thread is not None:
            self._items.put(seen)

    def use(self, config: Config) -> None:
        """Go on with another configuration of the same folders."""
        self.ping.use(config.notify)
        if self._thread is None:
            self._config = config
            self._pending.use(config.receivers, config.notify)
            self.start()
        else:
            self._items.put(config)

    def finish(self, seconds: float = FINISH_SECONDS) -> None:
        """Tell now what is to be told, and wait for it so long at most."""
        if self._thread is None:
            return
        self._quiet.clear()
        self._pending.hurries = True
        self._items.put(None)
        self._quiet.wait(seconds)

    def stop(self) -> None:
        """End: what is on its way has a moment to arrive, the rest is told by the next start."""
        self.ping.stop()
        self._begins_nothing.set()
        until = time.monotonic() + LEAVE_SECONDS
        for thread in list(self._senders):
            thread.join(max(0.0, until - time.monotonic()))
        self._stopped.set()
        self._items.put(None)
        if self._thread is not None:
            self._thread.join(LEAVE_SECONDS)

    def _live(self) -> None:
        while not (self._stopped.is_set() and self._items.empty()):
            try:
                if not self._is_open:
                    self._open()
                self._turn()
            except OSError as error:
                self._is_open = False
                if self._clock() - self._warned_at >= WARN_EVERY_SECONDS:
                    self._warned_at = self._clock()
                    _log.warning("the outbox cannot be used now: %s", error.strerror)
                self._stopped.wait(LONGEST_WAIT_SECONDS)
            except Exception:  # noqa: BLE001  (whatever it is, tickets go on)
                _log.exception("a bug of ours in what tells receivers")
                self._stopped.wait(LONGEST_WAIT_SECONDS)

    def _open(self) -> None:
        """Take in what an earlier life left."""
        self._uploads.may_act()
        self._outbox.open()
        self._watch.open()
        receivers = self._config.receivers
        for entry in self._outbox.entries(receivers):
            self._add(entry)
        # one by one: there may be a hundred thousand
        for ticket in self._uploads.tickets():
            if self._stopped.is_set():
                return
            for entry in self._outbox.left_entries((ticket,), receivers):
                self._add(entry)
        self._is_open = True
        if count := self._pending.count():
            _log.info("%d notifications of earlier are told now", count)

    def _turn(self) -> None:
        """Tell whom it is time to tell, then wait for the next thing to happen."""
        self._uploads.may_act()
        if not self._begins_nothing.is_set():
            for batch in self._pending.due(self._clock(), self._now()):
                self._start_sending(batch)
        if self._pending.hurries and self._items.empty() and self._pending.is_quiet():
            self._quiet.set()
        moment = self._pending.next_moment()
        wait = LONGEST_WAIT_SECONDS if moment is None else moment - self._clock()
        try:
            item = self._items.get(timeout=min(max(wait, 0.0), LONGEST_WAIT_SECONDS))
        except queue.Empty:
            return
        self._take(item)

    def _take(self, item: _Item) -> None:
        self._uploads.may_act()
        match item:
            case str():
                self._take_end(item, self._config.receivers)
            case Observation():
                for notification in self._watch.changes(item, self._config, self._now()):
                    self._add(entry_of(notification, self._config.receivers))
            case Config():
                self._config = item
                self._pending.use(item.receivers, item.notify)
            case (batch, end):
                self._pending.take_end(batch, end, self._clock())
            case None:
                pass

    def _take_end(self, ticket: str, receivers: Mapping[str, ReceiverConfig]) -> None:
        """What a ticket's party left; where it could not, what the status says."""
        found = list(self._outbox.left_entries((ticket,), receivers))
        if not found and (entry := self._outbox.from_status(ticket, receivers)) is not None:
            found = [entry]
        for entry in found:
            self._add(entry)

    def _add(self, entry: Entry) -> None:
        name = entry.notification.id
        if name in self._seen:
            return
        try:
            self._pending.add(entry, self._clock())
        finally:
            if len(self._seen) == SEEN:
                del self._seen[next(iter(self._seen))]  # the oldest
            self._seen[name] = None

    def _start_sending(self, batch: Batch) -> None:
        def work() -> None:
            self._uploads.may_act()
            try:
                end = deliver(batch, self._uploads, self._environment, self._stopped.is_set)
            except Exception as error:  # noqa: BLE001
                _log.exception("a bug of ours when a receiver was told")
                # whoever has got an earlier try must not get it once more
                cause = f"a bug of ours ({type(error).__name__})"
                end = Delivered(cause=cause, done=batch.done)
            self._items.put((batch, end))

        self._senders = [thread for thread in self._senders if thread.is_alive()]
        thread = start_thread(work, f"tell {batch.receiver.name}")
        if thread is None:
            end = Delivered(cause="no thread can be had now", done=batch.done)
            self._items.put((batch, end))
        else:
            self._senders.append(thread)
