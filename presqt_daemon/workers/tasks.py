"""What a worker is asked to do, and how it tells what came of it."""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import HouseFault, PayloadSpoilt, PresqtError
from presqt_daemon.reports import (
    Answer,
    End,
    Failed,
    Go,
    Limited,
    Question,
    Report,
    Spoilt,
    Staged,
    Stop,
    Stopped,
    Surveyed,
    Uploaded,
    WantsCreate,
    WantsTurn,
)
from presqt_daemon.staging.stage import StageJob, stage
from presqt_daemon.system.logs import ticket_log
from presqt_daemon.targets.base import traits_of
from presqt_daemon.tickets.payload import PayloadError
from presqt_daemon.upload.send import SendJob, send
from presqt_daemon.upload.waiting import MustWait
from presqt_daemon.workers.run import fault_from_bug

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTask:
    """Make a valid bag with known digests out of a ticket's zip."""

    ticket: str
    job: StageJob
    targets: Mapping[str, TargetConfig]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTask:
    """Deposit a staged bag."""

    ticket: str
    job: SendJob


Task = StageTask | UploadTask


class _ToldToStopError(BaseException):
    """The supervisor said no; passes every handler of ordinary errors on its way up."""


class _Line:
    """The worker's end of the conversation; several threads of one task may report and ask."""

    def __init__(self, channel: Connection) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._asking = threading.Lock()

    def tell(self, message: Report | End) -> None:
        with self._lock:
            self._channel.send(message)

    def ask(self, question: Question) -> Go:
        with self._asking:
            self.tell(question)
            answer: Answer = self._channel.recv()
        if isinstance(answer, Stop):
            raise _ToldToStopError
        return answer


def run_task(task: Task, channel: Connection) -> None:
    """Do one task and send its end, whatever happens inside."""
    line = _Line(channel)
    try:
        end = _stage(task, line) if isinstance(task, StageTask) else _upload(task, line)
    except _ToldToStopError:
        end = Stopped()
    except MustWait as wait:
        end = wait.limited
    except (PayloadSpoilt, PayloadError):
        end = Spoilt()
    except PresqtError as error:
        end = Failed(error=error)
    except (BrokenPipeError, EOFError):
        return
    except Exception as error:  # noqa: BLE001  (whatever it is, the ticket must be told)
        if task.job.folder.is_dir():
            ticket_log(task.ticket).exception("a bug of ours")
            end = Failed(error=fault_from_bug(error))
        else:
            end = Failed(error=HouseFault("state-lost", "The ticket's folder was removed."))
    line.tell(end)


def _stage(task: StageTask, line: _Line) -> End:
    def ask(question: Surveyed) -> Go:
        go = line.ask(question)
        target = task.targets.get(go.target or "")
        return go if target is None else Go(algorithms=traits_of(target).algorithms)

    return Staged(bag=stage(task.job, ask, line.tell))


def _upload(task: UploadTask, line: _Line) -> End:
    def ask(question: WantsCreate) -> Go:
        return line.ask(question)

    def book_turn(requests_per_minute: int) -> float:
        return line.ask(WantsTurn(requests_per_minute=requests_per_minute)).seconds

    return Uploaded(result=send(task.job, ask, line.tell, book_turn=book_turn))


__all__ = ["Limited", "StageTask", "Task", "UploadTask", "run_task"]
