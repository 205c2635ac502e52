"""Several uploads at the same time."""

import threading

from presqt_daemon.model import UploadResult
from presqt_daemon.upload.send import SendJob
from tests.upload.tickets import Supervisor


def payload_of(who: str) -> dict[str, bytes]:
    """Twenty files that nobody else brings, half of them no texts."""
    return {f"{who}/{n}": (b"\0" if n % 2 else b"") + f"{who} {n}".encode() for n in range(20)}


def send_at_once(jobs: list[SendJob]) -> list[UploadResult]:
    """All results, in any order; AssertionError where an upload failed."""
    results: list[UploadResult] = []
    errors: list[BaseException] = []

    def send(job: SendJob) -> None:
        try:
            results.append(Supervisor().send(job))
        except BaseException as error:  # noqa: BLE001  (told below)
            errors.append(error)

    threads = [threading.Thread(target=send, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    return results
