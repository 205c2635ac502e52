"""The clerk's desk: what is handed to it is done on one thread, in order, and posted when done."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from presqt_daemon.errors import PresqtError
from presqt_daemon.system.shortage import start_thread
from presqt_daemon.tickets.locks import HeldError
from presqt_daemon.tickets.process_info import InfoError
from presqt_daemon.workers.clerk import Clerk
from presqt_daemon.workers.runs.events import Busy, Closed, DeskEvent, Noted, Refusal, Reopened
from presqt_daemon.workers.runs.pauses import Pause


@dataclass(slots=True, kw_only=True)
class Desk:
    """Hands work to the clerk; `busy` counts what was handed over and has not been taken back.

    Nothing that waits may be handed over: a request to cancel stands behind it.
    """

    clerk: Clerk
    post: Callable[[DeskEvent], None]
    busy: int = 0
    _works: queue.SimpleQueue[Callable[[], DeskEvent] | None] = field(
        default_factory=queue.SimpleQueue
    )
    _thread: threading.Thread | None = None

    def end(self, ticket: str, error: PresqtError) -> None:
        """Have a ticket ended."""

        def work() -> Closed:
            try:
                end = self.clerk.end(ticket, error)
            except Exception as bug:  # noqa: BLE001
                end = self.clerk.end_for_bug(ticket, bug)
            return Closed(end, error)

        self._hand_over(work)

    def note(self, ticket: str, pause: Pause, seconds: float | None, waited: float) -> None:
        """Have it written on a ticket what it waits for."""

        def work() -> Noted:
            try:
                end = self.clerk.note_waiting(ticket, pause, seconds, waited)
            except Exception as bug:  # noqa: BLE001
                end = self.clerk.end_for_bug(ticket, bug)
            return Noted(ticket, end)

        self._hand_over(work)

    def reopen(self, ticket: str) -> None:
        """Have an ended ticket opened again."""

        def work() -> Reopened | Busy:
            try:
                return self.clerk.reopen(ticket)
            except HeldError:
                return Busy(ticket)
            except Exception as bug:  # noqa: BLE001
                return self.clerk.refuse_for_bug(ticket, bug)

        self._hand_over(work)

    def look(self, ticket: str) -> None:
        """Have it looked at whether a ticket that a run still has is open, as its file says.

        When it has ended, its run is about to tell that: `Busy`, until it can be opened again.
        """

        def work() -> Reopened | Busy:
            try:
                info = self.clerk.supervisor.uploads.folder(ticket).read_info()
            except (InfoError, OSError):
                return self.clerk.refuse(ticket, Refusal.OPEN)
            return self.clerk.refuse(ticket, Refusal.OPEN) if info.is_open else Busy(ticket)

        self._hand_over(work)

    def refuse(self, ticket: str, refusal: Refusal) -> None:
        """Have it said that an ended ticket is not opened again."""
        self._hand_over(lambda: self.clerk.refuse(ticket, refusal))

    def start_missing_threads(self) -> None:
        """Get the thread for what was handed over while none could be had."""
        if self._thread is None and not self._works.empty():
            self._thread = start_thread(self._live, "clerk")

    def close(self, timeout: float) -> None:
        """Wait for what is still written, as long as that may take."""
        if self._thread is not None:
            self._works.put(None)
            self._thread.join(timeout)

    def _hand_over(self, work: Callable[[], DeskEvent]) -> None:
        self.busy += 1
        self._works.put(work)
        self.start_missing_threads()

    def _live(self) -> None:
        while (work := self._works.get()) is not None:
            self.post(work())
