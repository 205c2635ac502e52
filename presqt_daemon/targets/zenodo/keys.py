"""The keys of files in a draft: what stands where, and under which key a new content goes.

No content can take the place of another (InvenioRDM has no step for it), so the packed bag has
eight characters of its own md5 in its key: `Project.presqt.zip` is stored as
`Project.1b2f44d0.presqt.zip`, and a newer one beside it. Every other name is kept, and a content
that shall replace another waits beside it under a spare key of the same form. A key is read in
that way only where the digest in it is that of the content, so nobody's file is taken for another.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from presqt_daemon.targets.base import Container, Item, Sending
from presqt_daemon.targets.web.given import GivenAddresses
from presqt_daemon.targets.web.http import Http

PACKED = ".presqt.zip"
LONGEST_KEY = 255
"""Characters; InvenioRDM begins a file with a longer key and then refuses its content with 400
"Filename is too long." (InvenioRDM 14.0.5)."""

RECORD = "PRESQT_FTS_METADATA"
"""In the name of PresQT's record of uploads, and of one that was kept since it was invalid."""

_FORMS = "forms"
_LENGTHS = (8, 12, 16, 24, 32)
"""Characters of the md5; the longer ones are ways out where a shorter key cannot be had."""

_KEY = re.compile(r"(.+)\.([0-9a-f]{8,32})((?:\.presqt\.zip)|(?:\.[^.]*))", re.DOTALL)


