"""Rate, time left and age: from what was read, as short texts. Pure."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from presqt_daemon.model import Stage
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.units import text_from_bytes, text_from_seconds

WINDOW_SECONDS = 20.0
"""The rate is that of so much time; longer ago is no help for what comes."""

_LEAST_SECONDS = 0.2
_AGES = ((60, "s"), (60, "m"), (24, "h"), (14, "d"), (104, "w"))
_DAY, _WEEK = 24, 7


@dataclass(slots=True)
class RateWindow:
    """How fast a count grows, from readings of it; seconds may be of any clock."""

    window: float = WINDOW_SECONDS
    _readings: deque[tuple[float, int]] = field(default_factory=deque)

    def add(self, moment: float, count: int) -> None:
        """Take in a reading; a count that has shrunk begins anew."""
        readings = self._readings
        if readings and (count < readings[-1][1] or moment < readings[-1][0]):
            readings.clear()
        readings.append((moment, count))
        while len(readings) > 2 and moment - readings[1][0] > self.window:
            readings.popleft()

    @property
    def rate(self) -> float | None:
        """Per second; None until there are two readings some time apart."""
        if len(self._readings) < 2:
            return None
        (began, first), (ended, last) = self._readings[0], self._readings[-1]
        return (last - first) / (ended - began) if ended - began >= _LEAST_SECONDS else None

    def seconds_left(self, total: int) -> float | None:
        """Until the count has reached `total`, at this rate; None where nobody can know."""
        rate = self.rate
        if not rate or not self._readings or total < self._readings[-1][1]:
            return None
        return (total - self._readings[-1][1]) / rate


@dataclass(slots=True)
class TicketRate:
    """The rate of what a ticket does now: staging and sending have one each."""

    window: RateWindow = field(default_factory=RateWindow)
    _phase: tuple[object, ...] = ()

    def add(self, info: ProcessInfo) -> None:
        """Take in a status; its own time counts, not that of the reading."""
        phase = (is_sending(info), info.attempt, info.staging_attempt)
        if phase != self._phase:
            self._phase, self.window = phase, RateWindow()
        self.window.add(info.updated_at.timestamp(), amounts(info)[0])

    def texts(self, info: ProcessInfo) -> tuple[str, ...]:
        """Rate and time left, as far as they are known; nothing for a ticket not at work."""
        if not is_at_work(info):
            return ()
        return rate_texts(self.window, amounts(info)[1])


def is_sending(info: ProcessInfo) -> bool:
    """Whether a ticket's figures are those of the upload."""
    return info.stage in {Stage.HASHED, Stage.UPLOADED}


def is_at_work(info: ProcessInfo) -> bool:
    """Whether a worker has an open ticket, and it waits for nothing."""
    return info.is_open and info.function_process_id is not None and info.waiting_for is None


def amounts(info: ProcessInfo) -> tuple[int, int]:
    """Bytes done and bytes in all, of staging or of sending."""
    if is_sending(info):
        return info.upload_bytes_finished, info.upload_total_bytes
    return info.staging_bytes_finished, info.staging_total_bytes


def rate_texts(window: RateWindow, total: int, *, unit: str = "") -> tuple[str, ...]:
    """`12.3 MB/s` and `2 min left`; with a `unit`, such as deposits, `4.2 deposits/s`."""
    rate = window.rate
    if rate is None:
        return ()
    shown = f"{rate:.3g} {unit}/s" if unit else f"{text_from_bytes(rate)}/s"
    left = window.seconds_left(total)
    return (shown,) if left is None else (shown, f"{text_from_seconds(round(left))} left")


def age_text(now: datetime, moment: datetime) -> str:
    """How long ago, in four characters at most: `45s`, `12m`, `3h`, `5d`, `30w`, `3y`."""
    amount = max(0.0, (now - moment).total_seconds())
    for limit, unit in _AGES:
        if amount < limit:
            return f"{int(amount)}{unit}"
        amount /= {"s": 60, "m": 60, "h": _DAY, "d": _WEEK, "w": 52}[unit]
    return f"{int(amount)}y"
