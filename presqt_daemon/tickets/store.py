"""The layout of `mediafiles/uploads/`: names in a ticket's folder, reading and writing them."""

import contextlib
import errno
import json
import os
import re
import time
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from presqt_daemon.leases.fence import pass_always
from presqt_daemon.leases.lease import ALONE, LeaseTerms
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import NO_FILE, json_bytes, replace_file, sync_file, sync_folder
from presqt_daemon.tickets.claim_record import (
    ClaimRecord,
    ClaimRecordError,
    record_from_bytes,
    tree_from_record,
)
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

    def read_info_bytes(self) -> bytes:
        """The status file as it is; follows no link and waits for no pipe. Raises OSError."""
        return _read_plain(self.info, MAX_INFO_BYTES)

    def read_info_tree(self) -> dict[str, Any]:
        """The status file's JSON object as it is; an empty one where none can be read now."""
        try:
            tree = json.loads(self.read_info_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return tree if isinstance(tree, dict) else {}

    @property
    def is_claimed(self) -> bool:
        """Whether the drop was taken by this program, whatever became of the folder since."""
        return os.path.lexists(self.path / CLAIM_NAME)

    def read_claim(self) -> ClaimRecord:
        """How the drop was taken; ClaimRecordError when that is lost."""
        try:
            return record_from_bytes(_read_plain(self.path / CLAIM_NAME, _MAX_CLAIM_BYTES))
        except OSError as error:
            raise ClaimRecordError(f"{CLAIM_NAME}: {error.strerror}") from None

    def write_claim(self, record: ClaimRecord, *, durable: bool = True) -> None:
        """Write how the drop was taken; ASCII, since its names may hold any bytes."""
        content = json.dumps(tree_from_record(record), indent=4).encode("ascii") + b"\n"
        replace_file(self.path / CLAIM_NAME, content, mode=0o600, durable=durable)

    def read_origin(self) -> Path | None:
        """Where the drop of a claim of an earlier version lay, None once that is on the disk.

        Such a claim was synced only after it was told of; a link's text survived the power, where a
        journal keeps the order of a folder's records.
        """
        try:
            return Path(os.readlink(self.path / ORIGIN_NAME))
        except OSError:
            return None

    def sync_claim(self) -> None:
        """Make the record of how the drop was taken durable. Raises OSError."""
        sync_file(self.path / CLAIM_NAME)

    def forget_origin(self) -> None:
        """The claim is on the disk. Raises OSError."""
        (self.path / ORIGIN_NAME).unlink(missing_ok=True)

    def find_zip(self) -> Path | None:
        """The zip in this folder, None when it is gone."""
        with contextlib.suppress(ClaimRecordError):
            name = self.read_claim().zip_name
            if name is not None and (self.path / name).is_file():
                return self.path / name
        return None


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
        if not is_ticket(ticket):
            raise ValueError(f"{ticket!r} is not a ticket number")
        return TicketFolder(self.root / f"{NEW_PREFIX}{ticket}")

    def tickets(self) -> Iterator[str]:
        """The ticket numbers of all folders, in no order; junk beside them is passed over."""
        with os.scandir(self.root) as entries:
            for entry in entries:
                if is_ticket(entry.name) and entry.is_dir(follow_symlinks=False):
                    yield entry.name

    def new_tickets(self) -> Iterator[str]:
        """The ticket numbers of claims that have not got their final name."""
        with os.scandir(self.root) as entries:
            for entry in entries:
                name = entry.name.removeprefix(NEW_PREFIX)
                if entry.name != name and is_ticket(name) and entry.is_dir(follow_symlinks=False):
                    yield name

    def keep_claims(self, folders: Collection[TicketFolder]) -> None:
        """Make claims of an earlier version durable that have their final names. Raises OSError.

        It may be repeated, and passes over a folder that somebody has removed.
        """
        if not folders:
            return
        for folder in folders:
            with contextlib.suppress(FileNotFoundError):
                folder.sync_claim()
                sync_folder(folder.path)
        sync_folder(self.root)
        reach("claim-kept")
        for folder in folders:
            folder.forget_origin()

    def write_info(
        self, folder: TicketFolder, info: ProcessInfo, party: Party, *, durable: bool = True
    ) -> None:
        """Replace a ticket's status file as a whole, as the party that has the ticket.

        On a full disk a durable write takes the reserve. A folder in the file's place is moved
        aside. Raises OSError; before anything is written OtherPartyError, FencedError.
        """
        self.may_act()
        self.parties.assert_has(party, folder.ticket)
        party.assert_may_write(is_last=not info.is_open)
        content, mark = json_bytes(tree_from_info(info)), party.mark
        try:
            replace_file(folder.info, content, mode=self.status_mode, durable=durable, writer=mark)
        except IsADirectoryError:
            folder.info.rename(folder.path / f"{INFO_NAME}.{time.time_ns()}.folder")
            replace_file(folder.info, content, mode=self.status_mode, durable=durable, writer=mark)
        except OSError as error:
            if not durable or not self.make_room(error):
                raise
            replace_file(folder.info, content, mode=self.status_mode, durable=durable, writer=mark)
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
