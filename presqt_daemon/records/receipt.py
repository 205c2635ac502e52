"""`receipt.json`: what the record of an ended ticket says of it, of every file and of the target.

The file's form is `record.py`'s business.
"""

import contextlib
import hashlib
import mimetypes
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from presqt_daemon.model import FileResult, PayloadFile
from presqt_daemon.records.file_rows import ResultIndex
from presqt_daemon.records.fingerprint import Fingerprint
from presqt_daemon.records.payload import Payload, PayloadError, PayloadHead
from presqt_daemon.records.premis import events_of, preparation
from presqt_daemon.records.record import SCHEMA_VERSION, draft_record
from presqt_daemon.schemas.json_values import text_from_time
from presqt_daemon.system.files import open_regular, printable_name
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import TicketFolder

_MEDIA_TYPES = mimetypes.MimeTypes()
"""The library's own table; what this machine's /etc/mime.types adds would differ elsewhere."""

_PACKED_TYPES = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "compress": "application/x-compress",
    "br": "application/x-brotli",
}

_STATUS_KEYS = ("ticket_number", "status", "status_code", "error_code", "message", "stage")

DIGEST_ZIP_BYTES = 32 << 20
"""A larger zip gets no digest of its own: reading it all again would hold up the ticket's end."""


def media_type_of(name: str) -> str | None:
    """The media type that a name's ending stands for, None where it stands for none."""
    kind, packed = _MEDIA_TYPES.guess_type(f"/{name.rpartition('/')[2]}")
    return kind if packed is None else _PACKED_TYPES.get(packed)


def write_receipt(
    folder: TicketFolder,
    info: ProcessInfo,
    *,
    now: datetime,
    status_mode: int = 0o644,
    same_as: str | None = None,
    before_naming: Callable[[], None] = lambda: None,
) -> PayloadHead | None:
    """Write the receipt of a ticket that has ended, however; replaces an older one.

    Its content is durable, its name with the next sync of the folder: the status's, which comes
    after it, so that no ticket has ended without a record. After a retry it is durable at once.
    Of a failed ticket it says what was left at the target: files that were not sent have no
    outcome. A damaged payload file or journal is told as far as it can be read. `same_as` names
    the ticket that had brought the content there. What is known of the bag, None for nothing.
    Raises OSError, and what `before_naming` does, before anything is replaced.
    """
    with opened_payload(folder) as payload, ResultIndex(folder.journal) as results:
        tree = receipt_tree(folder, payload, info, results, now=now, same_as=same_as)
        files = file_trees(payload, results)
        # after a retry a power loss may bring the older one back: it must not stand beside the new
        # status, a start would believe it
        draft = draft_record(folder.receipt, tree, files, mode=status_mode)
        draft.keep(durable=info.attempt > 1, before_naming=before_naming)
    return None if payload is None else payload.head


def receipt_tree(
    folder: TicketFolder,
    payload: Payload | None,
    info: ProcessInfo,
    results: ResultIndex,
    *,
    now: datetime,
    same_as: str | None = None,
    prepared_in: str | None = None,
) -> dict[str, Any]:
    """Everything in a receipt but its files.

    `prepared_in` is the run of prepare-upgrade that makes up for a missing one. Raises OSError.
    """
    head = None if payload is None else payload.head
    tree = {
        "schema_version": SCHEMA_VERSION,
        "prepared_in": prepared_in,
        "content_fingerprint": None if payload is None else _fingerprint(payload),
        **_head_tree(folder, info, head, now),
        "resource": resource_tree(results.container, info.resource_id, info.link_to_resource),
        "same_as": same_as,
        "events": list(events_of(folder, info, head, now)),
    }
    if prepared_in is not None:
        tree["events"].append(preparation(now))
    return tree


def resource_tree(
    container: Mapping[str, Any] | None, resource_id: str | None, link: str | None
) -> dict[str, Any] | None:
    """Where at the target the files are, so that it can be asked again; None where not known.

    `container` is the new one from the journal, `resource_id` an existing one.
    """
    if container is None and resource_id is None:
        return None
    known: Mapping[str, Any] = {"id": resource_id} if container is None else container
    return {
        "id": str(known.get("id", "")),
        "title": known.get("title"),
        "link": link or known.get("link"),
        "state": dict(known.get("state") or {}),
    }


