"""The lane that removes what may go, once an hour; a failure of one ticket stops no other."""

import threading
from collections.abc import Callable
from datetime import datetime

from presqt_daemon.config import Config
from presqt_daemon.system.logs import ticket_log
from presqt_daemon.system.shortage import start_thread
from presqt_daemon.tickets.locks import HeldError
from presqt_daemon.tickets.process_info import InfoError, ProcessInfo
from presqt_daemon.tickets.retention import RemovablePart, expire, parts_due, sweep_gone
from presqt_daemon.tickets.status_writer import utc_now
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.runs.ticket_lines import lines_of

EVERY_SECONDS = 3600.0
FIRST_SECONDS = 60.0
"""Not at once: a start has better things to do with the disk."""


class Expiry:
    """Takes each ticket's lease; one that is busy is left to the next round."""

    def __init__(
        self,
        uploads: Uploads,
        config: Callable[[], Config],
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._uploads = uploads
        self._config = config
        self._now = now
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, the first round a minute later; again where no thread could be had."""
        if self._thread is None:
            self._thread = start_thread(self._live, "expiry")

    def stop(self) -> None:
        """End within the removal that goes on."""
        self._stopped.set()

    def remove_due(self) -> int:
        """One round over all tickets; how many lost something. Makes a spent reserve again."""
        count = 0
        self._uploads.may_act()
        self._uploads.keep_reserve()
        sweep_gone(self._uploads.root)
        for name in list(self._uploads.tickets()):
            if self._stopped.is_set():
                break
            folder = self._uploads.folder(name)
            self._uploads.may_act()
            try:
                # most have nothing to lose, which needs no lease
                parts = self._due(folder.read_info())
                if parts and expire(folder, self._due):
                    count += 1
                    log = lines_of(folder, "expired", self._config())
                    log.info("expired: removed its %s", " and ".join(sorted(parts)))
            except (InfoError, HeldError):
                continue
            except OSError as error:
                log = lines_of(folder, "not expired", self._config())
                log.warning("could not be expired: %s", error.strerror)
        return count

    def _due(self, info: ProcessInfo) -> frozenset[RemovablePart]:
        return parts_due(info, self._now(), self._config().retention)

    def _live(self) -> None:
        wait = FIRST_SECONDS
        while not self._stopped.wait(wait):
            wait = EVERY_SECONDS
            try:
                self.remove_due()
            except OSError as error:
                ticket_log("-").warning("the tickets cannot be listed: %s", error.strerror)
