"""What is still to be told, as files: it outlives the daemon, and goes when all have been told.

The party that ends a ticket leaves an entry in the ticket's folder, and syncs it, before it writes
the last status: no end is on the disk without it. From there it is moved into `mediafiles/outbox/`,
without a sync: a power loss brings it back to the one folder or the other. So nothing is lost, and
what was told may be told once more, under the same id.
"""

import contextlib
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from presqt_daemon.notifications.events import (
    Notification,
    end_id,
    notification_of_end,
    receivers_of,
)
from presqt_daemon.receivers import ReceiverConfig
from presqt_daemon.schemas.json_values import tree_from_value, value_from_tree
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import (
    json_bytes,
    make_folder,
    open_new,
    open_regular,
    remove_tree,
    replace_file,
)
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import LEFT_PREFIX, TicketFolder, Uploads, is_ticket

TOLD_NAME = "told.json"
MAX_ENTRY_BYTES = 1 << 20
_LEFT = re.compile(re.escape(LEFT_PREFIX) + r"([0-9]{1,9})")
_END = re.compile(r"([0-9a-f-]{36})\.([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Entry:
    """A notification and the receivers that have not been told of it yet."""

    notification: Notification
    to: frozenset[str]

    def without(self, receiver: str) -> "Entry":
        """The same after one has been told, or given up."""
        return replace(self, to=self.to - {receiver})


def entry_of(notification: Notification, receivers: Mapping[str, ReceiverConfig]) -> Entry:
    """A notification for all who are to be told of it, which may be nobody."""
    return Entry(notification, frozenset(receivers_of(notification, receivers)))


def leave_entry(
    folder: TicketFolder, info: ProcessInfo, receivers: Mapping[str, ReceiverConfig]
) -> bool:
    """Leave an entry of a ticket's end in its folder; whether anybody is to be told.

    For the ticket's party alone, before the last status is written. Raises OSError, but not for
    a full disk that takes the name and no content: that will do.
    """
    if not receivers:
        return False
    entry = entry_of(notification_of_end(info, folder.came_through()), receivers)
    if not entry.to:
        return False
    path = folder.path / f"{LEFT_PREFIX}{info.attempt}"
    handle = open_new(path, 0o600)
    with open(handle, "wb") as stream, contextlib.suppress(OSError):
        stream.write(_content(entry))
        stream.flush()
        # the status may reach the disk before the folder is synced, and this name must not be later
        os.fsync(handle)
    reach("notification-left")
    return True


class Outbox:
    """`mediafiles/outbox/`: one file for each notification; used by one thread."""

    def __init__(self, folder: Path, uploads: Uploads) -> None:
        self.folder = folder
        self._uploads = uploads

    def open(self) -> None:
        """Make the folder. Raises OSError."""
        make_folder(self.folder, 0o700)

    def entries(self, receivers: Mapping[str, ReceiverConfig]) -> Iterator[Entry]:
        """Everything in it, the oldest first; what cannot be read and is no ticket's goes.

        Raises OSError when the folder cannot be listed.
        """
        names = [name for name in os.listdir(self.folder) if name.endswith(".json")]
        found = []
        for name in names:
            if name == TOLD_NAME or name.startswith("."):
                continue
            path = self.folder / name
            entry = read_entry(path)
            if entry is None and (end := _END.fullmatch(path.stem)) and is_ticket(end[1]):
                entry = self.from_status(end[1], receivers, int(end[2]))
            if entry is None:
                remove_tree(path)
            else:
                found.append(entry)
        yield from sorted(found, key=lambda entry: entry.notification.at)

    def left_entries(
        self, tickets: Collection[str], receivers: Mapping[str, ReceiverConfig]
    ) -> Iterator[Entry]:
        """Take in what was left in the folders of these tickets; those that have not ended stay."""
        for ticket in tickets:
            folder = self._uploads.folder(ticket)
            try:
                names = [name for name in os.listdir(folder.path) if _LEFT.fullmatch(name)]
            except OSError:
                continue
            for name in sorted(names):
                if (entry := self._take_in(folder, name, receivers)) is not None:
                    yield entry

    def keep(self, entry: Entry) -> None:
        """Write an entry, or take it away when nobody is left to be told. Raises OSError."""
        path = self.folder / f"{entry.notification.id}.json"
        if entry.to:
            replace_file(path, _content(entry), mode=0o600, durable=False)
        else:
            path.unlink(missing_ok=True)

    def _take_in(
        self, folder: TicketFolder, name: str, receivers: Mapping[str, ReceiverConfig]
    ) -> Entry | None:
        attempt = int(name.removeprefix(LEFT_PREFIX))
        left = folder.path / name
        info = folder.known_info()
        if info is None or (info.is_open and info.attempt <= attempt):
            return None  # the end was not written: its party comes again
        entry = read_entry(left)
        if entry is None or entry.notification.id != end_id(folder.ticket, attempt):
            entry = self.from_status(folder.ticket, receivers, attempt)
            if entry is not None:
                self.keep(entry)
            remove_tree(left)
            return entry
        path = self.folder / f"{entry.notification.id}.json"
        try:
            os.rename(left, path)
        except FileNotFoundError:
            self.open()
            os.rename(left, path)
        reach("notification-taken")
        return entry

    def from_status(
        self, ticket: str, receivers: Mapping[str, ReceiverConfig], attempt: int | None = None
    ) -> Entry | None:
        """The entry of a ticket's end, from its status; None where that tells of no or another."""
        folder = self._uploads.folder(ticket)
        info = folder.known_info()
        if info is None or info.is_open or attempt not in {None, info.attempt}:
            return None
        return entry_of(notification_of_end(info, folder.came_through()), receivers)


def read_entry(path: Path) -> Entry | None:
    """An entry as it was written; None for one that is missing, torn or not ours."""
    try:
        with open_regular(path) as stream:
            tree = json.loads(stream.read(MAX_ENTRY_BYTES))
        to = tree.pop("to")
        notification = value_from_tree(Notification, tree)
    except (OSError, ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return None
    if not isinstance(to, list) or "/" in notification.id:
        return None
    return Entry(notification, frozenset(str(name) for name in to))


def _content(entry: Entry) -> bytes:
    return json_bytes({**tree_from_value(entry.notification), "to": sorted(entry.to)})
