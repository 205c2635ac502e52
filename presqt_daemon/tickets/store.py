"""The layout of `mediafiles/uploads/`: names in a ticket's folder, reading and writing them."""

import contextlib
import errno
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from presqt_daemon.leases.fence import pass_always
from presqt_daemon.leases.lease import ALONE, LeaseTerms
from presqt_daemon.schemas.json_values import object_from_json
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import NO_FILE, json_bytes, replace_file, sync_file
from presqt_daemon.tickets.claim_record import ClaimRecord, record_from_bytes
from presqt_daemon.tickets.parties import Parties, Party
from presqt_daemon.tickets.process_info import (
    InfoError,
    ProcessInfo,
    UnreadableInfoError,
    info_from_bytes,
    tree_from_info,
)

INFO_NAME = "process_info.json"
RECEIPT_NAME = "receipt.json"
PAYLOAD_NAME = "payload.jsonl"
JOURNAL_NAME = "journal.jsonl"
CLAIM_NAME = "claim.json"
ORIGIN_NAME = ".from"
NEW_PREFIX = ".new-"
MARK_NAME = ".mark"
RESERVED_NAMES = frozenset(
    {INFO_NAME, RECEIPT_NAME, PAYLOAD_NAME, JOURNAL_NAME, CLAIM_NAME, MARK_NAME}
)
"""Names a bag's folder must not have inside a ticket, compared without case."""

LEFT_PREFIX = ".notification-"
"""What is to be told of an end, followed by the attempt; a name with a dot is no bag's."""

RESERVE_NAME = ".reserve"
RESERVE_BYTES = 1 << 20
"""Space kept aside so that the last status can be written on a full disk."""

MAX_INFO_BYTES = 256 << 20
_MAX_CLAIM_BYTES = _BLOCK_BYTES = 1 << 20

_TICKET = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def is_ticket(name: str) -> bool:
    """Whether a name is a ticket number (a UUID4 in lower case)."""
    return _TICKET.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class TicketFolder:
    """One ticket's folder and the names in it."""

    path: Path

    @property
    def ticket(self) -> str:
        """The ticket number."""
        return self.path.name.removeprefix(NEW_PREFIX)

    @property
    def info(self) -> Path:
        """The status file."""
        return self.path / INFO_NAME

    @property
    def receipt(self) -> Path:
        """The record of an ended ticket."""
        return self.path / RECEIPT_NAME

    @property
    def payload(self) -> Path:
        """The digests taken before the upload, one JSON object a line."""
        return self.path / PAYLOAD_NAME

    @property
    def journal(self) -> Path:
        """What has been durably sent, one JSON object a line."""
        return self.path / JOURNAL_NAME

    def read_info(self) -> ProcessInfo:
        """The status.

        Raises InfoError when it is missing or damaged, UnreadableInfoError when it cannot be read
        now, NewerInfoError when it is from later.
        """
        try:
            content = self.read_info_bytes()
        except OSError as error:
            reason = f"{INFO_NAME}: {error.strerror}"
            if error.errno in {*NO_FILE, errno.EAGAIN}:
                raise InfoError(reason) from None
            raise UnreadableInfoError(error.errno, reason) from None
        return info_from_bytes(content)

    def known_info(self) -> ProcessInfo | None:
        """The status; None when it is missing, damaged, from later, or cannot be read now."""
        try:
            return self.read_info()
        except InfoError:
            return None

    def read_info_bytes(self) -> bytes:
        """The status file as it is; follows no link and waits for no pipe. Raises OSError."""
        return _read_plain(self.info, MAX_INFO_BYTES)

    def read_info_tree(self) -> dict[str, Any]:
        """The status file's JSON object as it is; an empty one where none can be read now."""
        try:
            return object_from_json(self.read_info_bytes())
        except OSError:
            return {}

    @property
    def is_claimed(self) -> bool:
        """Whether the drop was taken by this program, whatever became of the folder since."""
        return os.path.lexists(self.path / CLAIM_NAME)

    def read_claim(self) -> ClaimRecord | None:
        """How the drop was taken; None when that is lost, or cannot be read."""
        try:
            return record_from_bytes(_read_plain(self.path / CLAIM_NAME, _MAX_CLAIM_BYTES))
        except OSError:
            return None

    def came_through(self) -> str | None:
        """The target in whose inbox folder the drop lay; None: in none, or nobody knows."""
        claim = self.read_claim()
        return None if claim is None else claim.route.target

    def write_claim(self, record: ClaimRecord, *, durable: bool = True) -> None:
        """Write how the drop was taken; ASCII, since its names may hold any bytes."""
        content = json.dumps(asdict(record), indent=4).encode("ascii") + b"\n"
        replace_file(self.path / CLAIM_NAME, content, mode=0o600, durable=durable)

    def sync_claim(self) -> None:
        """Make the record of how the drop was taken durable. Raises OSError."""
        sync_file(self.path / CLAIM_NAME)

    def find_zip(self) -> Path | None:
        """The zip in this folder, None when it is gone."""
        claim = self.read_claim()
        if claim is None or claim.zip_name is None:
            return None
        path = self.path / claim.zip_name
        return path if path.is_file() else None


