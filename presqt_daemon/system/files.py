"""Files that survive a crash: atomic replacement, durable renames, exclusive creation."""

import contextlib
import ctypes
import errno
import functools
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

_AT_FDCWD = -100
_NEW_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_RENAME_NOREPLACE = 1
_ALL_RIGHTS = os.R_OK | os.W_OK | os.X_OK
_MAX_SECRET_BYTES = 64 << 10
_libc = ctypes.CDLL(None, use_errno=True)

NO_FILE = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EINVAL}
)
"""What says that there is no regular file, rather than that it cannot be read now."""


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Make a file's content durable. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fdatasync(handle)
    finally:
        os.close(handle)


def open_regular(path: Path, *, writing: bool = False) -> BinaryIO:
    """A regular file, open for reading (`writing`: for both); follows no link, waits for no pipe.

    Raises FileNotFoundError where there is nothing, OSError for anything but a regular file.
    """
    flags = os.O_RDWR if writing else os.O_RDONLY
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return open(handle, "r+b" if writing else "rb")


def read_secret(place: Path) -> str:
    """The text of a file with a token or addresses, 64 KiB of it at most. Raises OSError.

    Waits for no pipe. Links are followed: who mounts secrets often makes one.
    """
    handle = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as stream:
        return stream.read(_MAX_SECRET_BYTES).decode("utf-8", "replace")


def give_to_owner(handle: int, folder: Path) -> None:
    """Let what root makes in another's folder belong to that one, who goes on with it.

    Does nothing for anybody else, and in root's own folders. Raises OSError.
    """
    if os.geteuid() == 0 and (owner := _owner_of(folder))[0] != 0:
        os.fchown(handle, *owner)


@functools.lru_cache(maxsize=64)
def _owner_of(folder: Path) -> tuple[int, int]:
    """Whose a folder is, asked once: it changes hands only while nobody works in it."""
    status = folder.stat()
    return status.st_uid, status.st_gid


def make_folder(folder: Path, mode: int = 0o755) -> None:
    """Make a folder and those above it, as far as they are missing; root makes them another's too.

    The mode is what is given, whatever the umask; those above it get 0755. What is there keeps its
    own. Raises OSError, FileExistsError for a name that something else has.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir(mode)
    except FileExistsError:
        if not folder.is_dir():
            raise
        return
    handle = os.open(folder, _FOLDER_FLAGS)
    try:
        give_to_owner(handle, folder.parent)
        # after the owner: a change of owner takes the set-group-id bit away
        set_mode(handle, mode)
    finally:
        os.close(handle)


def folder_mode(mode: int) -> int:
    """The mode of a folder for files of that mode: who may read them may enter it."""
    return mode | stat.S_IRWXU | (mode & 0o444) >> 2


def set_mode(handle: int, mode: int) -> None:
    """Give an open folder this mode; one that hands on its group goes on doing so.

    A mount that keeps no modes (FAT, many shares) is left as it is: its own options decide there.
    """
    before = stat.S_IMODE(os.fstat(handle).st_mode)
    wanted = mode | (before & stat.S_ISGID)
    if before != wanted:
        with contextlib.suppress(PermissionError):
            os.fchmod(handle, wanted)


def replace_file(
    path: Path,
    content: bytes,
    *,
    mode: int = 0o644,
    durable: bool = True,
    writer: str = "",
    before_naming: Callable[[], None] = lambda: None,
) -> None:
    """Replace a file as a whole: a reader sees the old content or the new one.

    The temporary name is `.<name><writer>.tmp`, so what a crash leaves stays bounded. What
    `before_naming` raises is passed on, and nothing has been replaced.
    Not durable: a power loss may bring the old content back, or leave a torn one (XFS).
    """
    temporary = path.with_name(f".{path.name}{writer}.tmp")
    handle = open_new(temporary, mode)
    try:
        try:
            os.fchmod(handle, mode)
            give_to_owner(handle, path.parent)
            write_all(handle, content)
            if durable:
                os.fsync(handle)
        finally:
            os.close(handle)
        before_naming()
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def open_new(path: Path, mode: int) -> int:
    """A descriptor of a new file under a name of ours, for writing; what lies there is removed.

    It is made anew each time, since that may be a pipe or a folder, or have other names.
    """
    try:
        return os.open(path, _NEW_FLAGS, mode)
    except FileExistsError:
        remove_tree(path)
        return os.open(path, _NEW_FLAGS, mode)


def write_all(handle: int, content: bytes) -> None:
    """Write all of the content; a full disk may take only a part at once."""
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]


def create_file(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Create a file that must not exist yet, following no link, durably.

    Raises FileExistsError when the name is taken, by whatever.
    """
    handle = os.open(path, _NEW_FLAGS, mode)
    try:
        os.fchmod(handle, mode)
        write_all(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)
    sync_folder(path.parent)


