"""An adapter's notes on one file's way, so that another go can take up where this one ended."""

from collections.abc import Callable, Iterable, Iterator


class Notes:
    """What was noted, oldest first; used by one thread at a time.

    `keep` makes a note outlast the process, where somebody can do that.
    """

    def __init__(
        self, noted: Iterable[str] = (), keep: Callable[[str], None] = lambda _note: None
    ) -> None:
        self._noted = list(noted)
        self._keep = keep

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._noted))

    def add(self, note: str) -> None:
        """Note it; when this returns, it is as durable as it will be."""
        self._keep(note)
        self._noted.append(note)
