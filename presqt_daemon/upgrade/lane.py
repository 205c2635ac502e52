"""The job beside the daemon: queued once, worked by one process of its own, ended with the daemon.

The process is the only one that writes the job's state; this side does so only while there is none.
"""

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from typing import Any, Protocol

from presqt_daemon.system.logs import ticket_log
from presqt_daemon.system.shortage import start_thread
from presqt_daemon.tickets.holder import utc_now
from presqt_daemon.tickets.process_info import InfoError
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.tickets.survey import Survey, survey
from presqt_daemon.upgrade.job import Job, Order
from presqt_daemon.upgrade.state import JobState, StateError, StateFile, broken_off, queued

MAX_DEATHS = 20
"""A run whose process dies so often has failed."""

MAX_DEATHS_ON_ONE = 2
DEATH_PAUSE_SECONDS = 1.0
STOPPED = "The server is stopping; the job goes on later."

_log = logging.getLogger(__name__)


class Spawn(Protocol):
    """Starts a process that ends with this one."""

    def __call__(
        self, target: Callable[..., None], arguments: tuple[Any, ...], *, is_lowest: bool
    ) -> ForkServerProcess:
        """The process, at the lowest priority where that is asked.

        Raises BlockingIOError while none can be had.
        """
        ...


class Lane:
    """At most one run at a time; every method belongs to the arbiter's thread."""

    def __init__(self, order: Order, spawn: Spawn) -> None:
        self._order = order
        self._spawn = spawn
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._process: ForkServerProcess | None = None
        self._is_again = False
        self._wanted: tuple[bool, bool] | None = None
        self._lock = threading.Lock()

    @property
    def is_running(self) -> bool:
        """Whether a run is under way here."""
        with self._lock:
            return self._thread is not None or self._wanted is not None

    def keep_up(self) -> None:
        """Begin a run for which there was no thread when it was asked for."""
        with self._lock:
            if self._wanted is not None:
                force, is_lowest = self._wanted
                self._begin(force=force, is_lowest=is_lowest)

    def ask(self, *, force: bool) -> None:
        """Queue the job; what is queued, running or done stays as it is, unless it is forced."""
        state = self.state()
        with self._lock:
            if self._thread is None:
                self._begin(force=force, is_lowest=True)
            elif force and state is not None and not state.is_open:
                # the run has said that it is over, only its process has not gone yet
                self._is_again = True
            elif force:
                _log.warning("prepare-upgrade runs already: force is refused until it has ended")

    def check(self) -> None:
        """Look at what an earlier run has left. Raises NewerInfoError."""
        with contextlib.suppress(StateError, OSError):
            self._state_file.read()

    def take_up(self) -> None:
        """Go on with a run that an earlier daemon, or a command, has left."""
        with contextlib.suppress(StateError, OSError):
            state = self._state_file.read()
            if state is not None and state.is_open:
                with self._lock:
                    self._begin(force=False, is_lowest=True)

    def run_first(self) -> None:
        """Begin a run that a start waits for; one that was under way goes on."""
        with self._lock:
            self._begin(force=True, is_lowest=False)

    def use(self, order: Order) -> None:
        """Give the runs that begin from now on another order."""
        self._order = order

    def state(self) -> JobState | None:
        """How far the job is, as far as that can be read."""
        try:
            return self._state_file.read()
        except (StateError, OSError):
            return None

    def missing(self, found: Survey) -> frozenset[str]:
        """Tickets that lack a record which a run could make."""
        return found.unrecorded - hopeless(self._order, self.state())

    def stop(self) -> None:
        """End the run at once: whatever is written is whole, and the rest is found again."""
        self._stopped.set()
        with self._lock:
            process, thread = self._process, self._thread
            if process is not None:
                process.kill()
        if thread is not None:
            thread.join(5.0)

    @property
    def _state_file(self) -> StateFile:
        return self._order.state_file

    def _begin(self, *, force: bool, is_lowest: bool) -> None:
        self._thread = start_thread(lambda: self._live(force, is_lowest), "upgrade")
        self._wanted = None if self._thread is not None else (force, is_lowest)

    def _live(self, force: bool, is_lowest: bool) -> None:
        while True:
            try:
                if queue_job(self._order, force=force):
                    self._work(is_lowest=is_lowest)
            except (OSError, StateError, InfoError) as error:
                _log.error("prepare-upgrade cannot go on: %s", error)
            with self._lock:
                if not self._is_again or self._stopped.is_set():
                    self._thread = None
                    return
                self._is_again, force, is_lowest = False, True, True

    def _work(self, *, is_lowest: bool) -> None:
        """One process after another until the run has ended; a ticket that kills two is left."""
        order = replace(self._order, yields=is_lowest, before_inbox=not is_lowest)
        deaths: dict[str, int] = {}
        while not self._stopped.is_set():
            try:
                last = self._one_process(order)
            except BlockingIOError:
                self._stopped.wait(DEATH_PAUSE_SECONDS)
                continue
            state = self._state_file.read()
            if state is None or not state.is_open or self._stopped.is_set():
                break
            deaths[last] = deaths.get(last, 0) + 1
            _log.warning("prepare-upgrade: its process died at ticket %s", last or "-")
            if sum(deaths.values()) >= MAX_DEATHS:
                reason = "The job's process died too often; look into the log, then ask with force."
                self._state_file.write(broken_off(state, utc_now(), reason), durable=True)
                return
            if last and deaths[last] >= MAX_DEATHS_ON_ONE:
                given_up = {**order.given_up, last: "the process that looked at it died"}
                order = replace(order, given_up=given_up)
            self._stopped.wait(DEATH_PAUSE_SECONDS)
        if self._stopped.is_set():
            state = self._state_file.read()
            if state is not None and state.is_open:
                state = replace(state, message=STOPPED, updated_at=utc_now())
                self._state_file.write(state, durable=True)

    def _one_process(self, order: Order) -> str:
        """Wait for a process's end; the last ticket that it began with."""
        file = self._state_file
        file.note_ticket("")
        # outside the lock, which the daemon's loop takes: to start a process may take a while
        process = self._spawn(work, (order,), is_lowest=order.yields)
        with self._lock:
            self._process = process
            if self._stopped.is_set():
                process.kill()
        process.join()
        with self._lock:
            self._process = None
        process.close()
        return file.noted_ticket()


