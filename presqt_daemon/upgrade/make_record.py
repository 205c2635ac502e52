"""One past ticket gets its record, made of whatever is left of it; nothing is uploaded again."""

import contextlib
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from presqt_daemon.model import Stage
from presqt_daemon.records.file_rows import ResultIndex
from presqt_daemon.records.fingerprint import Fingerprint
from presqt_daemon.records.premis import preparation
from presqt_daemon.records.receipt import (
    file_trees,
    media_type_of,
    opened_payload,
    receipt_tree,
    resource_tree,
    zip_tree,
)
from presqt_daemon.records.record import (
    SCHEMA_VERSION,
    Draft,
    RecordError,
    UnreadableRecordError,
    draft_record,
    open_record,
)
from presqt_daemon.records.record_head import read_record_head, readable_head
from presqt_daemon.schemas.json_values import text_from_time
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import printable_name
from presqt_daemon.system.logs import ticket_log
from presqt_daemon.tickets.legacy import is_presqts, read_any_info
from presqt_daemon.tickets.locks import lease_ended
from presqt_daemon.tickets.process_info import (
    InfoError,
    NewerInfoError,
    ProcessInfo,
    UnreadableInfoError,
)
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.upgrade.past_bag import find_past_bag, past_bag_tree, past_file_trees

DAMAGED_SUFFIX = ".damaged"


class RecordOutcome(StrEnum):
    """What came of looking at a ticket, by the key under which the run counts it."""

    ADDED = "added"
    HAD = "already_had"
    OPEN = "left_open"
    GONE = "gone"
    FAILED = "failed_total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Who makes records, and when: the run, the mode of the files."""

    run: str
    mode: int
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRecord:
    """A ticket's record as it will be; its lease is held until `keep`, which any thread may call.

    `is_damaged`: the record in its place is, and stays beside it under another name.
    """

    draft: Draft
    lease: ExitStack
    is_damaged: bool

    def keep(self) -> None:
        """Put it in its place, whole; or leave the ticket as it was. Raises OSError."""
        with self.lease:
            try:
                if self.is_damaged:
                    _keep_aside(self.draft.path)
            except BaseException:
                self.draft.drop()
                raise
            # the name may be lost with the power: the record is found missing then, and made again
            self.draft.keep()
        reach("upgrade-written")


def make_record(
    folder: TicketFolder, maker: Maker, *, wait_seconds: float = 0
) -> PastRecord | RecordOutcome:
    """A past ticket's record, under its lease; or why none is needed. Repeatable.

    An open ticket gets its record at its end. Raises HeldError while another has the ticket, and
    what keeps its record from being made: InfoError, OSError.
    """
    mark = read_record_head(folder.receipt)
    if mark is not None and mark.version > SCHEMA_VERSION:
        raise NewerInfoError(f"{folder.receipt.name} has schema version {mark.version}")
    if mark is not None and mark.version == SCHEMA_VERSION:
        return RecordOutcome.ADDED if mark.prepared_in == maker.run else RecordOutcome.HAD
    with ExitStack() as lease:
        lease.enter_context(lease_ended(folder.path, wait_seconds=wait_seconds))
        info = _read_status(folder)
        if info is None or (info.is_open and not is_presqts(info)):
            return RecordOutcome.OPEN
        draft = None
        if mark is not None and not is_presqts(info):
            draft = _raise_schema(folder, info, maker)
        is_damaged = draft is None and folder.receipt.exists()
        if draft is None:
            draft = _draft_anew(folder, info, _old_head(folder) if is_damaged else {}, maker)
        reach("upgrade-drafted")
        return PastRecord(draft=draft, lease=lease.pop_all(), is_damaged=is_damaged)


def _read_status(folder: TicketFolder) -> ProcessInfo | None:
    """A ticket's status; None where it is lost, so that the daemon makes it anew."""
    try:
        return read_any_info(folder)
    except (NewerInfoError, UnreadableInfoError):
        raise
    except InfoError:
        if folder.is_claimed:
            return None
        raise


def _raise_schema(folder: TicketFolder, info: ProcessInfo, maker: Maker) -> Draft | None:
    """A record of schema 1 as one of today; None where it is damaged and must be made anew."""
    try:
        fingerprint = _fingerprint(folder)
        with open_record(folder.receipt) as record, ResultIndex(folder.journal) as results:
            old = record.tree
            tree = {
                # these three stand first, where `read_record_head` reads them
                "schema_version": SCHEMA_VERSION,
                "prepared_in": maker.run,
                "content_fingerprint": fingerprint,
                **{key: value for key, value in old.items() if key != "schema_version"},
                "source": {**old["source"], **_known(zip_tree(folder.find_zip()))},
                "resource": resource_tree(
                    results.container, info.resource_id, info.link_to_resource
                ),
                "same_as": None,
                "events": [*old["events"], preparation(maker.now)],
            }
            files = None if record.files is None else map(_with_media_type, record.files)
            return draft_record(folder.receipt, tree, files, mode=maker.mode)
    except UnreadableRecordError:
        raise
    except (RecordError, KeyError, TypeError):
        return None


