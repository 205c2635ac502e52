"""The talk with one worker about one task: reports in, answers out, limits and requests obeyed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from presqt_daemon.errors import HouseFault
from presqt_daemon.messages import (
    Alive,
    Attempt,
    Created,
    Delayed,
    End,
    Go,
    Opened,
    Progress,
    Question,
    Reached,
    Remark,
    Report,
    Staged,
    WantsContainer,
    WantsCreate,
    WantsSpace,
    WantsTurn,
)
from presqt_daemon.model import Stage
from presqt_daemon.system.logs import shared_log
from presqt_daemon.system.programs.tree import end_tree
from presqt_daemon.tickets.process_info import ProcessInfo, add_warnings, advance
from presqt_daemon.tickets.status_writer import StatusWriter
from presqt_daemon.workers.limits.rate_limit import Waits
from presqt_daemon.workers.processes.pool import TICKET_VARIABLE
from presqt_daemon.workers.processes.prepare import WorkerJob
from presqt_daemon.workers.processes.reaper import Sample, judge, tree_memory
from presqt_daemon.workers.processes.worker import Worker
from presqt_daemon.workers.runs.proof import Proof
from presqt_daemon.workers.runs.requested import RequestedByFile
from presqt_daemon.workers.runs.run import Interruption

TICK_SECONDS = 0.25
"""How soon a request to cancel or stop is seen."""

MEMORY_EVERY_SECONDS = 1.0
STOP_GRACE_SECONDS = 1.0
LEAVE_SECONDS = 2.0
MAX_SHOWN_TITLE = 1000
"""Characters; no title that we give is longer (`Definition.longest_title`)."""


class BrokenKind(StrEnum):
    """Why a worker did not come to an end of its own."""

    DIED = "died"
    OUTGROWN = "outgrown"
    """A small bag that took far longer than its size explains."""

    NOT_BEGUN = "not begun"
    """For want of threads or memory, before anything was done."""

    REAPED = "reaped"
    CANCELLED = "cancelled"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A run whose worker is gone before its end."""

    kind: BrokenKind
    pid: int
    exit_code: int | None = None
    fault: HouseFault | None = None


