"""Changes of tickets that no worker has: end, note, reopen. Done on one thread, in order."""

import logging
from dataclasses import dataclass

from presqt_daemon.errors import PresqtError
from presqt_daemon.model import Stage, Status
from presqt_daemon.records.payload import PayloadError, read_files, read_head
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.host import boot_id
from presqt_daemon.tickets.locks import lease_ended
from presqt_daemon.tickets.parties import OtherPartyError
from presqt_daemon.tickets.process_info import NOT_PUBLISHED, InfoError, ProcessInfo
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.workers.outcomes import end_failed
from presqt_daemon.workers.runs.events import Refusal, Reopened
from presqt_daemon.workers.runs.pauses import Pause
from presqt_daemon.workers.runs.run import BUG, WRITE_RETRY_SECONDS, RunEnd, RunKind, fault_from_bug
from presqt_daemon.workers.runs.ticket_lines import lines_of
from presqt_daemon.workers.supervisor import Supervisor
from presqt_daemon.workers.unfinished_runs import wait_on


@dataclass(frozen=True, slots=True)
class Clerk:
    """Writes as the holder of tickets that wait or have ended."""

    supervisor: Supervisor

    def end(self, ticket: str, error: PresqtError) -> RunEnd:
        """End a ticket that is not to be worked on; one that has ended stays as it is."""
        folder = self.supervisor.uploads.folder(ticket)
        try:
            with self.supervisor.uploads.parties.having(ticket) as party:
                holder = self.supervisor.open_holder(folder, party)
                info = holder.info
                if info.is_open:
                    info = end_failed(holder, error, self.supervisor.config)
        except OtherPartyError as other:
            self._log(ticket, BUG).error("cannot be ended now: %s", other)
            return _tried_again(ticket)
        except OSError as problem:
            if self.supervisor.uploads.is_there() and not folder.path.is_dir():
                return RunEnd(ticket=ticket, kind=RunKind.OVER, info=None)
            self._log(ticket, "disk").warning("cannot be ended now: %s", problem.strerror)
            return _tried_again(ticket)
        return RunEnd(ticket=ticket, kind=RunKind.OVER, info=info)

    def end_for_bug(self, ticket: str, bug: Exception) -> RunEnd:
        """End a ticket that has met a bug of ours, which is logged here; never raises."""
        self._log(ticket, BUG).error(BUG, exc_info=bug)
        try:
            return self.end(ticket, fault_from_bug(bug))
        except Exception:  # noqa: BLE001  (one ticket's bug must not end the daemon)
            self._log(ticket, "untold").exception("it cannot be told; left to the next start")
            return RunEnd(ticket=ticket, kind=RunKind.OVER, info=None)

    def note_waiting(
        self, ticket: str, pause: Pause, seconds: float | None, waited: float
    ) -> RunEnd | None:
        """Say on a waiting ticket what it waits for; its end when it has waited for too long.

        Fields as of `wait_on`. A failure to write changes nothing.
        """
        folder = self.supervisor.uploads.folder(ticket)
        try:
            with self.supervisor.uploads.parties.having(ticket) as party:
                holder = self.supervisor.open_holder(folder, party)
                info = holder.info
                if info.is_open:
                    info = wait_on(
                        holder,
                        pause.waiting_for,
                        seconds,
                        waited,
                        self.supervisor.config,
                        cause=pause.cause,
                    )
        except OSError as error:
            self._log(ticket, "untold").debug("could not note its wait: %s", error.strerror)
            return None
        return None if info.is_open else RunEnd(ticket=ticket, kind=RunKind.OVER, info=info)

    def reopen(self, ticket: str) -> Reopened:
        """Let an ended ticket go on: from its staged bag where that is there, else from its zip.

        Raises HeldError while another program is changing its record.
        """
        supervisor = self.supervisor
        folder = supervisor.uploads.folder(ticket)
        try:
            with supervisor.uploads.parties.having(ticket) as party, lease_ended(folder.path):
                info = folder.read_info()
                refusal = why_not_again(info, has_zip=folder.find_zip() is not None)
                if refusal is not None:
                    return self.refuse(ticket, refusal)
                holder = supervisor.open_holder(folder, party)
                holder.fact(reopened(info, is_staged=_is_staged(folder)))
                folder.receipt.unlink(missing_ok=True)
                reach("reopened")
        except (InfoError, FileNotFoundError):
            is_lost = supervisor.uploads.is_there()
            return self.refuse(ticket, Refusal.LOST if is_lost else Refusal.DISK)
        except OSError as error:
            self._log(ticket, "disk").warning("cannot be reopened now: %s", error.strerror)
            return self.refuse(ticket, Refusal.DISK)
        self._log(ticket, "again").info("goes again, attempt %d", holder.info.attempt)
        return Reopened(ticket)

    def refuse(self, ticket: str, refusal: Refusal) -> Reopened:
        """The answer to a request for a ticket that does not go again, told in the log."""
        self._log(ticket, "not retried").info("not retried: %s", refusal)
        return Reopened(ticket, refusal)

    def refuse_for_bug(self, ticket: str, bug: Exception) -> Reopened:
        """The same where a bug of ours is in the way."""
        self._log(ticket, BUG).error(BUG, exc_info=bug)
        return self.refuse(ticket, Refusal.BUG)

    def _log(self, ticket: str, kind: str) -> logging.LoggerAdapter[logging.Logger]:
        folder = self.supervisor.uploads.folder(ticket)
        return lines_of(folder, kind, self.supervisor.config)


def _tried_again(ticket: str) -> RunEnd:
    return RunEnd(ticket=ticket, kind=RunKind.PARKED, info=None, seconds=WRITE_RETRY_SECONDS)


def why_not_again(info: ProcessInfo, *, has_zip: bool) -> Refusal | None:
    """Why a ticket may not be retried, None when it may."""
    if info.is_open:
        return Refusal.OPEN
    is_left = any(warning.code == NOT_PUBLISHED for warning in info.warnings)
    is_well = not (info.failed_fixity or info.unverified_fixity or is_left)
    if info.status is Status.FINISHED and is_well:
        return Refusal.MATCHED
    return None if has_zip else Refusal.NO_ZIP


def reopened(info: ProcessInfo, *, is_staged: bool) -> ProcessInfo:
    """The status of a ticket that goes again; what was learnt about its route stays."""
    return ProcessInfo(
        ticket_number=info.ticket_number,
        message="The ticket goes again.",
        stage=Stage.HASHED if is_staged and info.is_resolved else Stage.RECEIVED,
        source_file=info.source_file,
        target=info.target,
        resource_id=info.resource_id,
        title=info.title,
        file_duplicate_action=info.file_duplicate_action,
        options_from=info.options_from,
        dropped_by=info.dropped_by,
        staging_attempt=info.staging_attempt if is_staged else 0,
        attempt=info.attempt + 1,
        hash_algorithm=info.hash_algorithm if is_staged else None,
        link_to_resource=info.link_to_resource,
        waiting_for="a worker",
        received_at=info.received_at,
        updated_at=info.updated_at,
    )


def _is_staged(folder: TicketFolder) -> bool:
    """Whether the unpacked bag is there as it was staged, under this boot."""
    try:
        head = read_head(folder.payload)
        bag = folder.path / head.bag.folder / "data"
        return head.boot_id == boot_id() and all(
            (bag / file.path).is_file() for file in read_files(folder.payload)
        )
    except (PayloadError, OSError):
        return False
