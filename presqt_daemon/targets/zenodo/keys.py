"""The keys of files in a draft: what stands where, and under which key a new content goes.

No content can take the place of another (InvenioRDM has no step for it), so the packed bag has
eight characters of its own md5 in its key: `Project.presqt.zip` is stored as
`Project.1b2f44d0.presqt.zip`, and a newer one beside it. Every other name is kept, and a content
that shall replace another waits beside it under a spare key of the same form. A key is read in
that way only where the digest in it is that of the content, so nobody's file is taken for another.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from presqt_daemon.targets.base import Item

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
