"""What is wrong with a configuration: each problem with its key and where that was written."""

from collections.abc import Mapping, Sequence

from presqt_daemon.safe_text import without_secrets

KeyPath = tuple[str, ...]


class Complaints:
    """Collects every problem before any is told.

    `origins` says for a key's path where it was written: a file and line, a variable, `--set`.
    """

    def __init__(self, origins: Mapping[KeyPath, str] | None = None) -> None:
        self._origins = origins or {}
        self.texts: list[str] = []

    def add(self, path: Sequence[object], text: str) -> None:
        """One problem of the key at this path."""
        keys = tuple(str(key) for key in path)
        origin = self._origin(keys)
        key = ".".join(map(without_secrets, keys))
        self.texts.append(": ".join(part for part in (origin, key, text) if part))

    def say(self, text: str) -> None:
        """One problem that names its own place."""
        self.texts.append(text)

    def _origin(self, keys: KeyPath) -> str:
        """Where the key stands; for one that is missing, where the part stands that lacks it."""
        for length in range(len(keys), -1, -1):
            found = self._origins.get(keys[:length])
            if found is not None:
                return found
        return ""
