"""Where each file of a bag goes in the container, and whether the target can take it there."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path, PurePosixPath

from presqt_daemon.digest import digest_stream
from presqt_daemon.errors import UserFault
from presqt_daemon.model import Finding, PayloadFile
from presqt_daemon.records.payload import Payload, PayloadHead
from presqt_daemon.targets.base import Traits
from presqt_daemon.targets.names import NAMES_AS_THEY_ARE, NameRules
from presqt_daemon.units import text_from_bytes
from presqt_daemon.upload.parcels.decide import Parcel

DATA = "data"
TAGS = "bag-tags"
"""The folder beside the payload that holds the tag files under `uploads.tag_files: folder`."""

PACKED_NAME = ".packed.zip"
"""The zip's name in the ticket's folder, which no bag folder and no drop has."""

_NAMED = 5
_FOUND = 50
"""How many offending files one message names, and how many are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedBag:
    """A bag on disk: its `payload.jsonl`, and the bag's own folder."""

    payload: Payload
    root: Path

    @property
    def head(self) -> PayloadHead:
        """What the payload file begins with."""
        return self.payload.head

    @property
    def packed(self) -> Path:
        """Where the bag's zip is made when one is needed."""
        return self.root.parent / PACKED_NAME

    def parcels(self, layout: "Layout") -> Iterator[Parcel]:
        """Every payload file on its way, in the order staged."""
        for file in self.payload.files():
            yield Parcel(
                name=f"/{file.path}",
                source=self.root / DATA / file.path,
                remote=layout.remote(file.path),
                size=file.size,
                digests=file.digests,
            )


@dataclass(slots=True)
class PayloadShape:
    """What a payload is made of.

    `folders` holds those with files somewhere below them, `hollow` those without; `empty_folders`
    are the hollow ones with nothing at all in them.
    """

    files: int = 0
    size: int = 0
    top_folders: set[str] = field(default_factory=set)
    top_files: list[str] = field(default_factory=list)
    folders: set[PurePosixPath] = field(default_factory=set)
    hollow: set[PurePosixPath] = field(default_factory=set)
    empty_folders: list[PurePosixPath] = field(default_factory=list)
    largest: tuple[int, str] = (0, "")
    empty_files: list[str] = field(default_factory=list)


