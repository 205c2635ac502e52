"""The folders that drops are put into, opened step by step so that no link is followed."""

import contextlib
import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from presqt_daemon.model import Route
from presqt_daemon.system.files import printable_name, set_mode
from presqt_daemon.tickets.options import resource_id_from_folder

_LOCAL_TYPES = frozenset({"ext2", "ext3", "ext4", "xfs", "f2fs", "tmpfs", "ramfs", "zfs"})
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxFolder:
    """One folder that is looked at; `parts` are the names below the inbox.

    `is_target` is False for a folder directly in the inbox that is named after no target.
    """

    parts: tuple[str, ...]
    is_target: bool = True

    @property
    def route(self) -> Route:
        """Where a drop here goes; the target may be one that does not exist."""
        names = [printable_name(part) for part in self.parts]
        return Route(
            target=names[0] if names else None,
            resource_id=resource_id_from_folder(names[1]) if len(names) > 1 else None,
        )

    @property
    def known_target(self) -> str | None:
        """The target whose folder this is, or is in; None for the inbox and folders of no target.

        Among whom disk, places and log are shared: folders below do not count, for senders make
        any number of them.
        """
        return self.parts[0] if self.parts and self.is_target else None

    @property
    def shown(self) -> str:
        """The folder as a person sees it."""
        return printable_name("/".join(("inbox", *self.parts)))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPlace:
    """A place whose folder is open: `path` is where it really is, `identity` which one it is.

    `sees_writers` says that whoever writes there is a process of this machine.
    """

    place: InboxFolder
    handle: int
    path: Path
    identity: tuple[int, int]
    sees_writers: bool


def parts_below(inbox: Path, folder: str) -> tuple[str, ...] | None:
    """The names below the inbox of a folder that a record names; None for one that is not there."""
    try:
        return Path(folder).relative_to(os.path.realpath(inbox)).parts
    except ValueError:
        return None


@contextlib.contextmanager
def open_place(inbox: Path, place: InboxFolder) -> Iterator[OpenPlace]:
    """The open folder of a place. Only the inbox itself may be a link.

    Raises OSError: NotADirectoryError also for a link on the way.
    """
    handle = os.open(inbox, _FOLDER_FLAGS)
    try:
        for part in place.parts:
            inner = os.open(part, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = inner
        status = os.fstat(handle)
        path = Path(os.path.realpath(inbox)).joinpath(*place.parts)
        yield OpenPlace(
            place=place,
            handle=handle,
            path=path,
            identity=(status.st_dev, status.st_ino),
            sees_writers=_is_local(status.st_dev),
        )
    finally:
        os.close(handle)


def make_target_folder(inbox: Path, target: str) -> None:
    """Make `inbox/<target>/` where nothing of that name is, for the inbox's own group to drop into.

    Group-writable and handing on its group, whatever the umask; others may do in it what they may
    do in the inbox, but for writing. Raises OSError.
    """
    handle = os.open(inbox, _FOLDER_FLAGS)
    try:
        above = os.fstat(handle)
        others = stat.S_IMODE(above.st_mode) & (stat.S_IROTH | stat.S_IXOTH)
        mode = stat.S_IRWXU | stat.S_IRWXG | others
        try:
            os.mkdir(target, mode, dir_fd=handle)
        except FileExistsError:
            return
        with opened_inner(handle, target) as inner:
            with contextlib.suppress(PermissionError):
                os.fchown(inner, -1, above.st_gid)
            set_mode(inner, stat.S_ISGID | mode)
            is_right = os.fstat(inner).st_mode & mode == mode
        if not is_right:
            _make_with_its_mode(handle, target, mode)
    finally:
        os.close(handle)


def _make_with_its_mode(inbox: int, target: str, mode: int) -> None:
    """Make a folder anew where nobody may set the set-group-id bit (RestrictSUIDSGID=).

    There any later change of mode is refused or takes the inherited bit away, so the folder must
    have its mode as it is made; and the umask of this process is that of all its threads.
    """
    os.rmdir(target, dir_fd=inbox)
    subprocess.run(
        ["mkdir", f"/proc/self/fd/{inbox}/{target}"],
        check=False,
        capture_output=True,
        pass_fds=(inbox,),
        umask=0o777 & ~mode,
    )


def list_folder(folder: OpenPlace) -> list[os.DirEntry[str]]:
    """All entries of an open folder. Raises OSError."""
    with os.scandir(folder.handle) as entries:
        return list(entries)


@contextlib.contextmanager
def opened_inner(folder: int, name: str) -> Iterator[int]:
    """A folder in an open one, open too. Raises OSError, for a link as well."""
    inner = os.open(name, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=folder)
    try:
        yield inner
    finally:
        os.close(inner)


def is_bag(folder: int) -> bool:
    """Whether an open folder holds `bagit.txt` or a folder `data/`."""
    return _has(folder, "bagit.txt") or _has(folder, "data/")


def _has(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return True


def _is_local(device: int) -> bool:
    """Whether a device number is that of a mounted file system of this machine."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    for line in table.splitlines():
        fields, _, rest = line.partition(" - ")
        if fields.split()[2] == wanted:
            return rest.split()[0] in _LOCAL_TYPES
    return False
