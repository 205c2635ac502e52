"""Drops of ours that were set aside: gone on with, or given back their own names."""

import os

from presqt_daemon.inbox.answers.events import Claimed
from presqt_daemon.inbox.claims.recover import remove_twin_sidecar
from presqt_daemon.inbox.claims.set_aside import is_claimed_file, is_copied, put_back
from presqt_daemon.inbox.files.names import aside_name, name_of_aside, ticket_of_aside
from presqt_daemon.inbox.files.places import OpenPlace
from presqt_daemon.inbox.folder_context import FolderContext
from presqt_daemon.system.files import remove_tree


def resume_set_aside(context: FolderContext, folder: OpenPlace, name: str) -> None:
    """Go on with a drop of ours; what no claim names gets its plain name back.

    Then it is a drop like any other: nobody but the daemon chooses a ticket's number.
    """
    ticket = ticket_of_aside(name)
    if ticket is None or context.copier.has(ticket):
        return
    context.may_act()
    try:
        status = os.stat(name, dir_fd=folder.handle, follow_symlinks=False)
        if _resume(context, folder, name, ticket, status):
            return
        put_back(name, folder.handle, folder.handle, name_of_aside(name))
    except FileNotFoundError:
        return
    except OSError as error:
        context.warn(folder, name, f"must wait: {error.strerror}", "set aside")
    else:
        what = "is no claim of ours: it has its own name again"
        context.warn(folder, name, what, "set aside")
        context.wake()


def _resume(
    context: FolderContext, folder: OpenPlace, name: str, ticket: str, status: os.stat_result
) -> bool:
    """Whether a claim names this file; then it is copied, or gone when it was copied already.

    Raises OSError.
    """
    uploads = context.claimer.uploads
    for place in (uploads.folder(ticket), uploads.new_folder(ticket)):
        record = place.read_claim()
        if record is None:
            continue
        aside = aside_name(ticket, record.inbox_name)
        if (record.inbox_folder, aside) != (str(folder.path), name):
            return False
        context.may_act()
        if place.path.name == ticket:
            if not is_copied(status, record, place):
                return False
            os.unlink(name, dir_fd=folder.handle)
            return True
        if not is_claimed_file(status, record):
            remove_tree(place.path)  # its drop is gone, another one has the name
            return False
        remove_twin_sidecar(folder, record, place)
        context.copier.put(
            Claimed(
                place=folder.place, folder=place, record=record, size=status.st_size, aside=name
            )
        )
        return True
    return False