def zip_tree(path: Path | None) -> dict[str, Any]:
    """Size and digest of a ticket's zip, as far as there is one that is not large."""
    if path is None:
        return {"size": None, "sha256": None}
    digest = None
    with open_regular(path) as stream:
        size = stream.seek(0, os.SEEK_END)
        if size <= DIGEST_ZIP_BYTES:
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    return {"size": size, "sha256": digest}


def _head_tree(
    folder: TicketFolder,
    info: ProcessInfo,
    head: PayloadHead | None,
    now: datetime,
) -> dict[str, Any]:
    bag = None
    if head is not None:
        bag = {
            "folder": printable_name(head.bag.folder),
            "version": head.bag.version,
            "algorithms": list(head.bag.algorithms),
            "payload_files": head.bag.payload_files,
            "payload_bytes": head.bag.payload_bytes,
        }
    return {
        **{key: getattr(info, key) for key in _STATUS_KEYS},
        "source": {
            "file": printable_name(info.source_file),
            **zip_tree(folder.find_zip()),
            "dropped_by": dict(info.dropped_by),
        },
        "bag": bag,
        **{key: getattr(info, key) for key in ("target", "resource_id", "title")},
        "link": info.link_to_resource,
        "options": {
            "file_duplicate_action": info.file_duplicate_action,
            "options_from": dict(info.options_from),
        },
        "times": {
            "received_at": text_from_time(info.received_at),
            "finished_at": None if info.finished_at is None else text_from_time(info.finished_at),
            "written_at": text_from_time(now),
        },
        "hash_algorithm": info.hash_algorithm,
    }


def file_trees(payload: Payload | None, results: ResultIndex) -> Iterator[dict[str, Any]]:
    """Every payload file in the order staged, then what else was sent (tag files, a packed zip)."""
    name = results.packed_name
    packed = None if name is None else results.read(name)
    with contextlib.suppress(PayloadError):
        for file in () if payload is None else payload.files():
            yield _tree(file, results.take(f"/{file.path}"), packed, name)
    for rest in results.names():
        result = results.take(rest)
        if result is not None:
            yield _tree(None, result, None, None)


def _tree(
    file: PayloadFile | None,
    result: FileResult | None,
    packed: FileResult | None,
    packed_name: str | None,
) -> dict[str, Any]:
    """One file's entry; a file inside a packed zip shares the zip's end."""
    is_packed = result is None and packed_name is not None
    end = packed if is_packed else result
    name = f"/{file.path}" if file is not None else str(result.path if result else "")
    tree = file_tree(name, file.size if file is not None else (result.size if result else 0))
    if end is not None:
        tree["outcome"], tree["fixity"] = end.outcome, end.fixity
        tree["remote_path"] = _shown(end.remote_path)
    if result is not None:
        for key in ("algorithm", "local_digest", "remote_digest", "differs"):
            tree[key] = getattr(result, key)
    if file is not None:
        tree["digests"] = dict(file.digests)
    tree["packed_in"] = _shown(packed_name if is_packed else None)
    if end is not None and end.has_replaced:
        tree["has_replaced"] = True
    return tree


def file_tree(name: str, size: int | None) -> dict[str, Any]:
    """The entry of a file of which no more is known."""
    return {
        "path": printable_name(name),
        "size": size,
        "media_type": media_type_of(name),
        "outcome": None,
        "fixity": None,
        "algorithm": None,
        "local_digest": None,
        "remote_digest": None,
        "remote_path": None,
        "packed_in": None,
        "differs": False,
        "digests": {},
    }


@contextlib.contextmanager
def opened_payload(folder: TicketFolder) -> Iterator[Payload | None]:
    """What staging left, None for nothing that can be read."""
    try:
        payload = Payload(folder.payload)
    except PayloadError:
        yield None
        return
    with payload:
        yield payload


def _fingerprint(payload: Payload) -> str | None:
    """The content fingerprint that staging left, or taken now of what an older staging left."""
    known = payload.fingerprint()
    if known is not None:
        return known
    fingerprint = Fingerprint()
    try:
        for file in payload.files():
            fingerprint.add(str(file.path), file.size, file.digests)
    except PayloadError:
        return None
    return fingerprint.text()


def _shown(name: str | None) -> str | None:
    return None if name is None else printable_name(name)
