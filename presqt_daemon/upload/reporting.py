"""What the supervisor hears of an upload: figures when they move, else signs of life."""

import threading
import time
from collections.abc import Callable

from presqt_daemon.reports import Alive, Progress, Report
from presqt_daemon.upload.progress import Meter

REPORT_SECONDS = 0.25
"""How far two reports of the same kind are apart, about."""


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
        self._said: str | None = None

    def waits_for(self, sentence: str) -> None:
        """A wait begins that a person should know of; with an empty text it is over."""
        self._said = sentence or self._usual

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

    def look(self) -> None:
        """Tell what has moved since the last time, if it is time to."""
        now = self.meter.progress()
        said, self._said = self._said, None
        if said:
            self._report(self.meter.progress(said))
        if (now != self._last or self._heard.is_set()) and self._is_due():
            self._heard.clear()
            self._report(Alive() if now == self._last else now)
            self._last = now

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
