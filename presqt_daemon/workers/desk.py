"""The clerk's desk: what is handed to it is done on one thread, in order, and posted when done."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from presqt_daemon.errors import PresqtError
from presqt_daemon.system.logs import ticket_log
from presqt_daemon.tickets.lease import HeldError
from presqt_daemon.workers.clerk import Clerk, Refusal, Reopened
from presqt_daemon.workers.events import Busy, Closed, DeskEvent, Noted


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="clerk")


@dataclass(slots=True, kw_only=True)
class Desk:
    """Hands work to the clerk; `busy` counts what was handed over and has not been taken back.

    Nothing that waits may be handed over: a request to cancel stands behind it.
    """

    clerk: Clerk
    post: Callable[[DeskEvent], None]
    busy: int = 0
    _thread: ThreadPoolExecutor = field(default_factory=_one_thread)

    def end(self, ticket: str, error: PresqtError) -> None:
        """Have a ticket ended."""

        def work() -> Closed:
            try:
                end = self.clerk.end(ticket, error)
            except Exception as bug:  # noqa: BLE001
                end = self.clerk.end_for_bug(ticket, bug)
            return Closed(end, error)

        self._hand_over(work)

    def note(self, ticket: str, waiting_for: str, seconds: float | None, waited: float) -> None:
        """Have it written on a ticket what it waits for."""

        def work() -> Noted:
            try:
                end = self.clerk.note_waiting(ticket, waiting_for, seconds, waited)
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
            except Exception:  # noqa: BLE001
                ticket_log(ticket).exception("a bug of ours")
                return Reopened(ticket, Refusal.BUG)

        self._hand_over(work)

    def refuse(self, ticket: str, refusal: Refusal) -> None:
        """Have it said that an ended ticket is not opened again."""
        self._hand_over(lambda: Reopened(ticket, refusal))

    def close(self) -> None:
        """Wait for what is still written."""
        self._thread.shutdown(wait=True)

    def _hand_over(self, work: Callable[[], DeskEvent]) -> None:
        self.busy += 1
        self._thread.submit(lambda: self.post(work()))
