"""What a worker is asked to do, and how it tells what came of it."""

import errno
import threading
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any, ClassVar

from presqt_daemon.config import Config
from presqt_daemon.errors import HouseFault, MachineError, PayloadSpoilt, PresqtError
from presqt_daemon.messages import (
    End,
    Failed,
    Go,
    LookingAt,
    Pointed,
    Progress,
    Question,
    Report,
    Short,
    Spoilt,
    Staged,
    Surveyed,
    Uploaded,
    WantsContainer,
    WantsCreate,
    WantsSpace,
    WantsTurn,
)
from presqt_daemon.model import Resolved
from presqt_daemon.records.payload import Payload, PayloadError
from presqt_daemon.staging.scratch.unpack_again import unpack_again
from presqt_daemon.staging.stage import StageJob, stage
from presqt_daemon.system.logs import shared_log
from presqt_daemon.system.precedence import yield_to_others
from presqt_daemon.system.shortage import is_shortage
from presqt_daemon.targets.base import traits_of
from presqt_daemon.tickets.claim_record import ClaimRecord
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.upgrade.order import UpgradeOrder
from presqt_daemon.upgrade.run import run_upgrade
from presqt_daemon.upload.calls.archive_disk import require_archive
from presqt_daemon.upload.calls.patience import MustWait
from presqt_daemon.upload.earlier_deposit import (
    EarlierDeposit,
    is_still_there,
    original_deposit,
    sent_again_warning,
)
from presqt_daemon.upload.send import SendJob, send
from presqt_daemon.workers.limits.permits import needed_bytes
from presqt_daemon.workers.processes.options import resolve_options
from presqt_daemon.workers.processes.relayed_log import log_relayed
from presqt_daemon.workers.runs.run import BUG, DISK, SHORTAGE, fault_from_bug

_DISK_TROUBLE = frozenset(
    {errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE, errno.ENODEV}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTask:
    """Make a valid bag with known digests out of a ticket's zip; find out where it goes.

    `room` bytes of the disk are set aside for it.
    """

    ticket: str
    job: StageJob
    claim: ClaimRecord
    source_file: str
    config: Config
    room: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTask:
    """Deposit a staged bag, unless an earlier deposit of the same content is still there.

    `unpacking` says how it is unpacked again first, where it may have gone with an earlier run.
    """

    ticket: str
    job: SendJob
    earlier: tuple[EarlierDeposit, ...] = ()
    unpacking: StageJob | None = None


Task = StageTask | UploadTask


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeTask:
    """Give past tickets their records. Its end is told by the run's state; it has none to send."""

    ticket: ClassVar[str] = "prepare-upgrade"
    """Stands where other tasks name their one ticket."""

    order: UpgradeOrder


class _Line:
    """The worker's end of the conversation; several threads of one task may report and ask."""

    def __init__(self, channel: Connection) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._asking = threading.Lock()

    def tell(self, message: Report | End | LookingAt) -> None:
        with self._lock:
            self._channel.send(message)

    def ask(self, question: Question) -> Go:
        answer: Go = self._answer_to(question)
        return answer

    def go_on(self, staged: Staged) -> "UploadTask | None":
        """What is to be done next, None for nothing."""
        answer: UploadTask | None = self._answer_to(staged)
        return answer

    def _answer_to(self, question: Question | Staged) -> Any:
        with self._asking:
            self.tell(question)
            return self._channel.recv()


def run_task(task: Task | UpgradeTask, channel: Connection) -> None:
    """Do one task, and the one that follows from it, and send the end, whatever happens inside."""
    line = _Line(channel)
    if isinstance(task, UpgradeTask):
        if task.order.yields:
            yield_to_others()
        run_upgrade(task.order, lambda ticket: line.tell(LookingAt(ticket=ticket)))
        return
    with log_relayed(line.tell):
        _run(task, line)


def _run(task: Task, line: _Line) -> None:
    try:
        following = line.go_on(_stage(task, line)) if isinstance(task, StageTask) else task
        if following is None:
            return
        end: End = _upload(following, line)
    except MustWait as wait:
        end = wait.limited
    except (PayloadSpoilt, PayloadError):
        end = Spoilt()
    except PresqtError as error:
        end = Failed(error=error)
    except (BrokenPipeError, EOFError):
        return
    except Exception as error:  # noqa: BLE001  (whatever it is, the ticket must be told)
        if (lack := what_is_lacking(error)) is not None:
            end = Short(waiting_for=lack, reason=str(error))
        elif task.job.folder.is_dir():
            shared_log(BUG, None).exception(BUG)
            end = Failed(error=fault_from_bug(error))
        else:
            end = Failed(error=HouseFault("state-lost", "The ticket's folder was removed."))
    line.tell(end)


def _stage(task: StageTask, line: _Line) -> Staged:
    def ask(surveyed: Surveyed) -> tuple[str, ...]:
        folder, claim = TicketFolder(task.job.folder), task.claim
        resolved = resolve_options(folder, claim, task.config, surveyed.labels, task.source_file)
        question = _wants_space(surveyed, resolved, claim.route.target or "", task.room)
        if question.has_room:
            line.tell(question)
        else:
            line.ask(question)
        return traits_of(task.config.targets[resolved.target]).algorithms

    return Staged(bag=stage(task.job, ask, line.tell))


def _wants_space(surveyed: Surveyed, resolved: Resolved, folder: str, room: int) -> WantsSpace:
    return WantsSpace(
        resolved=resolved,
        folder=folder,
        unpacked_bytes=surveyed.unpacked_bytes,
        entries=surveyed.entries,
        has_room=needed_bytes(surveyed.unpacked_bytes, surveyed.entries) <= room,
    )


def _unpacked_again(job: SendJob, unpacking: StageJob, line: _Line) -> SendJob:
    """The job with the bag where it lies: as it was staged, else unpacked again for this run."""
    with Payload(TicketFolder(job.folder).payload) as payload:
        if (job.folder / payload.head.bag.folder).is_dir():
            return replace(job, scratch=None)
        line.tell(Progress(message="Unpacking the bag again..."))
        unpack_again(
            unpacking,
            payload,
            lambda surveyed: line.ask(_wants_space(surveyed, job.resolved, "", 0)),
            line.tell,
        )
    return job


def _upload(task: UploadTask, line: _Line) -> End:
    def ask(question: WantsCreate | WantsContainer) -> Go:
        return line.ask(question)

    def book_turn(requests_per_minute: int) -> float:
        return line.ask(WantsTurn(requests_per_minute=requests_per_minute)).seconds

    # before every deposit, since a disk may have gone at any time
    require_archive(task.job.target, task.job.folder.parents[1])
    # the newest may only point at the first
    for earlier in dict.fromkeys(original_deposit(one) for one in task.earlier):
        if is_still_there(task.job, earlier, line.tell, book_turn=book_turn):
            return Pointed(first=earlier.ticket)
    job = task.job
    if task.unpacking is not None:
        job = _unpacked_again(job, task.unpacking, line)
    result = send(job, ask, line.tell, book_turn=book_turn)
    if task.earlier:
        result = replace(result, warnings=(*result.warnings, sent_again_warning(task.earlier[0])))
    return Uploaded(result=result)


def what_is_lacking(error: Exception) -> str | None:
    """What the machine lacked for the work, None where an error says nothing of the kind.

    Threads, processes, handles, memory of the kernel; or a disk of ours that works.
    """
    if isinstance(error, MachineError):
        return SHORTAGE if is_shortage(error.cause) else DISK
    if is_shortage(error):
        return SHORTAGE
    return DISK if isinstance(error, OSError) and error.errno in _DISK_TROUBLE else None
