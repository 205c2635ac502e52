"""One digest for the content of a whole payload: equal where names, sizes and bytes are."""

import hashlib
from collections.abc import Mapping

from presqt_daemon.digest import strongest_common
from presqt_daemon.system.files import printable_name

PREFIX = "sha256:"
_GROUP = 1000


class Fingerprint:
    """Taken file by file, in order of path.

    SHA-256 over a line `<algorithm> <digest> <size> <path>\\0` for each payload file, with the
    strongest digest that is known of it.
    """

    def __init__(self) -> None:
        self._state = hashlib.sha256()
        self._files = 0
        self._is_known = True
        self._strongest: dict[tuple[str, ...], str | None] = {}
        self._lines: list[str] = []

    def add(self, path: str, size: int | None, digests: Mapping[str, str]) -> None:
        """Take the next file; `path` is relative to the payload folder."""
        kinds = tuple(digests)
        if kinds not in self._strongest:
            self._strongest[kinds] = strongest_common(kinds, kinds)
        algorithm = self._strongest[kinds]
        if algorithm is None or size is None:
            self._is_known = False
            return
        self._files += 1
        name = path if path.isascii() else printable_name(path)
        self._lines.append(f"{algorithm} {digests[algorithm].lower()} {size} {name}\0")
        if len(self._lines) >= _GROUP:
            self._take_lines()

    def text(self) -> str | None:
        """`sha256:<hex>`; None without files, or where one of them has no digest or size."""
        self._take_lines()
        return f"{PREFIX}{self._state.hexdigest()}" if self._files and self._is_known else None

    def _take_lines(self) -> None:
        self._state.update("".join(self._lines).encode("utf-8", "backslashreplace"))
        self._lines.clear()
