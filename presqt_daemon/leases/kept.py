"""A lease that a thread keeps for as long as the process works under it: the daemon's own.

All other threads ask it before they write. By the holder's own clock that costs no look at a file.
"""

import errno
import os
import threading
from collections.abc import Callable

from presqt_daemon.leases.lease import BEAT_SHARE, FencedError, Lease
from presqt_daemon.system.shortage import start_thread

TRY_SECONDS = 0.5
"""How soon a beat that failed is tried again, and how often is asked that waits for one."""


class KeptLease:
    """Beats from `start` to `stop`; one that nobody else can come for needs no beat.

    `leave` is called once another has taken over, and must end the process.
    """

    def __init__(self, lease: Lease, ttl: float, leave: Callable[[], object]) -> None:
        self.lease = lease
        self._every = ttl * BEAT_SHARE
        self._leave = leave
        self._change = threading.Condition()
        self._is_asked = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to beat. Raises OSError where no thread can be had."""
        if self.lease.is_alone:
            return
        self._thread = start_thread(self._live, "lease")
        if self._thread is None:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def stop(self) -> None:
        """Beat no more; what is to be written has been."""
        self._stopped = True
        self._is_asked.set()
        if self._thread is not None:
            self._thread.join(self._every + TRY_SECONDS)

    def pass_or_leave(self) -> None:
        """Return while the lease is ours by our own clock; else wait until that is known.

        To be asked before each lasting write. A process that was frozen for so long that another
        may have come gets no further than this, and ends.
        """
        while not self.lease.is_sure:
            with self._change:
                self._is_asked.set()
                self._change.wait(TRY_SECONDS)

    def _live(self) -> None:
        wait = self._every
        while not self._stopped:
            self._is_asked.wait(wait)
            self._is_asked.clear()
            if self._stopped:
                return
            try:
                self.lease.keep()
            except FencedError:
                self._leave()
                return
            except OSError:
                # a disk that hangs or is gone: nothing is written until it is known who is there
                wait = TRY_SECONDS
            else:
                wait = self._every if self.lease.is_sure else TRY_SECONDS
            with self._change:
                self._change.notify_all()
