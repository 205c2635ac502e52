"""Changes of tickets that no run has: end, note, reopen. Jobs of the same engine as the runs.

Each is the ticket's party meanwhile, and returns what the arbiter is told; none of them raises.
"""

import logging
from dataclasses import dataclass

from presqt_daemon.errors import PresqtError
from presqt_daemon.leases.lease import NotOursError
from presqt_daemon.system.failpoints import reach
from presqt_daemon.tickets.locks import HeldError, lease_ended
from presqt_daemon.tickets.parties import OtherPartyError
from presqt_daemon.tickets.process_info import InfoError
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.workers.outcomes import end_failed
from presqt_daemon.workers.queue.on_hold import HoldNote
from presqt_daemon.workers.reopen import is_staged, reopened_info, why_not_again
from presqt_daemon.workers.runs.events import Busy, Closed, Noted, Refusal, Reopened
from presqt_daemon.workers.runs.pauses import Pause
from presqt_daemon.workers.runs.run import (
    BUG,
    ELSEWHERE,
    WRITE_RETRY_SECONDS,
    RunEnd,
    RunKind,
    fault_from_bug,
)
from presqt_daemon.workers.runs.ticket_lines import lines_of
from presqt_daemon.workers.supervisor import Supervisor
from presqt_daemon.workers.unfinished_runs import note_hold, wait_on


@dataclass(frozen=True, slots=True)
class TicketChanges:
    """Writes on tickets that wait or have ended."""

    supervisor: Supervisor

    def end(self, ticket: str, error: PresqtError) -> Closed:
        """End a ticket that is not to be worked on; one that has ended stays as it is."""
        try:
            end = self._end(ticket, error)
        except Exception as bug:  # noqa: BLE001  (one ticket's bug must not end the daemon)
            end = self.end_for_bug(ticket, bug)
        return Closed(end, error)

    def end_for_bug(self, ticket: str, bug: Exception) -> RunEnd:
        """End a ticket that has met a bug of ours, which is logged here."""
        self._log(ticket, BUG).error(BUG, exc_info=bug)
        try:
            return self._end(ticket, fault_from_bug(bug))
        except Exception:  # noqa: BLE001
            self._log(ticket, "untold").exception("it cannot be told; left to the next start")
            return RunEnd(ticket=ticket, kind=RunKind.OVER, info=None)

    def note(
        self, ticket: str, pause: Pause | HoldNote, seconds: float | None, waited: float
    ) -> Noted:
        """Say on a waiting ticket what it waits for; its end when it has waited for too long.

        Fields as of `wait_on`. A failure to write changes nothing.
        """
        try:
            end = self._note(ticket, pause, seconds, waited)
        except OSError as error:
            self._log(ticket, "untold").debug("could not note its wait: %s", error.strerror)
            end = None
        except NotOursError:
            end = None
        except Exception as bug:  # noqa: BLE001
            end = self.end_for_bug(ticket, bug)
        return Noted(ticket, end)

    def reopen(self, ticket: str) -> Reopened | Busy:
        """Let an ended ticket go on: from its staged bag where that is there, else from its zip.

        Busy while another program is changing its record.
        """
        try:
            return self._reopen(ticket)
        except (HeldError, NotOursError):
            return Busy(ticket)
        except (InfoError, FileNotFoundError):
            is_lost = self.supervisor.uploads.is_there()
            return self.refuse(ticket, Refusal.LOST if is_lost else Refusal.DISK)
        except OSError as error:
            self._log(ticket, "disk").warning("cannot be reopened now: %s", error.strerror)
            return self.refuse(ticket, Refusal.DISK)
        except Exception as bug:  # noqa: BLE001
            self._log(ticket, BUG).error(BUG, exc_info=bug)
            return self.refuse(ticket, Refusal.BUG)

    def refuse_if_open(self, ticket: str) -> Reopened | Busy:
        """Whether a ticket that a run still has is open, as its file says; nothing is written.

        When it has ended, its run is about to tell that: Busy, until it can be opened again.
        """
        info = self._folder(ticket).known_info()
        return Busy(ticket) if info and not info.is_open else self.refuse(ticket, Refusal.OPEN)

    def refuse(self, ticket: str, refusal: Refusal) -> Reopened:
        """The answer to a request for a ticket that does not go again, told in the log."""
        self._log(ticket, "not retried").info("not retried: %s", refusal)
        return Reopened(ticket, refusal)

    def _end(self, ticket: str, error: PresqtError) -> RunEnd:
        supervisor, folder = self.supervisor, self._folder(ticket)
        try:
            with supervisor.uploads.leasing(folder) as party:
                holder = supervisor.open_holder(folder, party)
                info = holder.info
                if info.is_open:
                    info = end_failed(holder, error, supervisor.config)
        except OtherPartyError as other:
            self._log(ticket, BUG).error("cannot be ended now: %s", other)
            return tried_again(ticket)
        except NotOursError:
            self._log(ticket, ELSEWHERE).info("cannot be ended now: it is another process's")
            return tried_again(ticket)
        except OSError as problem:
            if supervisor.uploads.is_there() and not folder.path.is_dir():
                return RunEnd(ticket=ticket, kind=RunKind.OVER, info=None)
            self._log(ticket, "disk").warning("cannot be ended now: %s", problem.strerror)
            return tried_again(ticket)
        return RunEnd(ticket=ticket, kind=RunKind.OVER, info=info)

    def _note(
        self, ticket: str, pause: Pause | HoldNote, seconds: float | None, waited: float
    ) -> RunEnd | None:
        supervisor = self.supervisor
        folder = self._folder(ticket)
        with supervisor.uploads.leasing(folder) as party:
            holder = supervisor.open_holder(folder, party)
            info = holder.info
            if info.is_open and isinstance(pause, HoldNote):
                note_hold(holder, pause.reason)
            elif info.is_open:
                assert isinstance(pause, Pause)
                info = wait_on(
                    holder,
                    pause.waiting_for,
                    seconds,
                    waited,
                    supervisor.config,
                    cause=pause.cause,
                )
        return None if info.is_open else RunEnd(ticket=ticket, kind=RunKind.OVER, info=info)

    def _reopen(self, ticket: str) -> Reopened:
        supervisor, folder = self.supervisor, self._folder(ticket)
        with supervisor.uploads.leasing(folder) as party, lease_ended(folder.path):
            info = folder.read_info()
            party.has_ended_ticket = not info.is_open
            refusal = why_not_again(info, has_zip=folder.find_zip() is not None)
            if refusal is not None:
                return self.refuse(ticket, refusal)
            holder = supervisor.open_holder(folder, party)
            holder.fact(reopened_info(info, is_staged=is_staged(folder)))
            folder.receipt.unlink(missing_ok=True)
            reach("reopened")
        self._log(ticket, "again").info("goes again, attempt %d", holder.info.attempt)
        return Reopened(ticket)

    def _folder(self, ticket: str) -> TicketFolder:
        return self.supervisor.uploads.folder(ticket)

    def _log(self, ticket: str, kind: str) -> logging.LoggerAdapter[logging.Logger]:
        return lines_of(self._folder(ticket), kind, self.supervisor.config)


def tried_again(ticket: str) -> RunEnd:
    """The end of a change that cannot be written now."""
    return RunEnd(ticket=ticket, kind=RunKind.PARKED, info=None, seconds=WRITE_RETRY_SECONDS)