NO_KEYS: Mapping[str, PurePosixPath] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A complete file as the server lists it; `created` orders them, empty where it is not told."""

    key: str
    size: int | None
    digests: Mapping[str, str] = field(default_factory=dict)
    created: str = ""

    @property
    def md5(self) -> str | None:
        return self.digests.get("md5")


def keys_for(path: PurePosixPath, md5: str) -> Iterator[str]:
    """Keys with the digest in them, the usual one first; each is ours by its digest."""
    name = str(path)
    suffix = PACKED if name.endswith(PACKED) else path.suffix
    stem = name[: len(name) - len(suffix)]
    for length in _LENGTHS:
        ending = f".{md5[:length]}{suffix}"
        yield stem[: LONGEST_KEY - len(ending)] + ending


def has_digest_in_key(path: PurePosixPath) -> bool:
    """Whether files of this name always stand under a key with their digest."""
    return path.name.endswith(PACKED)


def _path_of(file: StoredFile, ours: Mapping[str, PurePosixPath]) -> PurePosixPath:
    """The path that was asked for when the file was stored under its key."""
    if file.key in ours:
        return ours[file.key]
    found = _KEY.fullmatch(file.key)
    if found is not None and file.md5 is not None and file.md5.startswith(found[2]):
        return PurePosixPath(found[1] + found[3])
    return PurePosixPath(file.key)


def forms_of(
    path: PurePosixPath, files: Iterable[StoredFile], ours: Mapping[str, PurePosixPath] = NO_KEYS
) -> list[StoredFile]:
    """The files that stand for a path: under its plain name first, then the oldest.

    `ours` are keys that we have given ourselves, whatever content stands there now.
    """
    found = [file for file in files if path in {_path_of(file, ours), PurePosixPath(file.key)}]
    return sorted(found, key=lambda file: (file.key != str(path), file.created))


def items_of(
    files: Iterable[StoredFile], ours: Mapping[str, PurePosixPath] = NO_KEYS
) -> dict[PurePosixPath, Item]:
    """Every file by its own key, and by the path that was asked for where that is another.

    Of several files that stand for one path the first form is at the path, so that an update that
    was interrupted goes on.
    """
    files = list(files)
    found: dict[PurePosixPath, Item] = {}
    for path in {_path_of(file, ours) for file in files}:
        first, *others = forms_of(path, files, ours)
        found[path] = item_of(path, first, (first, *others))
    for file in files:
        key = PurePosixPath(file.key)
        path = _path_of(file, ours)
        shown = found[path]
        found.setdefault(key, shown if shown.path == key else item_of(path, file, (file,)))
    return found


def left_spares(files: Iterable[StoredFile]) -> list[str]:
    """Keys of our own records of uploads that were replaced, and stand there still.

    A kill between the last two steps of a replacement leaves one; its content is in the record.
    """
    files = list(files)
    keys = {file.key for file in files}
    return [
        file.key
        for file in files
        if (name := str(_path_of(file, NO_KEYS))) != file.key
        and name in keys
        and RECORD in name
        and name.endswith(".json")
    ]


def item_of(path: PurePosixPath, file: StoredFile, forms: Iterable[StoredFile]) -> Item:
    """A file that stands for a path; `forms` are all that an update would let go."""
    rows = [[form.key, form.md5] for form in forms]
    key = PurePosixPath(file.key)
    return Item(
        path=key,
        size=file.size,
        digests=file.digests,
        state={_FORMS: json.dumps(rows)},
        asked=path if path != key else None,
    )


def let_go_with(item: Item | None) -> dict[str, str | None]:
    """Key and md5 of every file that an update of this item replaces."""
    if item is None:
        return {}
    rows = json.loads(item.state.get(_FORMS, "[]"))
    return {str(key): md5 for key, md5 in rows} or {str(item.path): item.digests.get("md5")}


def is_our_key(key: str) -> bool:
    """Whether a key has our form, that of an unfinished file too; nobody else makes such ones."""
    return _KEY.fullmatch(key) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedPut:
    """One content on its way into a draft: its md5, and keys and md5s of what it replaces."""

    container: Container
    file: Sending
    md5: str
    old: Mapping[str, str | None]


class KeyedFiles(ABC):
    """The files of drafts; remembers which keys this connection has given.

    What is replaced goes only when the new content is there with its digest, so that at every
    moment one of them is there whole.
    """

    def __init__(self, http: Http) -> None:
        self._http = http
        self._given = GivenAddresses(http.target)
        self._ours: dict[str, dict[str, PurePosixPath]] = {}

    @abstractmethod
    def listing(self, container: Container) -> dict[PurePosixPath, Item]:
        """The files that are complete. Raises UserFault `resource-gone`."""

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        """What stands for a path; one request, since the server lists a draft's files at once."""
        return self.listing(container).get(path)

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        """Store a file; what it replaces is let go when the new one is there with its digest.

        Raises FileExistsError when another content stands for the path and is not to be replaced.
        """
        md5 = file.digest("md5")
        old = let_go_with(replaces)
        stored = self._store(KeyedPut(container=container, file=file, md5=md5, old=old))
        if stored.md5 != md5:
            # judged, and sent again, by whoever asked for it: all that it replaces still stands
            kept = [
                StoredFile(key=key, size=None, digests={"md5": known} if known else {})
                for key, known in old.items()
                if key != stored.key
            ]
            return item_of(file.path, stored, (stored, *kept))
        for key, known in old.items():
            if key != stored.key:
                self._let_go(container, key, known)
        return item_of(file.path, stored, (stored,))

    def content(self, container: Container, item: Item) -> bytes:
        """The bytes of a stored file."""
        key = str(item.path)
        url = self._content_url(container, key)
        return self._http.ask("GET", url, doing=f"the content of {key}").content

    @abstractmethod
    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        """The md5 that the server has taken of a file; empty where there is none."""

    @abstractmethod
    def _store(self, put: KeyedPut) -> StoredFile:
        """The file as it is stored now."""

    @abstractmethod
    def _let_go(self, container: Container, key: str, known: str | None) -> None:
        """Remove what has been replaced, unless it is another content by now."""

    @abstractmethod
    def _content_url(self, container: Container, key: str) -> str:
        """Where the bytes of a complete file are read."""

    def _refuse_taken(self, put: KeyedPut, there: Iterable[StoredFile]) -> None:
        """FileExistsError where another content stands for a path at which nothing was listed.

        One whose digest the server is still taking may be ours.
        """
        forms = forms_of(put.file.path, there, self._keys(put.container))
        if not put.old and any(form.md5 not in {put.md5, None} for form in forms):
            raise FileExistsError(str(put.file.path))

    def _keys(self, container: Container) -> dict[str, PurePosixPath]:
        """The keys that this connection has given, and the paths for which they stand."""
        return self._ours.setdefault(container.id, {})
