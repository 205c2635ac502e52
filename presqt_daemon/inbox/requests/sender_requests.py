"""What a sender asks for by a file beside the note, if it is the sender who asks.

Such a file counts when it is empty, has one name, is owned by the owner of the drop or by root, and
lies in the very folder that the ticket's claim names. Where the service itself owns all drops, as
on a share with one forced user, its being empty, its folder and the number carry it.
"""

import re

from presqt_daemon.inbox.answers.events import Request, RequestedAction
from presqt_daemon.inbox.answers.ticket_names import TicketMarks
from presqt_daemon.inbox.files.names import parts_of_request
from presqt_daemon.inbox.files.ownership import NotOwnError, owner_name, status_of_own
from presqt_daemon.inbox.files.places import OpenPlace
from presqt_daemon.system.files import printable_name

_MARK = re.compile(r"(?s).+\.[0-9a-f]{8}")


class NotAllowedError(Exception):
    """The file asks for nothing that its owner may ask for; it stays. The message says why.

    `answer` is a sentence for the drop's owner, who asked, but for no one ticket; None for others.
    """

    def __init__(self, reason: str, answer: str | None = None) -> None:
        super().__init__(reason)
        self.answer = answer


class SenderRequests:
    """Reads requests; used by a scanner's thread alone."""

    def __init__(self, marks: TicketMarks) -> None:
        self._marks = marks

    def read(self, name: str, folder: OpenPlace) -> Request:
        """The request that a file in an open folder makes.

        Raises NotAllowedError, and OSError when there is no such file.
        """
        stem, word = parts_of_request(name)
        action = RequestedAction(word)
        asked_by = _owner_of_empty(name, folder)
        found = self._marks.by_stem(stem, str(folder.path)) if _MARK.fullmatch(stem) else []
        if not found:
            # a cancel means tickets that are open, a retry those that have failed
            is_open = action is RequestedAction.CANCEL
            found = self._marks.by_name(stem, str(folder.path), is_open=is_open)
        if not found:
            raise NotAllowedError("there is no ticket for it here")
        own = [one for one in found if asked_by in {0, one.dropped_by_uid}]
        if not own:
            raise _not_the_sender(asked_by)
        if len(found) > 1:
            stems = ", ".join(sorted(f"{printable_name(one.receipt_stem)}.{word}" for one in own))
            raise NotAllowedError(
                "it could mean more than one ticket",
                f"More than one ticket is called {printable_name(own[0].inbox_name)} here, so "
                f"nothing was done. Make an empty file of one of these names: {stems}.\n",
            )
        return Request(ticket=own[0].ticket, action=action)

    def read_taken(self, ticket: str, word: str, name: str, folder: OpenPlace) -> Request:
        """The request that was taken under this name, if its owner may still make it.

        Anybody may give a file such a name, so that all is asked once more. Raises as `read`.
        """
        asked_by = _owner_of_empty(name, folder)
        record = self._marks.by_ticket(ticket)
        if record is None or record.inbox_folder != str(folder.path):
            raise NotAllowedError("there is no ticket for it here")
        if asked_by not in {0, record.dropped_by_uid}:
            raise _not_the_sender(asked_by)
        return Request(ticket=ticket, action=RequestedAction(word))


def _owner_of_empty(name: str, folder: OpenPlace) -> int:
    """Whose an empty file under one name is. Raises NotAllowedError for any other file, OSError."""
    try:
        status = status_of_own(name, folder.handle, None)
    except NotOwnError as error:
        raise NotAllowedError(str(error)) from None
    if status.st_size:
        raise NotAllowedError("it is not empty")
    return status.st_uid


def _not_the_sender(uid: int) -> NotAllowedError:
    return NotAllowedError(f"it belongs to {owner_name(uid)}, who did not drop the zip")
