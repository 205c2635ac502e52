"""When the next request of an account may be made, and what such waits cost a run: arithmetic.

A token bucket, kept as one moment: when the next turn is due at an even pace (the generic cell rate
algorithm, ITU-T I.371). A turn is booked ahead and waited for by whoever asked; one that is booked
and not used is lost.
"""

from dataclasses import dataclass

BURST_SECONDS = 3.0
"""An account that was quiet may make at once what it could make in this time."""


def book(due: float, requests_per_minute: int, now: float) -> tuple[float, float]:
    """The seconds until this request's turn, and what to give as `due` with the next.

    `due` is 0 for the first. In no minute come more turns than `requests_per_minute`, a burst at
    its begin included. All moments are of one clock.
    """
    burst = max(1, int(requests_per_minute * BURST_SECONDS / 60))
    interval = 60 / (requests_per_minute - burst + 1)
    turn = max(due, now - (burst - 1) * interval)
    return max(0.0, turn - now), turn + interval


@dataclass(slots=True)
class Waits:
    """The time that one run spends on turns; waits of several threads at once count once."""

    _total: float = 0.0
    _until: float = 0.0

    def begin(self, seconds: float, now: float) -> None:
        """A thread waits from now on."""
        until = now + seconds
        if until > self._until:
            self._total += until - max(now, self._until)
            self._until = until

    def spent(self, now: float) -> float:
        """Seconds that were waited until now."""
        return self._total - max(0.0, self._until - now)

    def last(self, now: float) -> float:
        """The last moment, up to now, at which there was a wait."""
        return min(now, self._until)