def rename_durably(source: Path, destination: Path) -> None:
    """Rename and make both folders' names durable."""
    os.rename(source, destination)
    sync_folder(destination.parent)
    if source.parent != destination.parent:
        sync_folder(source.parent)


def rename_to_free(
    source: str, destination: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None
) -> None:
    """Rename, unless the new name is taken by whatever: then FileExistsError. Raises OSError.

    One step where the file system can (renameat2); elsewhere a link, then an unlink.
    """
    result = _libc.renameat2(
        _AT_FDCWD if src_dir_fd is None else src_dir_fd,
        os.fsencode(source),
        _AT_FDCWD if dst_dir_fd is None else dst_dir_fd,
        os.fsencode(destination),
        _RENAME_NOREPLACE,
    )
    if result == 0:
        return
    number = ctypes.get_errno()
    if number not in {errno.EINVAL, errno.ENOSYS}:
        raise OSError(number, os.strerror(number), source, None, destination)
    os.link(
        source, destination, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, follow_symlinks=False
    )
    os.unlink(source, dir_fd=src_dir_fd)


def json_bytes(value: Any) -> bytes:
    """UTF-8 JSON with a 4-space indent and a final newline."""
    return (json.dumps(value, indent=4, ensure_ascii=False) + "\n").encode("utf-8")


def printable_name(name: str) -> str:
    """A file name as text that every encoder takes: bytes that are not UTF-8 become `\\xNN`."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def free_bytes(folder: Path) -> int:
    """Bytes an unprivileged process may still write on the folder's file system."""
    figures = os.statvfs(folder)
    return figures.f_bavail * figures.f_frsize


def is_same_file(first: os.stat_result, second: os.stat_result) -> bool:
    """Whether two stat results describe one unchanged file (same inode, size, mtime, ctime)."""
    return _identity(first) == _identity(second)


def _identity(one: os.stat_result) -> tuple[int, ...]:
    return one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns


def remove_tree(folder: Path) -> None:
    """Remove a folder and all below it; a missing one is fine. Follows no link."""
    try:
        try:
            _remove(os.fspath(folder), None)
        except PermissionError:
            _open_up(folder)
            _remove(os.fspath(folder), None)
    except FileNotFoundError:
        if os.path.lexists(folder):
            raise


def _remove(name: str, above: int | None) -> None:
    """Remove a name of an open folder, whatever it is; of a folder first what it holds.

    By two calls fewer a folder than `shutil.rmtree`: each is a round trip where a share holds it.
    """
    try:
        handle = os.open(name, _FOLDER_FLAGS, dir_fd=above)
    except OSError as error:
        if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
            raise
        os.unlink(name, dir_fd=above)
        return
    try:
        with os.scandir(handle) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for inner, is_folder in found:
            if is_folder:
                _remove(inner, handle)
            else:
                os.unlink(inner, dir_fd=handle)
    finally:
        os.close(handle)
    os.rmdir(name, dir_fd=above)


def _open_up(folder: Path) -> None:
    """Give back the rights that removing needs, where somebody took them."""
    if not os.access(folder, _ALL_RIGHTS):
        folder.chmod(0o700)
    for base, folders, _files in os.walk(folder):
        for name in folders:
            path = os.path.join(base, name)
            if not os.path.islink(path) and not os.access(path, _ALL_RIGHTS):
                os.chmod(path, 0o700)