def _draft_anew(
    folder: TicketFolder, info: ProcessInfo, old: Mapping[str, Any], maker: Maker
) -> Draft:
    """The record that the ticket should have got at its end; `old` is what a damaged one says."""
    opened = contextlib.nullcontext() if is_presqts(info) else opened_payload(folder)
    with opened as payload, ResultIndex(folder.journal) as results:
        tree = receipt_tree(folder, payload, info, results, now=maker.now, prepared_in=maker.run)
        if payload is not None:
            files = file_trees(payload, results)
            return draft_record(folder.receipt, _carry_over(tree, old), files, mode=maker.mode)
    zip_path = folder.find_zip()
    if is_presqts(info):
        zip_path = _only_zip(folder)
        tree.update(_unlike_ours(info, zip_path, maker))
    tree = _carry_over(tree, old)
    was_staged = is_presqts(info) or info.stage in {Stage.HASHED, Stage.UPLOADED}
    bag = find_past_bag(folder.path, zip_path) if was_staged else None
    # a drop that was never a valid bag has no files; of a staged one they are not known any more
    rows: Iterable[Mapping[str, Any]] | None = None if was_staged else []
    if bag is not None:
        tree["bag"] = past_bag_tree(bag)
        tree["content_fingerprint"] = bag.fingerprint()
        rows = past_file_trees(bag, info)
    return draft_record(folder.receipt, tree, rows, mode=maker.mode)


def _unlike_ours(info: ProcessInfo, zip_path: Path | None, maker: Maker) -> dict[str, Any]:
    """What a record says otherwise of a ticket of PresQT's own, of which little is known."""
    return {
        "message": info.message or "PresQT left no message.",
        "source": {
            "file": None if zip_path is None else printable_name(zip_path.name),
            **zip_tree(zip_path),
            "dropped_by": {},
        },
        "times": {
            "received_at": None,
            "finished_at": None,
            "written_at": text_from_time(maker.now),
        },
        "events": [preparation(maker.now)],
    }


def _only_zip(folder: TicketFolder) -> Path | None:
    """The zip in a folder without a claim that would name it."""
    zips = [path for path in folder.path.glob("*.zip") if path.is_file()]
    return zips[0] if len(zips) == 1 else None


def _old_head(folder: TicketFolder) -> Mapping[str, Any]:
    """What a ticket's damaged record still says, but for its files. Raises OSError."""
    ticket_log(folder.ticket).warning("its record is damaged; it is kept and made anew")
    head = readable_head(folder.receipt)
    return head if head.get("ticket_number") == folder.ticket else {}


def _keep_aside(path: Path) -> None:
    """Give a damaged record a second name, under which it stays; the first one kept stays first."""
    with contextlib.suppress(FileExistsError):
        os.link(path, path.with_name(f"{path.name}{DAMAGED_SUFFIX}"))


def _carry_over(tree: dict[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """A record made anew, with what a damaged one said of what nobody else knows any more."""
    kept = {key: value for key, value in _known(old).items() if key in tree}
    merged = {**tree, **kept}
    for key in ("schema_version", "prepared_in"):
        merged[key] = tree[key]
    merged["content_fingerprint"] = tree["content_fingerprint"] or old.get("content_fingerprint")
    if "source" in kept:
        merged["source"] = {**tree["source"], **_known(kept["source"])}
    if "events" in kept:
        merged["events"] = [*kept["events"], tree["events"][-1]]
    return merged


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is not null."""
    return {key: value for key, value in values.items() if value is not None}


def _fingerprint(folder: TicketFolder) -> str | None:
    """The content fingerprint of a record's payload files. Raises RecordError."""
    fingerprint = Fingerprint()
    with open_record(folder.receipt) as record:
        for file in record.files or ():
            if file["path"].startswith("/") and file["digests"]:
                fingerprint.add(file["path"].removeprefix("/"), file["size"], file["digests"])
    return fingerprint.text()


def _with_media_type(file: Mapping[str, Any]) -> dict[str, Any]:
    """A file's entry with its media type after its size."""
    tree: dict[str, Any] = {}
    for key, value in file.items():
        tree[key] = value
        if key == "size":
            tree["media_type"] = media_type_of(file["path"])
    return tree