def queue_job(order: Order, *, force: bool) -> bool:
    """See to it that a run is queued; whether there is one to be worked on.

    The first to make the state's file has queued it. Another run begins after one that has ended
    with `force`, where records are missing that it could have made, and where it was for records
    of another version. Raises StateError for a damaged file unless forced, NewerInfoError, OSError.
    """
    file = order.state_file
    total = sum(1 for _ in Uploads(order.mediafiles).tickets())
    state = queued(utc_now(), total)
    if file.create(state):
        return True
    try:
        found = file.read()
    except StateError:
        if not force:
            raise
        found = None
    if found is not None and found.is_open and found.is_of_today:
        return True
    if force or is_wanted(order, found):
        file.write(state, durable=True)
        return True
    return False


def is_wanted(order: Order, state: JobState | None) -> bool:
    """Whether asking begins a run, where none is under way. Raises NewerInfoError, OSError."""
    if state is None or not state.is_of_today or not state.complete:
        return True
    found = survey(Uploads(order.mediafiles))
    return bool(found.unrecorded - hopeless(order, state))


def hopeless(order: Order, state: JobState | None) -> frozenset[str]:
    """Tickets of which a whole run of this version says that no record can be made."""
    if state is None or not state.complete or not state.is_of_today:
        return frozenset()
    try:
        return order.failures.tickets_of(state.run)
    except OSError:
        return frozenset()


def work(order: Order) -> None:
    """The process's life: the run from where it is to its end."""
    state = order.state_file.read()
    if state is None or not state.is_open:
        return
    try:
        Job(order, state, begin=order.state_file.note_ticket).run()
    except OSError as error:
        reason = f"The job cannot go on ({error.strerror}); mend that, then ask again."
        ticket_log("-").error("prepare-upgrade: %s", reason)
        with contextlib.suppress(OSError):
            order.state_file.write(broken_off(state, utc_now(), reason), durable=True)
