"""Opening, listing and placing below a directory, following no link at any step."""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from presqt_daemon.system.files import folder_mode, set_mode
from presqt_daemon.targets.base import Item

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def opened_folder(root: int, path: PurePosixPath) -> Iterator[int]:
    """A descriptor of the folder at `path` below `root`. Raises OSError."""
    if path.is_absolute() or ".." in path.parts:
        raise NotADirectoryError(errno.ENOTDIR, "it is out of the archive", str(path))
    handle = os.dup(root)
    try:
        for part in path.parts:
            inner = os.open(part, _FOLDER, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def make_readable_folder(parent: int, name: str, mode: int) -> os.stat_result:
    """Make a folder for files of that mode; FileExistsError when the name is taken."""
    # with its mode from the start: a sandbox may refuse a later change of a folder that hands on
    # its group
    os.mkdir(name, folder_mode(mode), dir_fd=parent)
    handle = os.open(name, _FOLDER, dir_fd=parent)
    try:
        set_mode(handle, folder_mode(mode))
        return os.fstat(handle)
    finally:
        os.close(handle)


def list_below(folder: int) -> dict[PurePosixPath, Item]:
    """Every file and folder below an open folder; what is neither has no size."""
    found: dict[PurePosixPath, Item] = {}
    waiting = [PurePosixPath()]
    while waiting:
        base = waiting.pop()
        with opened_folder(folder, base) as handle, os.scandir(handle) as entries:
            for entry in entries:
                path = base / entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                found[path] = item_from_status(path, entry.stat(follow_symlinks=False))
    return found


def item_from_status(path: PurePosixPath, status: os.stat_result) -> Item:
    """What stands at a path; what is neither file nor folder has no size."""
    if stat.S_ISDIR(status.st_mode):
        return Item(path=path, is_folder=True)
    return Item(path=path, size=status.st_size if stat.S_ISREG(status.st_mode) else None)


def remove_below(folder: int) -> None:
    """Remove everything in an open folder, following no link. Raises OSError."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if is_folder:
            shutil.rmtree(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)


def place_new(side: int, source: str, parent: int, name: str) -> None:
    """Move a file of the folder `side` to a name that must be free; else FileExistsError."""
    try:
        os.link(source, name, src_dir_fd=side, dst_dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        place_reserved(side, source, parent, name)
    else:
        os.unlink(source, dir_fd=side)


def place_reserved(side: int, source: str, parent: int, name: str) -> None:
    """The same where the file system knows no hard links: an empty file keeps the name free."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(name, flags, 0o600, dir_fd=parent))
    os.rename(source, name, src_dir_fd=side, dst_dir_fd=parent)
