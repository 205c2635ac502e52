"""What a worker's last word means for its ticket."""

from dataclasses import dataclass, replace

from presqt_daemon.config import Config
from presqt_daemon.messages import End, Failed, Limited, Pointed, Short, Spoilt, Staged, Uploaded
from presqt_daemon.model import PauseKind
from presqt_daemon.system.logs import shared_log
from presqt_daemon.tickets.status_writer import StatusWriter
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.limits.shared_limits import SharedLimits
from presqt_daemon.workers.limits.space import SPACE_RETRY_SECONDS
from presqt_daemon.workers.limits.tokens import how_to_replace, mark_from
from presqt_daemon.workers.outcomes import end_finished, end_pointed
from presqt_daemon.workers.processes.conversation import Broken
from presqt_daemon.workers.processes.prepare import WorkerJob
from presqt_daemon.workers.processes.tasks import UploadTask
from presqt_daemon.workers.runs.pauses import Held
from presqt_daemon.workers.runs.run import (
    DISK_SPACE,
    POLICY,
    POLICY_SECONDS,
    SHORTAGE,
    SHORTAGE_SECONDS,
    WRITE_RETRY_SECONDS,
    ParkError,
    RunEnd,
    RunKind,
    TargetHeldError,
)
from presqt_daemon.workers.unfinished_runs import pick_up, stage_again


@dataclass(frozen=True, slots=True)
class EndedRuns:
    """Writes how a run has ended, as the ticket's holder."""

    config: Config
    uploads: Uploads
    limits: SharedLimits

    def write_end(
        self, job: WorkerJob, holder: StatusWriter, end: End | Staged | Broken, *, progress: bool
    ) -> RunEnd:
        """What the worker's last word means for the ticket. Raises PresqtError, ParkError."""
        run, task = job.run, job.task
        match end:
            case Staged():
                holder.fact(replace(holder.info, waiting_for="a worker"))
                return RunEnd(ticket=run.ticket, kind=RunKind.STAGED, info=holder.info)
            case Uploaded(result=result):
                self.limits.accept(holder.info.target or "")
                info = end_finished(holder, result, self.config)
                return RunEnd(ticket=run.ticket, kind=RunKind.OVER, info=info, is_delivered=True)
            case Pointed(first=first):
                self.limits.accept(holder.info.target or "")
                there = self.uploads.folder(first).known_info()
                if there is None:
                    # removed in this moment: the next go finds another, or sends
                    raise ParkError(f"ticket {first}", WRITE_RETRY_SECONDS)
                info = end_pointed(holder, there, self.config)
                return RunEnd(ticket=run.ticket, kind=RunKind.OVER, info=info, is_delivered=True)
            case Failed(error=error):
                if error.code == "out-of-space" and error.retryable:
                    raise ParkError(DISK_SPACE, SPACE_RETRY_SECONDS)
                if error.code == "check-failed" and error.retryable:
                    raise ParkError(POLICY, POLICY_SECONDS, cause=error.message)
                raise error
            case Limited(kind=None):
                raise ParkError(end.waiting_for, end.seconds, cause=end.reason)
            case Limited(kind=kind):
                assert isinstance(task, UploadTask)
                assert kind is not None
                raise TargetHeldError(self._held(task, end, kind))
            case Short(waiting_for=waiting_for, reason=reason):
                log = shared_log("short", run.folder, run.ticket)
                log.warning("waits for %s: %s", waiting_for, reason)
                is_short = waiting_for == SHORTAGE
                raise ParkError(waiting_for, SHORTAGE_SECONDS if is_short else WRITE_RETRY_SECONDS)
            case Spoilt():
                return stage_again(run, holder, self.config, progress=progress)
            case Broken():
                return pick_up(run, holder, end, self.config, progress=progress)

    def _held(self, task: UploadTask, end: Limited, kind: PauseKind) -> Held:
        """Why all tickets of the target wait; a refused token is known again."""
        cause, target = end.reason, task.job.target
        if kind is PauseKind.TOKEN:
            self.limits.refuse(target.name, mark_from(task.job.token))
            cause = f"{cause} {how_to_replace(target)}"
        return Held(kind=kind, cause=cause, waiting_for=end.waiting_for, seconds=end.seconds)