class Uploads:
    """`mediafiles/uploads/`, and the only door through which status files are written."""

    def __init__(self, mediafiles: Path, mode: int = 0o644, terms: LeaseTerms = ALONE) -> None:
        self.root, self._mediafiles = mediafiles / "uploads", mediafiles
        self.status_mode, self.terms = mode, terms
        # asked before each lasting write (returns never where another serves), and its number
        self.parties, self.may_act, self.epoch = Parties(), pass_always, 0
        self._device: int | None = None

    def remember(self) -> None:
        """Note the file system on which the folder of all tickets lies, for `is_there`.

        When a disk is lost, the empty folder below its mount has the same path. Raises OSError.
        """
        self._device = self.root.stat().st_dev

    def is_there(self) -> bool:
        """Whether it is still the folder that was remembered, not one below a lost mount."""
        try:
            return self._device in {None, self.root.stat().st_dev}
        except OSError:
            return self._device is None

    def folder(self, ticket: str) -> TicketFolder:
        """A ticket's folder, which may not exist; ValueError for what is no ticket number."""
        if not is_ticket(ticket):
            raise ValueError(f"{ticket!r} is not a ticket number")
        return TicketFolder(self.root / ticket)

    def new_folder(self, ticket: str) -> TicketFolder:
        """The hidden folder in which a claim is made."""
        path = self.folder(ticket).path
        return TicketFolder(path.with_name(f"{NEW_PREFIX}{ticket}"))

    def tickets(self) -> Iterator[str]:
        """The ticket numbers of all folders, in no order; junk beside them is passed over."""
        return self._named("")

    def new_tickets(self) -> Iterator[str]:
        """The ticket numbers of claims that have not got their final name."""
        return self._named(NEW_PREFIX)

    def _named(self, prefix: str) -> Iterator[str]:
        with os.scandir(self.root) as entries:
            for entry in entries:
                name = entry.name.removeprefix(prefix)
                is_named_so = entry.name == prefix + name and is_ticket(name)
                if is_named_so and entry.is_dir(follow_symlinks=False):
                    yield name

    def write_info(
        self, folder: TicketFolder, info: ProcessInfo, party: Party, *, durable: bool = True
    ) -> None:
        """Replace a ticket's status file as a whole, as the party that has the ticket.

        On a full disk a durable write takes the reserve. A folder in the file's place is moved
        aside. Raises OSError; before anything is replaced OtherPartyError, FencedError.
        """
        self.parties.assert_has(party, folder.ticket)

        def before_naming() -> None:
            # last of all: a host may be frozen while its disk syncs, and thaw after another's end
            self.may_act()
            party.assert_may_write(is_last=not info.is_open)

        content = json_bytes(tree_from_info(info))
        write = partial(
            replace_file, folder.info, content, mode=self.status_mode, durable=durable,
            writer=party.mark, before_naming=before_naming,
        )  # fmt: skip
        try:
            write()
        except IsADirectoryError:
            folder.info.rename(folder.path / f"{INFO_NAME}.{time.time_ns()}.folder")
            write()
        except OSError as error:
            if not durable or not self.make_room(error):
                raise
            write()
        party.has_ended_ticket = not info.is_open
        reach(f"status-{info.status}-{info.stage}")

    def leasing(self, folder: TicketFolder, *, wait: bool = False) -> AbstractContextManager[Party]:
        """Have a ticket meanwhile, among all who share its folder; as `Parties.leasing`."""
        return self.parties.leasing(folder.path, self.terms, wait=wait)

    def keep_reserve(self) -> None:
        """Make the reserve if there is none; does nothing where there is no room for it."""
        reserve, flags = self._mediafiles / RESERVE_NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with contextlib.suppress(FileExistsError):
            handle = os.open(reserve, flags, 0o600)
            try:
                os.posix_fallocate(handle, 0, RESERVE_BYTES)
            except OSError:
                reserve.unlink(missing_ok=True)
            finally:
                os.close(handle)

    def make_room(self, error: OSError) -> bool:
        """Give up the reserve, if the error is a full disk's; whether it is worth another try."""
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            return False
        try:
            (self._mediafiles / RESERVE_NAME).unlink()
        except OSError:
            return False
        return True


def _read_plain(path: Path, limit: int) -> bytes:
    """A regular file's content; follows no link and waits for no pipe."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        content = os.read(handle, min(os.fstat(handle).st_size + 1, limit, _BLOCK_BYTES))
        # one read is enough for all but a file that grows meanwhile, or a very large one; of zeros,
        # as a power loss leaves them, no more is needed
        while 0 < len(content) < limit and content[0]:
            more = os.read(handle, limit - len(content))
            if not more:
                break
            content += more
        return content
    finally:
        os.close(handle)
