"""Fresh claims are made durable behind the sender's back, many with one wait for the disk.

A sender sees a ticket as soon as the drop is ours. Under the dirty pages of large copies a sync
takes tenths of a second, and longer on a hard disk, so only the work on a ticket waits for it.
"""

import logging
import threading
from collections.abc import Callable, Sequence

from presqt_daemon.inbox.events import Claimed
from presqt_daemon.tickets.store import Uploads

PAUSE_SECONDS = 1.0
"""Before what a disk refused is tried again."""

_log = logging.getLogger(__name__)


class Keeper:
    """Keeps claims, then tells of them in their order; a thread of its own from the first on."""

    def __init__(self, uploads: Uploads, emit: Callable[[Claimed], None]) -> None:
        self._uploads = uploads
        self._emit = emit
        self._change = threading.Condition()
        self._waiting: dict[str, Claimed] = {}
        self._thread: threading.Thread | None = None
        self._is_stopped = False
        self._has_warned = False

    def put(self, claim: Claimed) -> None:
        """Keep a claim and tell of it; after `stop` that is left to the next start."""
        with self._change:
            if self._is_stopped:
                return
            self._waiting[claim.ticket] = claim
            self._change.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._live, name="keeper", daemon=True)
                self._thread.start()

    def has(self, ticket: str) -> bool:
        """Whether a ticket has not been told of yet, but will be."""
        with self._change:
            return ticket in self._waiting

    def is_idle(self) -> bool:
        """Whether all claims have been told of."""
        with self._change:
            return not self._waiting

    def stop(self, timeout: float) -> None:
        """Keep what waits, if the disk allows it in time, and nothing more."""
        with self._change:
            self._is_stopped = True
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join(timeout)

    def _live(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._is_stopped)
                batch = list(self._waiting.values())
            if not batch:
                return
            kept = self._keep(batch)
            with self._change:
                for claim in kept:  # told and let go of in one step, as `has` says
                    self._emit(claim)
                    del self._waiting[claim.ticket]
                if self._is_stopped:
                    return
                if len(kept) < len(batch):
                    self._change.wait_for(lambda: self._is_stopped, PAUSE_SECONDS)

    def _keep(self, batch: Sequence[Claimed]) -> Sequence[Claimed]:
        """Those that are durable now; one that fails holds up no other."""
        try:
            self._uploads.keep_claims([claim.folder for claim in batch])
        except Exception as error:  # noqa: BLE001  (one claim must not stop the others)
            if len(batch) > 1:
                return [claim for one in batch for claim in self._keep([one])]
            if not self._has_warned:
                self._has_warned = True
                if isinstance(error, OSError):
                    reason = error.strerror or str(error)
                    _log.warning("%s must wait: %s; trying again", batch[0].ticket, reason)
                else:
                    _log.exception("%s cannot be kept", batch[0].ticket)
            return ()
        self._has_warned = False
        return batch
