"""One run of one ticket: a worker gets the task, its reports become the status, limits hold.

The supervisor is the holder of the ticket while the run lasts, on a thread of its own.
"""

import errno
import os
import time
from collections.abc import Callable, Hashable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from presqt_daemon.config import Config
from presqt_daemon.errors import PresqtError
from presqt_daemon.leases.lease import NotOursError
from presqt_daemon.messages import End, Go, Question, Staged, WantsContainer, WantsSpace, WantsTurn
from presqt_daemon.model import Stage
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.host import host_name
from presqt_daemon.system.logs import shared_log
from presqt_daemon.tickets.parties import Party
from presqt_daemon.tickets.process_info import ProcessInfo, add_warnings
from presqt_daemon.tickets.status_writer import StatusWriter, utc_now
from presqt_daemon.tickets.store import TicketFolder, Uploads
from presqt_daemon.upload.earlier_deposit import EarlierDeposit
from presqt_daemon.workers.ended_runs import EndedRuns
from presqt_daemon.workers.limits.accounts import account_of, site_of
from presqt_daemon.workers.limits.disk_shares import DiskShares
from presqt_daemon.workers.limits.duplicates import KnownContents, SameContentError
from presqt_daemon.workers.limits.permits import Permits
from presqt_daemon.workers.limits.shared_limits import SharedLimits
from presqt_daemon.workers.limits.space import DiskRoom, give_space, set_aside
from presqt_daemon.workers.limits.staging_places import small_seconds
from presqt_daemon.workers.limits.tokens import Tokens, mark_from
from presqt_daemon.workers.outcomes import end_failed
from presqt_daemon.workers.processes.conversation import Broken, Conversation
from presqt_daemon.workers.processes.pool import SMALL_BYTES, Pool
from presqt_daemon.workers.processes.prepare import WorkerJob, make_job
from presqt_daemon.workers.processes.tasks import Task, UploadTask
from presqt_daemon.workers.runs.open_status import open_status
from presqt_daemon.workers.runs.proof import Proof
from presqt_daemon.workers.runs.run import (
    ParkError,
    Run,
    RunEnd,
    RunKind,
    WentOn,
    Work,
)
from presqt_daemon.workers.runs.scratch_place import scratch_place
from presqt_daemon.workers.unfinished_runs import QUEUED, held_elsewhere, park, without_disk

CONTAINER = "another ticket that sends into the same container"
CONTAINER_SECONDS = 1.0
"""Until it is tried again; that it is the same is known then, so that no worker is started."""


