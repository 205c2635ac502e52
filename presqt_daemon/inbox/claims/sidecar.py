"""The options file beside a drop: found by any of its names, read safely, put out of the way."""

import errno
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from presqt_daemon.errors import UserFault
from presqt_daemon.inbox.files.names import (
    SIDECAR_SUFFIX,
    is_zip_name,
    near_sidecar_stem,
    plain_zip_name,
    same_name,
    sidecar_stem,
    unused_names,
)
from presqt_daemon.inbox.files.ownership import NotOwnError, open_own
from presqt_daemon.system.files import printable_name
from presqt_daemon.tickets.options import bad_sidecar

MAX_SIDECAR_BYTES = 64 << 10
UNUSED_AFTER_SECONDS = 3600.0
LATE_AFTER_SECONDS = 5.0
"""Beside the note of a zip of this name; it may be meant for the next one, which is on its way."""


class SidecarNames:
    """Which names of a folder are side-cars, or nearly, of which drop."""

    def __init__(self, names: Iterable[str]) -> None:
        self._exact: defaultdict[str, list[str]] = defaultdict(list)
        self._near: defaultdict[str, list[str]] = defaultdict(list)
        self._there: set[str] = set()
        for name in names:
            self._there.add(same_name(name))
            if (near := near_sidecar_stem(name)) is None or name.startswith("."):
                continue
            self._near[near].append(name)
            if (stem := sidecar_stem(name)) is not None:
                self._exact[stem].append(name)

    def exact(self, drop_name: str) -> list[str]:
        """The side-cars of a drop: `.yaml` or `.yml` behind its whole name, or its `same_name`."""
        return sorted(self._exact.get(same_name(drop_name), ()))

    def near(self, drop_name: str) -> list[str]:
        """What may have been meant for a drop's side-car under another name.

        `x.zip.yaml` is for `x.zip` where that lies there too, else for `x.zip.zip`.
        """
        if not is_zip_name(drop_name):
            return []
        own = same_name(drop_name)
        return sorted(
            name
            for name in self._near.get(plain_zip_name(drop_name), ())
            if (stem := sidecar_stem(name)) is None
            or not (stem == own or (is_zip_name(stem) and stem in self._there))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """A side-car as it was read; `fault` is set when it cannot be used.

    `names` are all files that count as it, with their inodes.
    """

    names: tuple[tuple[str, int], ...]
    content: bytes = b""
    fault: UserFault | None = None


def names_in(folder: int) -> SidecarNames:
    """The side-cars in an open folder. Raises OSError."""
    return SidecarNames(os.listdir(folder))


def read_sidecar(drop_name: str, owner: int, folder: int, names: SidecarNames) -> Sidecar | None:
    """The side-car of a drop in an open folder, None when there is none.

    It counts when the drop's owner or root wrote it; whatever else lies there refuses the drop.
    """
    exact, near = names.exact(drop_name), names.near(drop_name)
    found = _with_inodes((*exact, *near), folder)
    if not found:
        return None
    name = found[0][0]
    right = printable_name(drop_name + SIDECAR_SUFFIX)
    wrong = next((one for one, _ in found if one in near), None)
    if wrong is not None:
        return Sidecar(names=found, fault=_misnamed(wrong, right))
    if len(found) > 1:
        both = " and ".join(printable_name(one) for one, _ in found)
        fault = UserFault(
            "bad-sidecar",
            f"There is more than one side-car: {both}. Leave one of them and drop again.",
        )
        return Sidecar(names=found, fault=fault)
    try:
        handle = open_own(name, folder, {owner})
    except NotOwnError as error:
        return Sidecar(names=found, fault=bad_sidecar(printable_name(name), str(error)))
    except OSError as error:
        reason = (error.strerror or "it cannot be opened").lower()
        return Sidecar(names=found, fault=bad_sidecar(printable_name(name), reason))
    with open(handle, "rb") as stream:
        content = stream.read(MAX_SIDECAR_BYTES + 1)
    if len(content) > MAX_SIDECAR_BYTES:
        return Sidecar(
            names=found,
            fault=bad_sidecar(printable_name(name), f"it is larger than {MAX_SIDECAR_BYTES} bytes"),
        )
    return Sidecar(names=found, content=content)


def remove_sidecar(sidecar: Sidecar, folder: int) -> None:
    """Take a used side-car away, or put one that cannot be used aside; not another one.

    Where that fails it stays, and is put aside when no zip has come for it.
    """
    for name, inode in sidecar.names:
        try:
            if os.stat(name, dir_fd=folder, follow_symlinks=False).st_ino != inode:
                continue
            if sidecar.fault is None:
                os.unlink(name, dir_fd=folder)
            else:
                put_aside(name, folder)
        except OSError:
            continue


def put_aside(name: str, folder: int) -> None:
    """Rename a side-car so that nothing will use it, over nothing else. Raises OSError."""
    for free in unused_names(name):
        try:
            os.stat(free, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            os.rename(name, free, src_dir_fd=folder, dst_dir_fd=folder)
            return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)


def _with_inodes(names: tuple[str, ...], folder: int) -> tuple[tuple[str, int], ...]:
    found = []
    for name in names:
        try:
            found.append((name, os.stat(name, dir_fd=folder, follow_symlinks=False).st_ino))
        except OSError:  # it went away
            continue
    return tuple(found)


def _misnamed(name: str, right: str) -> UserFault:
    return UserFault(
        "bad-sidecar",
        f"{printable_name(name)} looks like this drop's options, but a side-car must be called "
        f"{right}: rename it and drop again.",
    )
