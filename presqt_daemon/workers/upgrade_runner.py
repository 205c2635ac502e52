"""A run of prepare-upgrade beside the daemon: at most one, in a worker process that ends with it.

The worker is the only one that writes the run's state; this side does so only while there is none.
"""

import contextlib
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from presqt_daemon.config import Config
from presqt_daemon.leases.fence import pass_always
from presqt_daemon.messages import LookingAt
from presqt_daemon.records.found_tickets import FoundTickets
from presqt_daemon.system.programs.tree import end_tree
from presqt_daemon.system.shortage import start_thread
from presqt_daemon.tickets.process_info import InfoError
from presqt_daemon.tickets.status_writer import utc_now
from presqt_daemon.upgrade.order import UpgradeOrder, order_for
from presqt_daemon.upgrade.state import JobState, StateError, broken_off
from presqt_daemon.workers.processes.pool import TICKET_VARIABLE, Pool
from presqt_daemon.workers.processes.reaper import Limits, Sample, judge, tree_memory
from presqt_daemon.workers.processes.tasks import UpgradeTask
from presqt_daemon.workers.processes.worker import Worker
from presqt_daemon.workers.runs.run import ParkError

MAX_DEATHS = 2
"""How many workers may die at one ticket, before it is given up."""

PAUSE_SECONDS = 1.0
"""Before another worker is tried, lest a broken machine spins."""

TICK_SECONDS = 0.25
MEMORY_EVERY_SECONDS = 1.0
LEAVE_SECONDS = 2.0
STOPPED = "The server is stopping; the job goes on later."

_log = logging.getLogger(__name__)


class UpgradeRunner:
    """Takes requests and sees each run through; every method belongs to the arbiter's thread."""

    def __init__(
        self,
        config: Config,
        pool: Pool,
        clock: Callable[[], float] = time.monotonic,
        may_act: Callable[[], None] = pass_always,
    ) -> None:
        self._may_act = may_act
        self._answers: list[Callable[[], None]] = []
        self._config = config
        self._pool = pool
        self._clock = clock
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._wanted: tuple[bool, bool] | None = None

    @property
    def is_running(self) -> bool:
        """Whether a run is under way here, or about to be."""
        return self._wanted is not None or self._is_alive()

    @property
    def _order(self) -> UpgradeOrder:
        return order_for(self._config)

    def check(self) -> None:
        """Look at what an earlier run has left. Raises NewerInfoError."""
        with contextlib.suppress(StateError, OSError):
            self._order.state_file.read()

    def state(self) -> JobState | None:
        """How far the run is, as far as that can be read."""
        try:
            return self._order.state_file.read()
        except (StateError, InfoError, OSError):
            return None

    def missing(self, found: FoundTickets) -> frozenset[str]:
        """Tickets that lack a record which a run could make."""
        return found.unrecorded - self._order.hopeless(self.state())

    def ask(self, *, force: bool, answered: Callable[[], None] = lambda: None) -> None:
        """Queue a run; what is queued, running or done stays as it is, unless it is forced.

        `answered` is called as soon as that is on the disk, or at once where nothing is queued.
        """
        state = self.state()
        if not self.is_running or (force and state is not None and not state.is_open):
            # a run that has said that it is over may have a worker that has not gone yet
            self._answers.append(answered)
            self._want(force=force, is_lowest=True)
            return
        if force:
            _log.warning("prepare-upgrade runs already: force is refused until it has ended")
        answered()

    def go_on(self) -> None:
        """Go on with a run that an earlier daemon, or a command, has left."""
        state = self.state()
        if state is not None and state.is_open:
            self._want(force=False, is_lowest=True)

    def run_first(self) -> None:
        """Begin a run that a start waits for; one that was under way goes on."""
        self._want(force=True, is_lowest=False)

    def start_missing_threads(self) -> None:
        """Begin what is wanted, once the last run's thread has gone and there is one to be had."""
        if self._wanted is not None and not self._is_alive():
            force, is_lowest = self._wanted
            self._thread = start_thread(lambda: self._run(force, is_lowest), "upgrade")
            if self._thread is not None:
                self._wanted = None

    def use(self, config: Config) -> None:
        """Begin runs from now on with another configuration of the same folders."""
        self._config = config

    def stop(self) -> None:
        """End the run at once: whatever is written is whole, and the rest is found again."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def _is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _want(self, *, force: bool, is_lowest: bool) -> None:
        self._wanted = (force, is_lowest)
        self.start_missing_threads()

    def _run(self, force: bool, is_lowest: bool) -> None:
        order = replace(self._order, yields=is_lowest, before_inbox=not is_lowest)
        answers, self._answers = self._answers, []
        self._may_act()
        try:
            is_queued = order.queue(force=force)
            for answered in answers:
                answered()
            if is_queued:
                self._see_through(order)
        except (OSError, StateError, InfoError) as error:
            _log.error("prepare-upgrade cannot go on: %s", error)

    def _see_through(self, order: UpgradeOrder) -> None:
        """One worker after another until the run has ended; a ticket that kills two is given up."""
        file = order.state_file
        deaths: Counter[str] = Counter()
        while not self._stopped.is_set():
            self._may_act()
            last = self._one_worker(order)
            state = file.read()
            if state is None or not state.is_open:
                return
            if self._stopped.is_set():
                break
            if last is not None:
                deaths[last] += 1
                _log.warning("prepare-upgrade: its process died at ticket %s", last or "-")
            if last is not None and deaths[last] >= MAX_DEATHS:
                if not last:
                    reason = "The job's process dies before it looks at a ticket; see the log."
                    file.write(broken_off(state, utc_now(), reason), durable=True)
                    return
                order = replace(order, given_up=order.given_up | {last})
            self._stopped.wait(PAUSE_SECONDS)
        state = file.read()
        if state is not None and state.is_open:
            file.write(replace(state, message=STOPPED, updated_at=utc_now()), durable=True)

    def _one_worker(self, order: UpgradeOrder) -> str | None:
        """The ticket that a worker looked at last, empty for none, None where it did not begin."""
        try:
            worker = self._pool.start_worker()
        except ParkError:
            return None
        task = UpgradeTask(order=order)
        try:
            worker.send(task)
            return self._follow(worker)
        finally:
            # one that has told its last word goes by itself
            if self._stopped.is_set() or worker.exit_code(LEAVE_SECONDS) is None:
                end_tree(worker.identity, (TICKET_VARIABLE, task.ticket), grace=0)
                worker.exit_code(LEAVE_SECONDS)
            worker.close()

    def _follow(self, worker: Worker) -> str | None:
        """Listen until a worker has gone, passes a limit, or is to stop."""
        limits = Limits(
            wall_seconds=math.inf,
            stall_seconds=self._config.uploads.stall_limit,
            memory_bytes=self._config.uploads.memory_limit,
        )
        last: str | None = None
        moved_at = looked_at = self._clock()
        while not self._stopped.is_set():
            message, lives = worker.receive(TICK_SECONDS)
            now = self._clock()
            if message is not None:
                moved_at = now
                last = message.ticket if isinstance(message, LookingAt) else last or ""
            elif not lives:
                break
            if now - looked_at >= MEMORY_EVERY_SECONDS:
                looked_at = now
                memory = tree_memory(worker.identity)
                sample = Sample(
                    elapsed_seconds=0.0, quiet_seconds=now - moved_at, memory_bytes=memory
                )
                if (fault := judge(sample, limits)) is not None:
                    _log.warning("prepare-upgrade: its process is ended: %s", fault.message)
                    end_tree(worker.identity, (TICKET_VARIABLE, UpgradeTask.ticket), grace=0)
        return last
