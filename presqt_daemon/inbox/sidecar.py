"""The options file beside a drop: read safely, and put out of the way when no zip comes."""

import errno
import os
import stat
from dataclasses import dataclass

from presqt_daemon.errors import UserFault
from presqt_daemon.inbox.names import SIDECAR_SUFFIX, unused_names
from presqt_daemon.inbox.probe import open_file
from presqt_daemon.system.files import printable_name

MAX_SIDECAR_BYTES = 64 << 10
UNUSED_AFTER_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """A side-car as it was read; `fault` is set when it cannot be used."""

    name: str
    identity: tuple[int, int]
    content: bytes = b""
    fault: UserFault | None = None


def read_sidecar(drop_name: str, folder: int) -> Sidecar | None:
    """The side-car of a drop in an open folder, None when there is none."""
    name = drop_name + SIDECAR_SUFFIX
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:  # missing, or the drop's name leaves no room for one
        return None
    identity = (status.st_dev, status.st_ino)
    if not stat.S_ISREG(status.st_mode):
        return Sidecar(name=name, identity=identity, fault=_fault(name, "it is not a plain file"))
    try:
        handle = open_file(name, folder)
    except OSError as error:
        reason = (error.strerror or "it cannot be opened").lower()
        return Sidecar(name=name, identity=identity, fault=_fault(name, reason))
    with open(handle, "rb") as stream:
        content = stream.read(MAX_SIDECAR_BYTES + 1)
    if len(content) > MAX_SIDECAR_BYTES:
        reason = f"it is larger than {MAX_SIDECAR_BYTES} bytes"
        return Sidecar(name=name, identity=identity, fault=_fault(name, reason))
    return Sidecar(name=name, identity=identity, content=content)


def remove_sidecar(sidecar: Sidecar, folder: int) -> None:
    """Take a used side-car away, or put one that cannot be used aside; not another one.

    Where that fails it stays, and is put aside when no zip has come for it.
    """
    try:
        status = os.stat(sidecar.name, dir_fd=folder, follow_symlinks=False)
        if (status.st_dev, status.st_ino) != sidecar.identity:
            return
        if sidecar.fault is None:
            os.unlink(sidecar.name, dir_fd=folder)
        else:
            put_aside(sidecar.name, folder)
    except OSError:
        return


def put_aside(name: str, folder: int) -> None:
    """Rename a side-car so that nothing will use it, over nothing else. Raises OSError."""
    for free in unused_names(name):
        try:
            os.stat(free, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            os.rename(name, free, src_dir_fd=folder, dst_dir_fd=folder)
            return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)


def _fault(name: str, reason: str) -> UserFault:
    return UserFault(
        "bad-sidecar",
        f"The side-car {printable_name(name)} cannot be used: {reason}. Mend it and drop again.",
    )
