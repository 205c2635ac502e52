"""Paths as tag files write them: whether they stay in the bag, and which file they mean.

Purely lexical, since the bag may still be in its zip; links are refused by the kinds of the tree.
RFC 8493 sections 2.1.3 (percent-encoding), 5.1 (paths that leave the bag), 6.1.1 (normalization).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from presqt_daemon.letter_forms import composed

_ESCAPED = re.compile(r"%(0[AaDd]|25)")
_ESCAPED_OLDER = re.compile(r"%(0[AaDd])")
_PLAIN = {"0A": "\n", "0D": "\r", "25": "%"}
_LEAVES = re.compile(
    r"""[/\\~]                              # absolute, UNC, \\?\ or a home directory
    | [A-Za-z]:                             # a drive
    | %[A-Za-z_]+%                          # a variable of Windows
    | (?:.*[/\\])?\.\.(?:[/\\]|\Z)          # climbs
    """,
    re.VERBOSE | re.DOTALL,
)


def leaves_bag(path: str) -> bool:
    """Whether a path could name something outside the bag, on any system."""
    return "\0" in path or _LEAVES.match(path) is not None


def decode_path(path: str, *, strict: bool) -> str:
    """The path with `%0A` and `%0D` decoded, and from 1.0 on `%25`; nothing else is."""
    if "%" not in path:
        return path
    pattern = _ESCAPED if strict else _ESCAPED_OLDER
    return pattern.sub(lambda found: _PLAIN[found[1].upper()], path)


def plain_path(path: str) -> str:
    """The path without `.` and empty parts; a slash at its end stays."""
    parts = [part for part in path.split("/")[:-1] if part not in {"", "."}]
    return "/".join([*parts, path.rpartition("/")[2]])


class Names:
    """The files of a bag by name, exactly and by normalized name."""

    def __init__(self, files: Iterable[str], folders: frozenset[str]) -> None:
        self.exact = {path: path for path in files}
        self.folders = folders
        self._normalized: dict[str, list[str]] | None = None
        self._folded: dict[str, str] | None = None

    def equivalent(self, path: str) -> list[str]:
        """Files whose names are canonically equivalent to the path, exact or not."""
        if self._normalized is None:
            self._normalized = defaultdict(list)
            for name in self.exact:
                if not name.isascii():
                    self._normalized[composed(name)].append(name)
        wanted = composed(path)
        found = list(self._normalized.get(wanted, ()))
        if wanted.isascii() and wanted in self.exact:
            found.append(wanted)
        return found

    def similar(self, path: str) -> str | None:
        """A file whose name differs from the path by case, normalization or spaces at its end."""
        if self._folded is None:
            self._folded = {_folded(name): name for name in self.exact}
        found = self._folded.get(_folded(path))
        return None if found == path else found


def resolve(path: str, names: Names, *, strict: bool) -> Iterator[tuple[str, str]]:
    """The files that a written path may mean, the likeliest first, each with what was bent.

    What was bent is "" or a code: `path-not-encoded`, `path-normalization`.
    """
    decoded = decode_path(path, strict=strict)
    attempts = [(decoded, "")]
    if decoded != path:
        attempts = (
            [(decoded, ""), (path, "path-not-encoded")] if strict else [(path, ""), (decoded, "")]
        )
    for candidate, bent in attempts:
        if candidate in names.exact:
            yield names.exact[candidate], bent
    for candidate, _bent in attempts:
        equivalent = names.equivalent(candidate)
        if len(equivalent) == 1 and equivalent[0] != candidate:
            yield equivalent[0], "path-normalization"


def _folded(name: str) -> str:
    return composed(name).casefold().rstrip().replace("\\", "/")
