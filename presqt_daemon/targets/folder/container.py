"""A deposit's own folder: made once, found again after a crash, or opened by its id."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from presqt_daemon.errors import UserFault
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import sync_folder
from presqt_daemon.targets.folder.side import PREFIX, Mark, SideFolder, read_mark
from presqt_daemon.targets.folder.walk import make_readable_folder, opened_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A container that this ticket has made; the inode tells it from another of that title."""

    title: str
    inode: int


def make(archive: Path, side: SideFolder, title: str, mode: int) -> Made:
    """A new container for files of that mode; FileExistsError when the title is taken.

    Raises OSError.
    """
    side.write_mark(Mark(title=title))
    reach("folder-intent")
    root = os.open(archive, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        status = make_readable_folder(root, title, mode)
    except FileExistsError:
        side.drop_mark()
        raise
    finally:
        os.close(root)
    reach("folder-made")
    side.write_mark(Mark(title=title, inode=status.st_ino))
    sync_folder(archive)
    return Made(title=title, inode=status.st_ino)


def find_made(archive: Path, side: SideFolder) -> Made | None:
    """The container that an earlier go has made, None when there is none.

    After a crash between making it and noting its inode, an empty folder under the intended title
    is ours, unless another ticket was making the same.
    """
    mark = side.read_mark()
    if mark is None:
        return None
    try:
        status = (archive / mark.title).lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(status.st_mode):
        return None
    made = Made(title=mark.title, inode=status.st_ino)
    if mark.inode is not None:
        return made if mark.inode == made.inode else None
    if os.listdir(archive / mark.title) or _is_wanted_by_another(archive, side, mark.title):
        return None
    side.write_mark(Mark(title=made.title, inode=made.inode))
    return made


def existing_inode(root: int, resource_id: str) -> int:
    """The inode of the container at an id, which is its path below the archive.

    Raises UserFault `resource-not-found`, `forbidden`, or `bad-request` for what is no folder.
    """
    path = PurePosixPath(resource_id)
    is_side = path.parts[:1] and path.parts[0].startswith(PREFIX)
    if not path.parts or path.is_absolute() or ".." in path.parts or is_side:
        raise not_found(resource_id)
    try:
        with opened_folder(root, path.parent) as parent:
            try:
                with opened_folder(parent, PurePosixPath(path.name)) as folder:
                    return os.fstat(folder).st_ino
            except NotADirectoryError:
                raise UserFault(
                    "bad-request", f"The Resource provided, {resource_id}, is not a container"
                ) from None
    except PermissionError:
        raise UserFault(
            "forbidden", "User does not have access to this resource with the token provided."
        ) from None
    except OSError:
        raise not_found(resource_id) from None


def not_found(resource_id: str) -> UserFault:
    """No such container."""
    return UserFault(
        "resource-not-found", f"Resource with id '{resource_id}' not found for this user."
    )


def _is_wanted_by_another(archive: Path, side: SideFolder, title: str) -> bool:
    for name in os.listdir(archive):
        if name.startswith(PREFIX) and name != side.path.name:
            mark = read_mark(archive / name)
            if mark is not None and mark.title == title:
                return True
    return False
