"""A claim that has no drop is taken back, whoever made it and may yet go on with it.

That one may be frozen between two steps, its host with it, and thaw at any moment. All that it can
still do then is the one step before which it was frozen: a rename of the drop into this folder, of
whose name or handle it knows. So the folder is emptied and removed, which fails exactly when the
drop has come first; afterwards the rename fails.
"""

import contextlib
import errno
import os
from pathlib import Path

from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import remove_tree
from presqt_daemon.tickets.store import NEW_PREFIX, TicketFolder, Uploads, is_ticket

UNDONE_PREFIX = ".undone-"
_TRIES = 20
_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST})


def undo_claim(uploads: Uploads, folder: TicketFolder, zip_name: str) -> bool:
    """Remove a claim's folder; False where its drop has come meanwhile: then it is as it was.

    Raises OSError; it may be repeated.
    """
    aside = uploads.root / f"{UNDONE_PREFIX}{folder.ticket}"
    aside.mkdir(exist_ok=True)
    for _ in range(_TRIES):
        try:
            names = os.listdir(folder.path)
        except FileNotFoundError:
            break
        if zip_name in names:
            _move_all(aside, folder.path)
            aside.rmdir()
            return False
        for name in names:
            # what a step that was under way has made since
            with contextlib.suppress(FileNotFoundError):
                os.replace(folder.path / name, aside / name)
        reach("claim-undone")
        try:
            folder.path.rmdir()
        except OSError as error:
            if error.errno not in _NOT_EMPTY:
                raise
        else:
            break
    else:
        _move_all(aside, folder.path)
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(folder.path))
    remove_tree(aside)
    return True


def end_undoing(uploads: Uploads) -> None:
    """See to claims that a daemon was taking back when it died: they are whole again, or gone.

    Raises OSError.
    """
    for name in os.listdir(uploads.root):
        ticket = name.removeprefix(UNDONE_PREFIX)
        if ticket == name or not is_ticket(ticket):
            continue
        aside, folder = uploads.root / name, uploads.root / f"{NEW_PREFIX}{ticket}"
        if folder.is_dir():
            _move_all(aside, folder)
        remove_tree(aside)


def _move_all(source: Path, destination: Path) -> None:
    for name in os.listdir(source):
        os.replace(source / name, destination / name)
