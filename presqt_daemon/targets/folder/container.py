"""A deposit's own folder: made once, found again after a crash, or opened by its id."""

import errno
import os
from pathlib import PurePosixPath

from presqt_daemon.errors import UserFault
from presqt_daemon.system.failpoints import reach
from presqt_daemon.targets.folder import PREFIX
from presqt_daemon.targets.folder.owned import is_of_ours
from presqt_daemon.targets.folder.side import SideFolder, SideMark, wanted_title
from presqt_daemon.targets.folder.walk import make_readable_folder, opened_folder


def make(root: int, side: SideFolder, title: str, mode: int) -> SideMark:
    """A new container for files of that mode; FileExistsError when the title is taken.

    Raises OSError.
    """
    side.write_intent(title)
    reach("folder-intent")
    try:
        status = make_readable_folder(root, title, mode)
    except FileExistsError:
        side.drop_mark()
        raise
    reach("folder-made")
    if status.st_uid != os.fstat(side.handle).st_uid:
        # somebody has put a folder of theirs in its place in that moment
        side.drop_mark()
        raise FileExistsError(title)
    return side.write_made(title, status.st_ino)


def find_made(root: int, side: SideFolder) -> SideMark | None:
    """The container that an earlier go has made, None when there is none.

    After a crash between making it and noting its inode, an empty folder under the intended title
    is ours when it has our owner and is not older than the intent, unless another ticket was making
    the same. Nobody else can give a folder to us, and the intent is in a folder closed to them.
    """
    mark = side.read_mark()
    if mark is None:
        return None
    try:
        with opened_folder(root, PurePosixPath(mark.title)) as folder:
            status = os.fstat(folder)
            is_empty = not os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise
    is_ours = status.st_uid == os.fstat(side.handle).st_uid
    if mark.inode is not None:
        return mark if is_ours and mark.inode == status.st_ino else None
    is_new = status.st_ctime_ns >= mark.noted_ns
    if not (is_ours and is_new and is_empty) or _is_wanted_by_another(root, side, mark.title):
        return None
    return side.write_made(mark.title, status.st_ino)


def existing(root: int, resource_id: str) -> os.stat_result:
    """What the file system says of the container at an id, which is its path below the archive.

    Raises UserFault `resource-not-found`, `forbidden`, or `bad-request` for what is no folder.
    """
    path = PurePosixPath(resource_id)
    is_side = path.parts[:1] and is_of_ours(path.parts[0])
    if not path.parts or path.is_absolute() or ".." in path.parts or is_side:
        raise not_found(resource_id)
    try:
        with opened_folder(root, path.parent) as parent:
            try:
                with opened_folder(parent, PurePosixPath(path.name)) as folder:
                    return os.fstat(folder)
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


def _is_wanted_by_another(root: int, side: SideFolder, title: str) -> bool:
    return any(
        wanted_title(root, name) == title
        for name in os.listdir(root)
        if name.startswith(PREFIX) and name != side.name
    )
