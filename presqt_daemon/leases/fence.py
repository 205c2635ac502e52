"""The worker's side of a lease: asked before each request to a target and each lasting write."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from presqt_daemon.leases.heartbeat import Heartbeat, TornHeartbeatError, read_heartbeat
from presqt_daemon.system.host import boot_seconds

STALE_SHARE = 0.75
"""Of the ttl since the last good beat: from then on nothing is done under that number."""

FENCED_EXIT = os.EX_TEMPFAIL
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """Plain data; the heartbeat's file says all else, with the time of this host's own clock.

    A holder that was silent for too long may go on under a later number: so that one counts too.
    """

    folder: Path
    instance: str
    epoch: int
    ttl: float

    def pass_or_leave(
        self,
        *,
        clock: Callable[[], float] = boot_seconds,
        sleep: Callable[[float], None] = time.sleep,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        """Return while the ticket is ours; wait while that is in doubt; else leave the process.

        The parent ends whoever waits, or beats again. Nothing is written on the way out.
        """
        while True:
            try:
                beat = read_heartbeat(self.folder)
            except FileNotFoundError:
                beat = None
            except (TornHeartbeatError, OSError):
                sleep(POLL_SECONDS)
                continue
            if not self._is_ours(beat):
                leave(FENCED_EXIT)
                return
            assert beat is not None
            if clock() - beat.at < self.ttl * STALE_SHARE:
                return
            sleep(POLL_SECONDS)

    def _is_ours(self, beat: Heartbeat | None) -> bool:
        return (
            beat is not None
            and beat.instance == self.instance
            and beat.epoch >= self.epoch
            and not beat.is_released
        )


class AskedFence:
    """A fence, and when it was passed last; safe from several threads."""

    def __init__(self, fence: Fence, clock: Callable[[], float] = boot_seconds) -> None:
        self._fence = fence
        self._clock = clock
        self._passed_at = float("-inf")

    def ask(self) -> None:
        """As `Fence.pass_or_leave`."""
        # as of before: it may be frozen in between
        began = self._clock()
        self._fence.pass_or_leave()
        self._passed_at = began

    def ask_after_silence(self) -> None:
        """The same, where the last answer is so old that another may have the ticket by now.

        Who was frozen between the answer and a request's body sends no more of that body.
        """
        if self._clock() - self._passed_at >= self._fence.ttl * STALE_SHARE:
            self.ask()


def pass_always() -> None:
    """What is asked where no other host can have the ticket."""
