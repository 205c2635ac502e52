"""What the supervisor hears of an upload: figures when they move, else signs of life."""

import threading
import time
from collections.abc import Callable

from presqt_daemon.messages import Alive, Delayed, Progress, Report

REPORT_SECONDS = 0.25
"""How far two reports of the same kind are apart, about."""


class Meter:
    """The figures of one upload."""

    def __init__(self, *, files_total: int, bytes_total: int) -> None:
        self._lock = threading.Lock()
        self._files_total = files_total
        self._bytes_total = bytes_total
        self._files_done = 0
        self._bytes_done = 0

    def track(self, size: int) -> "Track":
        """The share of one file of `size` bytes."""
        return Track(self, size)

    def add(self, *, files: int, size: int) -> None:
        """Count files and bytes that are done."""
        with self._lock:
            self._files_done += files
            self._bytes_done += size

    def progress(self, message: str | None = None) -> Progress:
        """The figures now."""
        with self._lock:
            return Progress(
                bytes_done=min(self._bytes_done, self._bytes_total),
                bytes_total=self._bytes_total,
                files_done=min(self._files_done, self._files_total),
                files_total=self._files_total,
                message=message,
            )


class Track:
    """One file's share, counted by its high-water mark: sending it again adds nothing."""

    def __init__(self, meter: Meter, size: int) -> None:
        self._meter = meter
        self._size = size
        self._mark = 0
        self._is_done = False

    def reach(self, position: int) -> None:
        """The file has been read up to `position`."""
        position = min(position, self._size)
        if position > self._mark:
            self._meter.add(files=0, size=position - self._mark)
            self._mark = position

    def finish(self) -> None:
        """The file is done, sent or not; a second call adds nothing."""
        self.reach(self._size)
        if not self._is_done:
            self._is_done = True
            self._meter.add(files=1, size=0)


class Reporter:
    """Passes reports on from one thread; `heard` may be called from any."""

    def __init__(
        self, report: Callable[[Report], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.meter = Meter(files_total=0, bytes_total=0)
        self._report = report
        self._clock = clock
        self._next = 0.0
        self._last = Progress()
        self._heard = threading.Event()
        self._usual = ""
        self._waits: dict[int, tuple[str, float]] = {}
        self._told: tuple[str, float] | None = None

    def waits_for(self, what: str, seconds: float) -> None:
        """This thread begins a wait that a person should know of; with an empty text it is over."""
        if what:
            self._waits[threading.get_ident()] = (what, self._clock() + seconds)
        else:
            self._waits.pop(threading.get_ident(), None)

    def heard(self) -> None:
        """The target has answered."""
        self._heard.set()

    def tell(self, report: Report) -> None:
        """Pass on at once."""
        self._report(report)

    def begin(self, meter: Meter, message: str) -> None:
        """Tell the totals; from now on the figures are this meter's."""
        self.meter = meter
        self._last = meter.progress()
        self._usual = message
        self._report(meter.progress(message))

    def report_when_due(self) -> None:
        """Tell what has moved since the last time, if it is time to."""
        now = self.meter.progress()
        self._tell_wait()
        if (now != self._last or self._heard.is_set()) and self._is_due():
            self._heard.clear()
            self._report(Alive() if now == self._last else now)
            self._last = now

    def _tell_wait(self) -> None:
        """Tell of the wait that ends last, once; and once that none is left."""
        wait = max([*self._waits.values()], key=lambda one: one[1], default=None)
        if wait == self._told:
            return
        self._told = wait
        if wait is None:
            self._report(Delayed(waiting_for=None))
            self._report(self.meter.progress(self._usual or None))
            return
        self._report(Delayed(waiting_for=wait[0], seconds=max(0.0, wait[1] - self._clock())))
        self._report(self.meter.progress(f"Waiting for {wait[0]}."))

    def pulse(self) -> None:
        """Tell that work moves which has no figure, if it is time to."""
        if self._is_due():
            self._report(Alive())

    def end(self) -> None:
        """Tell the exact figures."""
        self._report(self.meter.progress())

    def _is_due(self) -> bool:
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + REPORT_SECONDS
        return True
