"""What was true when a drop was taken; written once, kept for as long as the ticket.

From it a ticket can be staged again when its status file is lost, and a sender's request beside
the inbox receipt can be told from a stranger's.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_type_hints

from presqt_daemon.errors import UserFault
from presqt_daemon.model import Route

NOTE_SUFFIX = ".ticket.json"
COPY_SUFFIX = ".process_info.json"
NAME_MAX_BYTES = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The process that makes a folder: host, boot and pid with its start time (clock ticks)."""

    host: str
    boot_id: str
    pid: int
    started: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DropFile:
    """One state of a file in the inbox; in a record, the one that was claimed."""

    device: int
    inode: int
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRecord:
    """The drop as it was taken.

    `inbox_folder` and `inbox_name` say where it lay (surrogates escaped as in os.fsdecode);
    `zip_name` and `sidecar_name` are the names inside the ticket's folder, None when there is
    none (a folder that was dropped is left where it is, with the inode `left_inode`).
    `drop_file` and `mark` are None for a claim of a version that did not note them; `mark` is a
    UUID4 that only the service knows (`upload.containers.mark`).
    `fault_code` and `fault_message` say why the drop can only fail, None for one that may go on.
    """

    ticket: str
    inbox_folder: str
    inbox_name: str
    zip_name: str | None
    sidecar_name: str | None
    route: Route
    dropped_by_uid: int
    dropped_by_name: str | None
    received_at: str
    owner: Owner
    fault_code: str | None = None
    fault_message: str | None = None
    left_inode: int | None = None
    drop_file: DropFile | None = None
    mark: str | None = None

    @property
    def receipt_stem(self) -> str:
        """What the receipt's name and those of requests beside it begin with.

        A name too long for the receipt's own is shortened, always in the same way.
        """
        return self._stem_before(NOTE_SUFFIX)

    @property
    def receipt_name(self) -> str:
        """The name of the note that takes the drop's place in the inbox."""
        return f"{self.receipt_stem}{NOTE_SUFFIX}"

    @property
    def copy_name(self) -> str:
        """The name of the status's copy beside the note."""
        return f"{self._stem_before(COPY_SUFFIX)}{COPY_SUFFIX}"

    def _stem_before(self, suffix: str) -> str:
        mark = f".{self.ticket[:8]}"
        room = NAME_MAX_BYTES - len(mark) - len(suffix)
        return f"{shorten_name(self.inbox_name, room)}{mark}"

    @property
    def fault(self) -> UserFault | None:
        """Why the drop can only fail, None for one that may go on."""
        if self.fault_code is None:
            return None
        return UserFault(self.fault_code, self.fault_message or "")


_TYPES = {kind: get_type_hints(kind) for kind in (ClaimRecord, Route, Owner, DropFile)}


def shorten_name(name: str, limit_bytes: int) -> str:
    """The longest beginning of a file name that fits, cut between characters."""
    encoded = name.encode("utf-8", "surrogateescape")
    if len(encoded) <= limit_bytes:
        return name
    end = limit_bytes
    while end and encoded[end] & 0xC0 == 0x80 and limit_bytes - end < 3:
        end -= 1
    return encoded[:end].decode("utf-8", "surrogateescape")


def record_from_bytes(content: bytes) -> ClaimRecord | None:
    """The record in a file's content; None when it is not one of ours."""
    try:
        tree = json.loads(content)
        tree["route"] = Route(**tree["route"])
        tree["owner"] = Owner(**tree["owner"])
        if tree.get("drop_file") is not None:
            tree["drop_file"] = DropFile(**tree["drop_file"])
        record = ClaimRecord(**tree)
        datetime.fromisoformat(record.received_at)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    names = (record.inbox_name, record.zip_name, record.sidecar_name)
    parts = (record, record.route, record.owner, record.drop_file)
    is_ours = all(map(_has_its_types, parts)) and all(map(_is_component, filter(None, names)))
    return record if is_ours and "" not in names else None


def _has_its_types(part: Any) -> bool:
    """Whether each field holds what it is for; names may hold any bytes, and times lie anywhere."""
    types = _TYPES.get(type(part), {})
    return all(isinstance(getattr(part, name), kind) for name, kind in types.items())


def _is_component(name: str) -> bool:
    return name not in {".", ".."} and "/" not in name and "\0" not in name