@dataclass(slots=True, kw_only=True, weakref_slot=True)
class Supervisor:
    """What a host has for its runs; itself without state, so that runs do not meet."""

    config: Config
    uploads: Uploads
    pool: Pool
    permits: Permits
    tokens: Tokens
    contents: KnownContents
    engine: str = "local"
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = utc_now
    shares: DiskShares = field(init=False)

    def __post_init__(self) -> None:
        """Share the disk by folder."""
        self.shares = DiskShares(self.uploads, clock=self.clock)

    def run(self, run: Run, limits: SharedLimits) -> RunEnd:
        """Bring a ticket one stage further, or to its end; never raises for what a ticket holds.

        The run is the ticket's party until then. `limits` is all that it
        knows of others.
        """
        folder = self.uploads.folder(run.ticket)
        try:
            if not self.uploads.is_there():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            with self.uploads.leasing(folder, wait=True) as party, ExitStack() as stack:
                holder = self.open_holder(folder, party)
                if not holder.info.is_open:
                    return RunEnd(ticket=run.ticket, kind=RunKind.OVER, info=holder.info)
                return self._run(run, holder, limits, stack)
        except NotOursError:
            return held_elsewhere(run)
        except FileNotFoundError:
            if not self.uploads.is_there():
                return without_disk(run, "mediafiles is not where it was")
            if folder.path.is_dir():
                raise
            log = shared_log("gone", run.folder, run.ticket)
            log.warning("the ticket's folder is gone; nothing is left to do")
            return RunEnd(ticket=run.ticket, kind=RunKind.OVER, info=None)
        except OSError as error:
            return without_disk(run, error.strerror or str(error))
        finally:
            self._release(run.ticket, limits)

    def token_mark(self, target: str) -> str | None:
        """Something that changes when a target's token does, None while there is no token."""
        config = self.config.targets.get(target)
        return None if config is None else self.tokens.mark_of(config)

    def open_holder(self, folder: TicketFolder, party: Party) -> StatusWriter:
        """As `open_status`."""
        return open_status(self.uploads, folder, party, self.config, clock=self.clock, now=self.now)

    def _run(
        self, run: Run, holder: StatusWriter, limits: SharedLimits, until_end: ExitStack
    ) -> RunEnd:
        earlier: tuple[EarlierDeposit, ...] = ()
        conversation = None
        try:
            run = self._without_what_is_done(run, holder.info, limits)
            if run.work is Work.UPLOAD:
                if holder.info.stage in {Stage.RECEIVED, Stage.VALIDATED}:
                    # its status was lost and made anew: nothing is known of what was staged
                    holder.fact(holder.info)
                    return RunEnd(ticket=run.ticket, kind=RunKind.AGAIN, info=holder.info)
                earlier = self._earlier_deposit(holder)
            started_with = holder.info.upload_files_finished
            scratch = until_end.enter_context(scratch_place(self.config, run.ticket, holder.epoch))
            place, room = scratch or holder.folder.path, self._room(scratch, limits)
            given = set_aside(run.ticket, place, room) if run.work is Work.STAGE else 0
            job = make_job(
                run, holder, self.config, self.tokens, earlier, room=given, scratch=scratch
            )
            conversation = self._new_conversation(job, holder, limits)
            end = self._converse(conversation, limits)
            progress = holder.info.upload_files_finished > started_with
            found = EndedRuns(self.config, self.uploads, limits)
            return found.write_end(conversation.job, holder, end, progress=progress)
        except PresqtError as error:
            end_failed(holder, error, self.config)
        except ParkError as cause:
            run = run if conversation is None else conversation.job.run
            return park(run, holder, cause, self.config)
        return RunEnd(ticket=run.ticket, kind=RunKind.OVER, info=holder.info)

    def _without_what_is_done(self, run: Run, info: ProcessInfo, limits: SharedLimits) -> Run:
        """The run, sending only where it goes on after one that staged and was lost on its host."""
        if run.work is not Work.STAGE or info.stage not in {Stage.HASHED, Stage.UPLOADED}:
            return run
        target = info.target or ""
        if not limits.go_on_sending(run.ticket, target, info.resource_id, run.zip_bytes):
            return run
        limits.tell(WentOn(run.ticket, target, info.resource_id))
        return run.into_sending()

    def _release(self, ticket: str, limits: SharedLimits) -> None:
        limits.release(ticket)
        if limits is not self.permits:
            self.permits.release(ticket)

    def _room(self, scratch: Path | None, limits: SharedLimits) -> DiskRoom:
        """Who is asked for bytes: the host itself, for its own disk."""
        return limits if scratch is None else self.permits

    def _earlier_deposit(self, holder: StatusWriter) -> tuple[EarlierDeposit, ...]:
        """The deposits to point at if one still stands; a warning where nothing is pointed at."""
        points = self.config.intake.same_content == "point"
        try:
            warning = self.contents.notice(
                holder.folder, holder.info, points=points, site=self.site_of
            )
        except SameContentError as same:
            folders = [self.uploads.folder(info.ticket_number) for info in same.brought]
            return tuple(EarlierDeposit(ticket=one.ticket, receipt=one.receipt) for one in folders)
        if warning is not None:
            holder.note(add_warnings(holder.info, (warning,)))
        return ()

    def site_of(self, target: str | None) -> Hashable:
        """Where an entry of the configuration sends to; its name where there is none any more."""
        known = self.config.targets.get(target or "")
        return target if known is None else site_of(known)

    def _new_conversation(
        self, job: WorkerJob, holder: StatusWriter, limits: SharedLimits
    ) -> Conversation:
        ticket = job.run.ticket
        conversation = Conversation(
            worker=self.pool.start_worker(),
            holder=holder,
            job=job,
            interruption=limits.interruption(ticket),
            answer=lambda question: self._answer(holder, conversation.job.task, question, limits),
            next_job=lambda staged: self._next_job(conversation, staged, limits),
            end_creating=lambda identity: self._end_creating(
                conversation.job.task, identity, limits
            ),
            proof=Proof(ticket, limits.tell),
            takes_back=lambda worker: self.pool.take_back(worker, job.run.zip_bytes),
            may_go_on=lambda elapsed: self._is_in_its_place(conversation.job.run, elapsed, limits),
            clock=self.clock,
        )
        return conversation

    def _converse(self, conversation: Conversation, limits: SharedLimits) -> End | Staged | Broken:
        holder = conversation.holder
        holder.note(
            replace(
                holder.info,
                function_process_id=conversation.worker.pid,
                host=host_name(),
                engine=self.engine,
            )
        )
        try:
            end = conversation.hold()
        finally:
            limits.end_creating(conversation.job.run.ticket)
            gone = replace(holder.info, function_process_id=None, host=None, engine=None)
            # what it waited for inside its work went with the worker
            holder.note(replace(gone, waiting_for=None, next_attempt_at=None))
        return end

    def _next_job(
        self, conversation: Conversation, staged: Staged, limits: SharedLimits
    ) -> WorkerJob | None:
        """The sending of a bag that has just been staged, None where it has to wait for a place.

        Raises PresqtError, ParkError, OSError when the ticket cannot be written on.
        """
        holder, run = conversation.holder, conversation.job.run
        holder.info = info = replace(
            holder.info,
            message=QUEUED,
            waiting_for="a worker",
            waiting_since=None,
            waited_seconds=0,
        )
        holder.unsynced = holder.folder.payload
        self.contents.note_staged(holder.folder, staged.bag.fingerprint)
        target = info.target or ""
        if not limits.go_on_sending(run.ticket, target, info.resource_id, run.zip_bytes):
            return None
        self._release(run.ticket, limits)
        if run.zip_bytes > SMALL_BYTES:
            holder.fact(info)
        else:
            # a death within that second costs no more than to stage a small bag again
            holder.fact_soon(info)
        reach("went-on")
        limits.tell(WentOn(run.ticket, target, info.resource_id))
        sending = run.into_sending()
        conversation.job = job = replace(conversation.job, run=sending)
        earlier, scratch = self._earlier_deposit(holder), job.task.job.scratch
        return make_job(
            sending, holder, self.config, self.tokens, earlier, scratch=scratch, is_unpacked=True
        )

    def _is_in_its_place(self, run: Run, elapsed: float, limits: SharedLimits) -> bool:
        """Whether a bag may go on where it is staged: a slow one takes no small one's place."""
        if run.work is not Work.STAGE or elapsed < small_seconds(
            run.zip_bytes, self.config.staging
        ):
            return True
        return limits.outgrow(run.ticket)

    def _answer(
        self, holder: StatusWriter, task: Task, question: Question, limits: SharedLimits
    ) -> Go | None:
        """The answer to a worker's question, None while it must wait for it."""
        if isinstance(question, WantsSpace):
            room = self._room(scratch := task.job.scratch, limits)
            return give_space(holder, question, self.config, room, self.shares, scratch)
        assert isinstance(task, UploadTask)
        self.permits.release(task.ticket)  # a bag that was unpacked again has taken its bytes
        account = account_of(task.job.target, mark_from(task.job.token))
        if isinstance(question, WantsTurn):
            pace = question.requests_per_minute
            return Go(seconds=limits.book_turn(account, pace, self.clock()))
        if isinstance(question, WantsContainer):
            self.contents.note_container(task.ticket, question.identity)
            if not limits.begin_container(task.ticket, task.job.target, question.identity):
                raise ParkError(CONTAINER, CONTAINER_SECONDS)
            if not task.earlier and self._earlier_deposit(holder):
                # known under another id: the next go points at it, if it still stands
                raise ParkError(CONTAINER, CONTAINER_SECONDS)
            return Go()
        return Go() if limits.begin_creating(account, task.ticket) else None

    def _end_creating(self, task: Task, identity: str | None, limits: SharedLimits) -> None:
        """Let the next ticket create; a container that is new now is this ticket's."""
        limits.end_creating(task.ticket)
        if identity is not None:
            assert isinstance(task, UploadTask)
            self.contents.note_container(task.ticket, identity)
            limits.begin_container(task.ticket, task.job.target, identity)