def shape_of_payload(files: Iterable[PayloadFile], folders: Iterable[str]) -> PayloadShape:
    """One look at every payload path; `folders` names those that the paths may not show."""
    found = PayloadShape()
    for file in files:
        found.files += 1
        found.size += file.size
        found.largest = max(found.largest, (file.size, f"/{file.path}"))
        if file.size == 0:
            found.empty_files.append(f"/{file.path}")
        if len(file.path.parts) > 1:
            found.top_folders.add(file.path.parts[0])
        else:
            found.top_files.append(str(file.path))
        _add_with_parents(file.path.parent, found.folders)
    for name in folders:
        _add_with_parents(PurePosixPath(name), found.hollow)
    found.hollow -= found.folders
    found.empty_folders = sorted(found.hollow - {path.parent for path in found.hollow})
    found.top_folders.update(path.parts[0] for path in found.hollow)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How payload paths become paths in the container.

    `stripped` is the top folder whose content goes there without it; `prefix` stands before all.
    `tags` is the folder of the tag files, where those are sent. `names` is what the target does to
    names: a path in the container is the one under which it stores.
    """

    stripped: str | None = None
    prefix: PurePosixPath = PurePosixPath()
    tags: PurePosixPath = PurePosixPath()
    names: NameRules = NAMES_AS_THEY_ARE

    def remote(self, path: PurePosixPath) -> PurePosixPath:
        """Where a payload path goes; no parts for the stripped folder itself."""
        return self.names.stored(self.place(path))

    def place(self, path: PurePosixPath) -> PurePosixPath:
        """The same, for a target that would alter no name."""
        if self.stripped is not None and path.parts[:1] == (self.stripped,):
            path = PurePosixPath(*path.parts[1:])
        return self.prefix / path


def layout_for(found: PayloadShape, *, is_new: bool, keeps_bag: bool, bag_folder: str) -> Layout:
    """Where payload paths go, by PresQT's rule.

    A new resource gets the content of the payload's only top folder, an existing container gets
    everything below `data/`. A bag that is kept whole stands in a new container as it is, and in an
    existing one below its own name, so that two bags never mix.
    """
    if keeps_bag:
        place = PurePosixPath() if is_new else PurePosixPath(bag_folder)
        return Layout(prefix=place / DATA, tags=place)
    if is_new and len(found.top_folders) == 1 and not found.top_files:
        return Layout(stripped=next(iter(found.top_folders)))
    return Layout()


def tags_beside(
    layout: Layout, paths: Iterable[PurePosixPath], *, is_new: bool, bag_folder: str
) -> Layout:
    """The same layout with a folder for the tag files in which no path of the payload lies.

    It is `bag-tags`, or `bag-tags-2` and so on where the payload has that itself. In an existing
    container there is one folder in it for each bag, so that two bags never mix.
    """
    taken = {part.casefold() for path in paths for part in layout.remote(path).parts[:1]}
    names = (TAGS if number == 1 else f"{TAGS}-{number}" for number in count(1))
    folder = PurePosixPath(next(name for name in names if name not in taken))
    return replace(layout, tags=folder if is_new else folder / bag_folder)


def remote_folders(
    found: PayloadShape, layout: Layout, tags: Iterable[Parcel] = (), *, with_empty: bool
) -> list[PurePosixPath]:
    """Every folder that the container needs, parents first."""
    wanted: set[PurePosixPath] = set()
    for path in found.folders | found.hollow if with_empty else found.folders:
        _add_with_parents(layout.remote(path), wanted)
    _add_with_parents(layout.prefix, wanted)
    for tag in tags:
        _add_with_parents(tag.remote.parent, wanted)
    return sorted(wanted, key=lambda path: (len(path.parts), path))


def tag_parcels(layout: Layout, bag_root: Path, algorithms: tuple[str, ...]) -> list[Parcel]:
    """The bag's tag files on their way, with digests taken now."""
    found = []
    for source in _tag_files(bag_root):
        path, size = PurePosixPath(source.relative_to(bag_root)), source.lstat().st_size
        with open(source, "rb", buffering=0) as stream:
            digests = digest_stream(stream, algorithms, size)
        remote = layout.tags / path
        found.append(
            Parcel(name=str(path), source=source, remote=remote, size=size, digests=digests)
        )
    return sorted(found, key=lambda parcel: parcel.name)


def refuse_unfit(
    traits: Traits,
    target: str,
    *,
    files: int,
    largest: tuple[int, str],
    empty_files: list[str],
) -> None:
    """UserFault when the target cannot take the files, before anything is created there."""
    limit = traits.max_file_bytes
    if limit is not None and largest[0] > limit:
        raise UserFault(
            "too-large",
            f"{largest[1]} has {text_from_bytes(largest[0])}; {target} takes files of at most "
            f"{text_from_bytes(limit)}.",
        )
    if traits.max_files is not None and files > traits.max_files:
        raise UserFault(
            "too-large",
            f"The bag has {files} files; {target} takes at most {traits.max_files}.",
        )
    if empty_files and not traits.takes_empty_files:
        raise UserFault(
            "bad-request",
            f"{target} takes no empty files, and nothing was sent: remove {named(empty_files)} "
            "and bag it again, or drop the bag for a target that takes them.",
            findings=tuple(
                Finding(code="empty-file", path=name, message=f"{name} is empty.")
                for name in empty_files[:_FOUND]
            ),
            findings_total=len(empty_files),
        )


def named(names: list[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _add_with_parents(path: PurePosixPath, into: set[PurePosixPath]) -> None:
    while path.parts and path not in into:
        into.add(path)
        path = path.parent


def _tag_files(bag_root: Path) -> Iterator[Path]:
    """Every regular file of a bag outside its payload, links not followed."""
    waiting = [bag_root]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                path = Path(entry.path)
                if path == bag_root / DATA:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                elif entry.is_file(follow_symlinks=False):
                    yield path
