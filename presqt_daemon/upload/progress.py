"""How much has been sent: figures that many threads add to and that never shrink."""

import threading

from presqt_daemon.messages import Progress


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
