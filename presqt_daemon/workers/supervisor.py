"""One run of one ticket: a worker gets the task, its reports become the status, limits hold.

The supervisor is the holder of the ticket while the run lasts, on a thread of its own.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from presqt_daemon.config import Config
from presqt_daemon.errors import HouseFault, PresqtError, UserFault
from presqt_daemon.model import Stage
from presqt_daemon.reports import (
    Failed,
    Go,
    Limited,
    Spoilt,
    Staged,
    Surveyed,
    Uploaded,
    WantsCreate,
)
from presqt_daemon.system.host import host_name
from presqt_daemon.system.logs import ticket_log
from presqt_daemon.tickets.holder import Holder, utc_now
from presqt_daemon.tickets.process_info import InfoError, UnreadableInfoError, add_warnings, advance
from presqt_daemon.tickets.recovery import rebuild_info
from presqt_daemon.tickets.store import TicketFolder, Uploads
from presqt_daemon.workers.contents import Contents, SameContentError
from presqt_daemon.workers.conversation import Broken, BrokenKind, Conversation
from presqt_daemon.workers.endings import end_failed, end_finished, end_pointed
from presqt_daemon.workers.permits import Permits
from presqt_daemon.workers.pool import Pool
from presqt_daemon.workers.prepare import prepare
from presqt_daemon.workers.reaper import Limits
from presqt_daemon.workers.run import (
    ParkError,
    Run,
    RunEnd,
    RunKind,
    Work,
    describe_exit,
    given_up,
)
from presqt_daemon.workers.survey import SPACE_RETRY_SECONDS, answer_survey
from presqt_daemon.workers.tasks import Task
from presqt_daemon.workers.tokens import Tokens

WRITE_RETRY_SECONDS = 5.0
CANCELLED = "Upload was cancelled by the user"


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """What every run needs; itself without state, so that runs do not meet."""

    config: Config
    uploads: Uploads
    pool: Pool
    permits: Permits
    tokens: Tokens
    contents: Contents
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = utc_now

    def run(self, run: Run) -> RunEnd:
        """Bring a ticket one stage further, or to its end; never raises for what a ticket holds."""
        folder = self.uploads.folder(run.ticket)
        try:
            holder = self.open_holder(folder)
            if not holder.info.is_open:
                return RunEnd(ticket=run.ticket, kind=RunKind.OVER, info=holder.info)
            return self._run(run, holder)
        except FileNotFoundError:
            if folder.path.is_dir():
                raise
            ticket_log(run.ticket).warning("the ticket's folder is gone; nothing is left to do")
            return RunEnd(ticket=run.ticket, kind=RunKind.OVER, info=None)
        except OSError as error:
            ticket_log(run.ticket).warning("cannot go on now: %s", error.strerror or error)
            return RunEnd(
                ticket=run.ticket,
                kind=RunKind.PARKED,
                info=None,
                seconds=WRITE_RETRY_SECONDS,
                waiting_for="the disk",
            )
        finally:
            self.permits.release(run.ticket)

    def token_mark(self, target: str) -> str | None:
        """Something that changes when a target's token does, None while there is no token."""
        config = self.config.targets.get(target)
        return None if config is None else self.tokens.mark_of(config)

    def open_holder(self, folder: TicketFolder) -> Holder:
        """The holder of a ticket; a damaged or missing status is made anew from the rest.

        Raises OSError when the status cannot be read now.
        """
        try:
            info = folder.read_info()
        except UnreadableInfoError:
            raise
        except InfoError as error:
            ticket_log(folder.ticket).warning("its status was lost (%s); made anew", error)
            info = rebuild_info(folder, self.now())
            if not info.is_open:
                self.uploads.write_info(folder, info)
        return Holder(self.uploads, folder, info, clock=self.clock, now=self.now)

    def _run(self, run: Run, holder: Holder) -> RunEnd:
        started_with = holder.info.upload_files_finished
        try:
            if run.work is Work.UPLOAD:
                self._notice_same_content(holder)
            task, limits = prepare(run, holder, self.config, self.tokens)
            end = self._converse(run, holder, task, limits)
            kind = self._settle(holder, end)
        except PresqtError as error:
            end_failed(holder, error, self.config)
            kind = RunKind.OVER
        except SameContentError as same:
            end_pointed(holder, same.first, self.config)
            kind = RunKind.OVER
        except ParkError as park:
            return self._park(run, holder, park)
        if isinstance(kind, Broken):
            return self._pick_up(run, holder, kind, started_with)
        return RunEnd(ticket=run.ticket, kind=kind, info=holder.info, made_progress=True)

    def _notice_same_content(self, holder: Holder) -> None:
        """Say on the ticket that its content came before; raises as `Contents.notice` says."""
        points = self.config.intake.same_content == "point"
        warning = self.contents.notice(holder.folder, holder.info, points=points)
        if warning is not None:
            holder.note(add_warnings(holder.info, (warning,)))

    def _converse(
        self, run: Run, holder: Holder, task: Task, limits: Limits
    ) -> Staged | Uploaded | Failed | Limited | Spoilt | Broken:
        conversation = Conversation(
            worker=self.pool.take(),
            holder=holder,
            run=run,
            limits=limits,
            answer=lambda question: self._answer(holder, question),
            end_creating=lambda: self._end_creating(holder),
            clock=self.clock,
        )
        holder.note(
            replace(holder.info, function_process_id=conversation.worker.pid, host=host_name())
        )
        try:
            end = conversation.hold(task)
        finally:
            self._end_creating(holder)
            holder.note(replace(holder.info, function_process_id=None, host=None))
            if conversation.is_worker_free:
                self.pool.give_back(conversation.worker)
        return end

    def _answer(self, holder: Holder, question: Surveyed | WantsCreate) -> Go | None:
        """The answer to a worker's question, None while it must wait for it."""
        if isinstance(question, WantsCreate):
            target = holder.info.target or ""
            free = self.permits.begin_creating(target, holder.info.ticket_number)
            return Go() if free else None
        return answer_survey(holder, question, self.config, self.permits)

    def _end_creating(self, holder: Holder) -> None:
        self.permits.end_creating(holder.info.target or "", holder.info.ticket_number)

    def _settle(
        self, holder: Holder, end: Staged | Uploaded | Failed | Limited | Spoilt | Broken
    ) -> RunKind | Broken:
        """What the worker's last word means for the ticket."""
        match end:
            case Staged():
                self.contents.note_staged(holder.folder)
                waiting = replace(
                    holder.info,
                    message="Waiting to be uploaded.",
                    waiting_for="a worker",
                    waiting_since=None,
                )
                holder.fact(waiting)
                return RunKind.STAGED
            case Uploaded(result=result):
                end_finished(holder, result, self.config)
                return RunKind.OVER
            case Failed(error=error):
                if error.code == "out-of-space" and error.retryable:
                    raise ParkError("disk space", SPACE_RETRY_SECONDS)
                raise error
            case Limited():
                waits_for_all = end.waiting_for in {"the target", "a token"}
                raise ParkError(end.waiting_for, end.seconds, whole_target=waits_for_all)
            case Spoilt():
                ticket_log(holder.info.ticket_number).warning(
                    "the payload on disk changed after staging; it is staged again"
                )
                holder.fact(advance(holder.info, Stage.RECEIVED))
                return RunKind.AGAIN
            case Broken():
                return end

    def _pick_up(self, run: Run, holder: Holder, broken: Broken, started_with: int) -> RunEnd:
        """The end of a run whose worker did not end by itself."""
        progress = holder.info.upload_files_finished > started_with
        kind = RunKind.OVER
        if broken.kind is BrokenKind.CANCELLED:
            end_failed(holder, UserFault("cancelled", CANCELLED), self.config)
        elif broken.kind is BrokenKind.REAPED:
            assert broken.fault is not None
            end_failed(holder, broken.fault, self.config)
        elif broken.kind is BrokenKind.STOPPED:
            holder.fact(replace(holder.info, message="The server is stopping; it goes on later."))
            kind = RunKind.HANDED_BACK
        else:
            how = describe_exit(broken.exit_code)
            ticket_log(run.ticket).warning("worker %s %s", broken.pid, how)
            deaths = 0 if progress else run.deaths
            if deaths + 1 > self.config.uploads.max_resumes:
                fault = HouseFault(
                    "resume-limit",
                    f"The worker {how}, {deaths + 1} times without getting further; the drop is "
                    "kept. Ask the operator to look into the log, then retry.",
                )
                end_failed(holder, fault, self.config)
            else:
                holder.fact(
                    replace(holder.info, message=f"The worker {how}; going on from where it was.")
                )
                kind = RunKind.AGAIN
        return RunEnd(ticket=run.ticket, kind=kind, info=holder.info, made_progress=progress)

    def _park(self, run: Run, holder: Holder, park: ParkError) -> RunEnd:
        since = holder.info.waiting_since or self.now()
        waited = (self.now() - since).total_seconds()
        if waited > self.config.uploads.deadline:
            end_failed(holder, given_up(park.waiting_for, waited), self.config)
            return RunEnd(ticket=run.ticket, kind=RunKind.OVER, info=holder.info)
        at = None if park.seconds is None else self.now() + timedelta(seconds=park.seconds)
        holder.fact(
            replace(
                holder.info,
                waiting_for=park.waiting_for,
                next_attempt_at=at,
                waiting_since=since,
                message=f"Waiting for {park.waiting_for}.",
            )
        )
        return RunEnd(
            ticket=run.ticket,
            kind=RunKind.PARKED,
            info=holder.info,
            seconds=park.seconds,
            waiting_for=park.waiting_for,
            whole_target=park.whole_target,
        )
