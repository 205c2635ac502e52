"""The disk is shared by inbox folder: one whose drops fill it waits alone for more.

Nothing is removed for that before its time; a person may (`prune --rejected-from`).
"""

import contextlib
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from presqt_daemon.config import Config
from presqt_daemon.records.payload import PayloadError, read_head
from presqt_daemon.tickets.store import TicketFolder, Uploads
from presqt_daemon.units import text_from_bytes
from presqt_daemon.workers.limits.permits import Space

HEADROOM = 0.1
"""The part of the disk that is left to the other folders by one that holds more than its share."""

COUNT_EVERY_SECONDS = 60.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class DiskShares:
    """What the tickets of each folder keep on the disk, counted when it gets tight.

    Their zips and records count, and the bags that are unpacked and wait. Safe from several
    threads.
    """

    uploads: Uploads
    clock: Callable[[], float] = time.monotonic
    _held: Counter[str] = field(default_factory=Counter)
    _counted_at: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def spare(self, folder: str, wanted: int, space: Space, config: Config) -> int:
        """Bytes that a folder's drop or bag has to leave free for those of others, 0 for none."""
        keep, folders = config.staging.min_free_bytes, len(config.targets)
        room = space.total - keep
        headroom = int(room * HEADROOM)
        if folders < 2 or space.free - keep - wanted >= headroom:
            return 0
        with self._lock:
            if self.clock() - self._counted_at >= COUNT_EVERY_SECONDS:
                self._held = count_kept(self.uploads)
                self._counted_at = self.clock()
                self._tell(room // folders)
            if self._held[folder] + wanted > room // folders:
                return headroom
            # until they are counted anew
            self._held[folder] += wanted
            return 0

    def _tell(self, share: int) -> None:
        for folder, held in self._held.items():
            if held > share:
                _log.warning(
                    "the disk gets full, and the drops of inbox/%s hold %s of it: they wait, those "
                    "of other folders go on; `prune --rejected-from %s` removes rejected ones",
                    folder, text_from_bytes(held), folder,
                )  # fmt: skip


def count_kept(uploads: Uploads) -> Counter[str]:
    """Folder -> bytes of zips, records and unpacked bags that its tickets have. Raises OSError."""
    held: Counter[str] = Counter()
    for name in uploads.tickets():
        folder = TicketFolder(uploads.root / name)
        with contextlib.suppress(OSError):
            if (record := folder.read_claim()) is not None:
                held[record.route.target or ""] += _files(folder) + _unpacked(folder)
    return held


def _files(folder: TicketFolder) -> int:
    """Bytes of the zip, and of the records, which a bag of many small files makes larger than it.

    Raises OSError.
    """
    with os.scandir(folder.path) as entries:
        return sum(
            entry.stat(follow_symlinks=False).st_size
            for entry in entries
            if entry.is_file(follow_symlinks=False)
        )


def _unpacked(folder: TicketFolder) -> int:
    """Bytes of the bag that is staged in a ticket's folder, 0 without one."""
    try:
        bag = read_head(folder.payload).bag
    except PayloadError:
        return 0
    return bag.payload_bytes if os.path.lexists(folder.path / bag.folder) else 0
