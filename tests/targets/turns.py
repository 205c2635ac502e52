"""Several uploads at once that take turns in creating, as the daemon's supervisors make them."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from presqt_daemon.messages import Created, Go, Report, WantsContainer, WantsCreate
from presqt_daemon.model import UploadResult
from presqt_daemon.upload.send import SendJob, send


@dataclass
class _Turn:
    lock: threading.Lock

    def ask(self, question: WantsCreate | WantsContainer) -> Go:
        if isinstance(question, WantsCreate):
            self.lock.acquire()
        return Go()

    def hear(self, report: Report) -> None:
        if isinstance(report, Created):
            self.lock.release()


def send_at_once(jobs: Iterable[SendJob]) -> list[UploadResult]:
    """Their results; raises the first error."""
    turn = _Turn(threading.Lock())
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda job: send(job, turn.ask, turn.hear), jobs))
