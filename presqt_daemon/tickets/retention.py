"""What of an ended ticket may go, and its removal.

A zip that is not verified never goes by itself.
"""

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from presqt_daemon.config import RetentionConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.model import Stage, Status
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import remove_tree, rename_durably, sync_folder
from presqt_daemon.tickets.legacy import is_presqts
from presqt_daemon.tickets.locks import lease_ended
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import (
    CLAIM_NAME,
    INFO_NAME,
    LEFT_PREFIX,
    RECEIPT_NAME,
    TicketFolder,
    is_ticket,
)
from presqt_daemon.tickets.verdict import Verdict, verdict

GONE_PREFIX = ".gone-"
"""A ticket's folder while it is removed: nobody takes it for a ticket that lost its status."""

_RECORD_NAMES = frozenset({INFO_NAME, RECEIPT_NAME, f"{RECEIPT_NAME}.damaged", CLAIM_NAME})


class RemovablePart(StrEnum):
    """What may go, each on its own day."""

    PAYLOAD = "payload"
    RECORDS = "records"


def is_rejected(info: ProcessInfo) -> bool:
    """Whether the drop was refused for its sender's sake and nothing of it reached the target."""
    return (
        info.status is Status.FAILED
        and info.error_code in UserFault.CODES
        and info.link_to_resource is None
        and info.upload_files_finished == 0
        and info.stage is not Stage.UPLOADED
    )


def expiration_of(info: ProcessInfo, retention: RetentionConfig) -> datetime | None:
    """When the payload of an ended ticket may be removed; None where it stays."""
    if verdict(info) is Verdict.VERIFIED:
        return _after(info.finished_at, retention.verified)
    if is_rejected(info):
        return _after(info.finished_at, retention.rejected)
    return None


def parts_due(
    info: ProcessInfo, now: datetime, retention: RetentionConfig
) -> frozenset[RemovablePart]:
    """What may go now. The expiration that the sender was shown holds; without one, the rules do.

    What PresQT itself has left is not ours to remove. `RECORDS` without `PAYLOAD` is for a ticket
    that must keep its zip as long as there is one.
    """
    if info.is_open or is_presqts(info):
        return frozenset()
    parts = set()
    due = expiration_of(info, retention)
    if due is not None and now >= (info.expiration or due):
        parts.add(RemovablePart.PAYLOAD)
    last_day = _after(info.finished_at, retention.records)
    if last_day is not None and now >= last_day:
        parts.add(RemovablePart.RECORDS)
    return frozenset(parts)


def removable(folder: TicketFolder, parts: frozenset[RemovablePart]) -> tuple[Path, ...]:
    """The paths that `expire` would remove, in order of name: entries of the folder, or itself.

    No payload goes before its ticket has a record: one may have to be made from it.
    """
    try:
        payload = tuple(_payload_entries(folder.path))
    except FileNotFoundError:
        return ()
    if payload and not folder.receipt.exists():
        return ()
    if RemovablePart.RECORDS in parts and (RemovablePart.PAYLOAD in parts or not payload):
        return (folder.path,)
    return payload if RemovablePart.PAYLOAD in parts else ()


def expire(
    folder: TicketFolder, parts_of: Callable[[ProcessInfo], frozenset[RemovablePart]]
) -> tuple[Path, ...]:
    """Remove what `parts_of` the status lets go, under the ticket's lease; returns what went.

    Records go together with the payload or after it, never before. Repeatable. Raises HeldError
    while the ticket is busy, InfoError when its status cannot be read, OSError.
    """
    with lease_ended(folder.path):
        info = folder.read_info()
        gone = () if info.is_open else removable(folder, parts_of(info))
        if gone == (folder.path,):
            hidden = folder.path.with_name(f"{GONE_PREFIX}{folder.path.name}")
            rename_durably(folder.path, hidden)
            reach("expiry-renamed")
            remove_tree(hidden)
            return gone
        for path in gone:
            remove_tree(path)
            reach("expiry-removed")
        if gone:
            sync_folder(folder.path)
        return gone


def sweep_gone(uploads: Path) -> None:
    """Finish removals that a crash cut short."""
    with os.scandir(uploads) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(GONE_PREFIX)]
    for name in names:
        if is_ticket(name.removeprefix(GONE_PREFIX)):
            remove_tree(uploads / name)


def _payload_entries(folder: Path) -> Iterator[Path]:
    """Everything in a ticket's folder that is no record: zip, side-car, bag, working files."""
    for name in sorted(os.listdir(folder)):
        is_ours = name == f".{INFO_NAME}.tmp" or name.startswith(LEFT_PREFIX)
        if name not in _RECORD_NAMES and not is_ours:
            yield folder / name


def _after(moment: datetime | None, seconds: float | None) -> datetime | None:
    """A moment plus a period; None when either is missing (a period of None is for ever)."""
    if moment is None or seconds is None:
        return None
    return moment + timedelta(seconds=seconds)
