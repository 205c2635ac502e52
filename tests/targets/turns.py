"""Several uploads at once that take turns, as the daemon's supervisors make them."""

import contextlib
import threading
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from presqt_daemon.messages import Created, Go, Report, WantsContainer, WantsCreate
from presqt_daemon.model import UploadResult
from presqt_daemon.upload.send import SendJob, send


def send_at_once(jobs: Iterable[SendJob], **options: Any) -> list[UploadResult]:
    """Their results in this order; raises the first error.

    One creates at a time, and a container takes one ticket at a time, until that has ended.
    """
    creating = threading.Lock()
    containers: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def run(job: SendJob) -> UploadResult:
        with contextlib.ExitStack() as held:

            def ask(question: WantsCreate | WantsContainer) -> Go:
                if isinstance(question, WantsCreate):
                    creating.acquire()
                else:
                    held.enter_context(containers[question.identity])
                return Go()

            def hear(report: Report) -> None:
                if isinstance(report, Created):
                    creating.release()

            return send(job, ask, hear, **options)

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(run, jobs))
