"""A bag as one stored zip, for targets that keep no folders (PresQT's finite depth)."""

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from presqt_daemon.digest import BLOCK_BYTES
from presqt_daemon.upload.parcels.body import local_digests, open_body
from presqt_daemon.upload.parcels.decide import Parcel
from presqt_daemon.upload.parcels.layout import Layout, PayloadShape, StagedBag, tag_parcels

FALLBACK_ALGORITHM = "sha512"
"""What our own digests are in where neither target nor staging names an algorithm."""

SUFFIX = ".presqt.zip"
LONGEST_NAME = 240
"""Bytes; targets take 255 characters or bytes, and may need some for a digest in the name."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""One date for all entries, so that packing again gives the same bytes and the same digest."""


def packed_name(found: PayloadShape) -> str:
    """How PresQT reports the zip: `/Project/Project.presqt.zip`.

    Where the payload has no folder, its first file gives the name: `/file.presqt.zip`. A name that
    would be too long for a target is cut, and has a digest of the whole one at its end.
    """
    if found.top_folders:
        first = min(found.top_folders)
        return f"/{first}/{_fitting(first)}{SUFFIX}"
    return f"/{_fitting(min(found.top_files))}{SUFFIX}"


def pack(
    staged: StagedBag, found: PayloadShape, algorithms: tuple[str, ...], beat: Callable[[], None]
) -> Parcel:
    """Write the zip, replacing an older one; the parcel that is sent in place of the files.

    The bag's folder stands at the zip's root, so that the zip can be dropped again. Raises
    PayloadSpoilt when a payload file no longer has its digest. `beat` is called block by block.
    """
    bag_folder = staged.head.bag.folder
    with open(staged.packed, "wb") as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for path, parcel in _entries(staged):
                entry = zipfile.ZipInfo(path, _EPOCH)
                entry.create_system = 3
                entry.external_attr = 0o100644 << 16
                entry.file_size = parcel.size
                with (
                    open_body(parcel, None, lambda _position: beat()) as body,
                    archive.open(entry, "w") as member,
                ):
                    while block := body.read(BLOCK_BYTES):
                        member.write(block)
            for folder in found.empty_folders:
                entry = zipfile.ZipInfo(f"{bag_folder}/data/{folder}/", _EPOCH)
                entry.create_system = 3
                entry.external_attr = (0o40755 << 16) | 0x10
                archive.writestr(entry, b"")
        stream.flush()
        os.fsync(stream.fileno())
    packed = parcel_of(staged.packed, packed_name(found), staged.packed.stat().st_size, {})
    return replace(packed, digests=local_digests(packed, algorithms, lambda _count: beat()))


def parcel_of(zip_file: Path, name: str, size: int, digests: Mapping[str, str]) -> Parcel:
    """A packed bag on its way: to the top of the container, by the last part of its name."""
    remote = PurePosixPath(PurePosixPath(name).name)
    return Parcel(name=name, source=zip_file, remote=remote, size=size, digests=digests)


def _fitting(name: str) -> str:
    """The name, at most so long that the packed bag's has LONGEST_NAME bytes."""
    most = LONGEST_NAME - len(SUFFIX)
    encoded = os.fsencode(name)
    if len(encoded) <= most:
        return name
    mark = f"~{hashlib.sha256(encoded).hexdigest()[:8]}"
    return encoded[: most - len(mark)].decode(errors="ignore") + mark


def _entries(staged: StagedBag) -> Iterator[tuple[str, Parcel]]:
    bag_folder = staged.head.bag.folder
    for parcel in tag_parcels(Layout(), staged.root, (FALLBACK_ALGORITHM,)):
        yield f"{bag_folder}/{parcel.name}", parcel
    for parcel in staged.parcels(Layout()):
        yield f"{bag_folder}/data{parcel.name}", parcel
