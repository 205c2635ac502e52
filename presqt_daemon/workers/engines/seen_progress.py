"""How far a run on another host is, as its ticket's status says before the run has ended."""

import time
from collections.abc import Callable

from presqt_daemon.messages import Progress
from presqt_daemon.model import Stage
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.workers.runs.proof import Serves, is_proof
from presqt_daemon.workers.runs.run import Run, WentOn, Work

LOOK_SECONDS = 1.0


class SeenProgress:
    """Looked at once a second, and only while there is something to be learnt; for one run."""

    def __init__(
        self,
        folder: TicketFolder,
        run: Run,
        *,
        goes_on: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._is_staging = goes_on and run.work is Work.STAGE
        self._is_asking = run.is_asking
        self._before = folder.known_info() if run.is_asking else None
        self._looked = clock()

    def news(self) -> list[WentOn | Serves]:
        """What is new: the ticket is staged and is sent now, or its target takes files. Once each.

        Others wait for a place, or behind a pause, until that is known.
        """
        now = self._clock()
        is_wanted = self._is_staging or self._is_asking
        if not is_wanted or now - self._looked < LOOK_SECONDS:
            return []
        self._looked = now
        info = self._folder.known_info()
        if info is None:
            return []
        found: list[WentOn | Serves] = []
        if self._is_staging and is_staged(info):
            self._is_staging = False
            found.append(WentOn(info.ticket_number, info.target or "", info.resource_id))
        if self._is_asking and is_proof(_since(self._before, info)):
            self._is_asking = False
            found.append(Serves(info.ticket_number))
        return found


def _since(before: ProcessInfo | None, now: ProcessInfo) -> Progress:
    """What has been sent since."""
    files, size = now.upload_files_finished, now.upload_bytes_finished
    if before is None:
        return Progress(files_done=files, bytes_done=size)
    return Progress(
        files_done=files - before.upload_files_finished,
        bytes_done=size - before.upload_bytes_finished,
    )


def is_staged(info: ProcessInfo) -> bool:
    """Whether all is known that sending needs."""
    return info.target is not None and info.stage in {Stage.HASHED, Stage.UPLOADED}