@dataclass(slots=True, kw_only=True)
class Conversation:
    """One worker, its job, and the one after that.

    `takes_back` takes a worker that is not needed any more, if it can be of use.
    `may_go_on` hears at each look how many seconds the job has run. `answer` gives the answer to a
    question, None while there is none yet, `next_job` what is done after the bag was staged, None
    for nothing; what they raise ends the work and is raised by `hold`.
    """

    worker: Worker
    holder: StatusWriter
    job: WorkerJob
    answer: Callable[[Question], Go | None]
    next_job: Callable[[Staged], WorkerJob | None]
    end_creating: Callable[[str | None], None]
    proof: Proof
    may_go_on: Callable[[float], bool] = lambda _elapsed: True
    interruption: Interruption | RequestedByFile = field(default_factory=Interruption)
    takes_back: Callable[[Worker], bool] = lambda _worker: False
    clock: Callable[[], float] = time.monotonic
    _has_begun: bool = False
    _moved_at: float = 0.0
    _open_question: Question | None = None
    _waits: Waits = field(default_factory=Waits)

    def hold(self) -> End | Staged | Broken:
        """Talk until the work has ended, one way or another.

        Whatever is raised on the way, no worker goes on with it.
        """
        try:
            end = self._talk()
        except BaseException:
            self._end_worker(BrokenKind.STOPPED)
            raise
        if not isinstance(end, Broken) and not self.takes_back(self.worker):
            self._see_off()
        return end

    def _talk(self) -> End | Staged | Broken:
        started = self._moved_at = self.clock()
        looked = started
        memory = 0
        if not self.worker.send(self.job.task):
            return self._died()
        while True:
            message, lives = self.worker.receive(TICK_SECONDS)
            self._has_begun |= message is not None
            if isinstance(message, End):
                return message
            if isinstance(message, Staged):
                following = self.next_job(message)
                self.worker.send(None if following is None else following.task)
                if following is None:
                    return message
                self.job, self._waits = following, Waits()
                started = self._moved_at = self.clock()
            elif message is not None:
                self._take_in(message)
            elif not lives:
                return self._died()
            self._answer_if_possible()
            now = self.clock()
            if self.interruption.is_cancelled:
                return self._end_worker(BrokenKind.CANCELLED)
            stop_by = self.interruption.stop_by
            if stop_by is not None and now >= stop_by:
                return self._end_worker(BrokenKind.STOPPED)
            if now - looked >= MEMORY_EVERY_SECONDS:
                looked, memory = now, tree_memory(self.worker.identity)
            sample = Sample(
                elapsed_seconds=now - started - self._waits.spent(now),
                quiet_seconds=now - max(self._moved_at, self._waits.last(now)),
                memory_bytes=memory,
            )
            if (fault := judge(sample, self.job.limits)) is not None:
                log = shared_log("reaped", self.job.run.folder, self.job.run.ticket)
                log.warning("reaping its worker: %s", fault.message)
                return self._end_worker(BrokenKind.REAPED, fault)
            if not self.may_go_on(sample.elapsed_seconds):
                return self._end_worker(BrokenKind.OUTGROWN)
            self.holder.keep_ticket()
            self.holder.write_when_due()

    def _take_in(self, message: Report) -> None:
        if isinstance(message, WantsSpace) and message.has_room:
            self.answer(message)
        elif isinstance(message, WantsSpace | WantsCreate | WantsContainer | WantsTurn):
            self._open_question = message
        elif isinstance(message, Remark):
            run = self.job.run
            ticket = None if message.once else run.ticket
            log = shared_log(
                message.kind, run.folder, ticket, trace=message.trace, once=message.once
            )
            log.log(message.level, "%s", message.text)
        elif isinstance(message, Created):
            self.end_creating(message.identity)
        elif isinstance(message, Reached):
            self._reach(message)
        elif not isinstance(message, Alive):
            assert not isinstance(message, Staged)
            self.holder.note(project(self.holder.info, message, self.holder.now()))
        self.proof.hear(message)
        self._moved_at = self.clock()

    def _reach(self, message: Reached) -> None:
        info = advance(self.holder.info, message.stage)
        if message.bag is not None:
            info = add_warnings(info, message.bag.warnings, message.bag.warnings_total)
            info = replace(
                info,
                staging_total_bytes=max(info.staging_total_bytes, info.staging_bytes_finished),
                upload_total_files=message.bag.payload_files,
                upload_total_bytes=message.bag.payload_bytes,
            )
        if message.algorithm is not None:
            info = replace(info, hash_algorithm=message.algorithm)
        if message.stage is Stage.HASHED:
            # told with what comes next, which is known in a moment
            total = info.staging_total_bytes
            self.holder.info = replace(info, staging_bytes_finished=total)
        else:
            self.holder.note(info)

    def _answer_if_possible(self) -> None:
        question = self._open_question
        if question is None:
            return
        answer = self.answer(question)
        if answer is not None:
            self._open_question = None
            self._moved_at = self.clock()
            self._waits.begin(answer.seconds, self._moved_at)
            self.worker.send(answer)
        elif isinstance(question, WantsCreate):
            # waiting for another ticket's creation is no stall of this one
            self._moved_at = self.clock()

    def _see_off(self) -> None:
        """Wait for the end of a worker that has told its last; what it has started goes too."""
        self.worker.channel.close()
        if self.worker.exit_code(LEAVE_SECONDS) is None:
            end_tree(self.worker.identity, (TICKET_VARIABLE, self.job.run.ticket), grace=0)
        self.worker.close()

    def _died(self) -> Broken:
        """The worker is gone; what it started goes too."""
        pid = self.worker.pid
        end_tree(self.worker.identity, (TICKET_VARIABLE, self.job.run.ticket), grace=0)
        code = self.worker.exit_code(5.0)
        self.worker.close()
        # one that could not begin has said nothing; its exit code may be lost with the forkserver
        kind = BrokenKind.DIED if self._has_begun else BrokenKind.NOT_BEGUN
        return Broken(kind=kind, pid=pid, exit_code=code)

    def _end_worker(self, kind: BrokenKind, fault: HouseFault | None = None) -> Broken:
        pid = self.worker.pid
        end_tree(
            self.worker.identity, (TICKET_VARIABLE, self.job.run.ticket), grace=STOP_GRACE_SECONDS
        )
        code = self.worker.exit_code(5.0)
        self.worker.close()
        return Broken(kind=kind, pid=pid, exit_code=code, fault=fault)


def project(
    info: ProcessInfo, message: Attempt | Opened | Progress | Delayed, now: datetime
) -> ProcessInfo:
    """The status after a report. Figures never shrink and never pass their totals."""
    if isinstance(message, Delayed):
        is_over = message.waiting_for is None
        return replace(
            info,
            waiting_for=message.waiting_for,
            next_attempt_at=None if is_over else now + timedelta(seconds=message.seconds),
        )
    if isinstance(message, Attempt):
        return replace(
            info,
            staging_attempt=message.number,
            staging_bytes_finished=0,
            message=message.message,
        )
    if isinstance(message, Opened):
        return replace(
            info,
            link_to_resource=message.link or info.link_to_resource,
            # as the target writes it: no answer of one shall fill the disk with statuses
            title=message.title[:MAX_SHOWN_TITLE],
        )
    if message.message is not None:
        info = replace(info, message=message.message)
    if info.stage in {Stage.RECEIVED, Stage.VALIDATED}:
        total = max(info.staging_total_bytes, message.bytes_total)
        done = max(info.staging_bytes_finished, message.bytes_done)
        return replace(
            info, staging_total_bytes=total, staging_bytes_finished=min(done, total or done)
        )
    files = max(info.upload_total_files, message.files_total)
    total = max(info.upload_total_bytes, message.bytes_total)
    return replace(
        info,
        upload_total_files=files,
        upload_total_bytes=total,
        upload_files_finished=min(max(info.upload_files_finished, message.files_done), files),
        upload_bytes_finished=min(max(info.upload_bytes_finished, message.bytes_done), total),
    )
