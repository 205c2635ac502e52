"""One past ticket gets its record, made of whatever is left of it; nothing is uploaded again."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from presqt_daemon.model import Stage, Status
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import printable_name
from presqt_daemon.tickets.events import preparation
from presqt_daemon.tickets.file_rows import ResultIndex
from presqt_daemon.tickets.fingerprint import Fingerprint
from presqt_daemon.tickets.info_values import text_from_time
from presqt_daemon.tickets.lease import lease_ended
from presqt_daemon.tickets.legacy import Legacy, LegacyError, read_legacy
from presqt_daemon.tickets.mark import mark_of
from presqt_daemon.tickets.media_type import media_type_of
from presqt_daemon.tickets.process_info import (
    InfoError,
    NewerInfoError,
    ProcessInfo,
    UnreadableInfoError,
)
from presqt_daemon.tickets.receipt import (
    file_trees,
    payload_of,
    receipt_tree,
    resource_tree,
    zip_tree,
)
from presqt_daemon.tickets.record import (
    SCHEMA_VERSION,
    Draft,
    RecordError,
    UnreadableRecordError,
    draft_record,
    open_record,
)
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.upgrade.damaged import carried_over, keep_aside, known, old_head
from presqt_daemon.upgrade.past_bag import find_past_bag
from presqt_daemon.upgrade.past_files import (
    ends_from_info,
    ends_from_legacy,
    past_bag_tree,
    past_file_trees,
)


class Made(StrEnum):
    """What came of looking at a ticket."""

    ADDED = "added"
    HAD = "had"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A ticket's record as it will be: held against others until it is kept or dropped."""

    draft: Draft
    lease: ExitStack
    keeps_damaged: bool = False
    """Whether the record in its place, which is damaged, stays beside it under another name."""

    def sync(self) -> None:
        """Make its content durable. Raises OSError."""
        self.draft.sync()

    def keep(self) -> None:
        """Put it in its place. Raises OSError."""
        with self.lease:
            if self.keeps_damaged:
                keep_aside(self.draft.path)
            self.draft.keep()
        reach("upgrade-written")

    def drop(self) -> None:
        """Leave the ticket as it was."""
        with self.lease:
            self.draft.drop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Who makes records: the run, the program's version, the mode of the files."""

    run: str
    agent_version: str
    mode: int


def prepare(
    folder: TicketFolder, maker: Maker, now: datetime, *, wait_seconds: float = 0
) -> Made | Prepared:
    """A past ticket's record, ready to be kept; or why none is needed. Repeatable.

    An open ticket gets its record at its end. Raises HeldError while another has the ticket, and
    what keeps its record from being made: InfoError, OSError.
    """
    mark = mark_of(folder.receipt)
    if mark is not None and mark.version > SCHEMA_VERSION:
        raise NewerInfoError(f"{folder.receipt.name} has schema version {mark.version}")
    if mark is not None and mark.version == SCHEMA_VERSION:
        return Made.ADDED if mark.prepared_in == maker.run else Made.HAD
    with ExitStack() as lease:
        lease.enter_context(lease_ended(folder.path, wait_seconds=wait_seconds))
        info = _read(folder)
        if info is None or (isinstance(info, ProcessInfo) and info.is_open):
            return Made.OPEN
        draft = None
        if mark is not None and isinstance(info, ProcessInfo):
            draft = _raise_schema(folder, info, maker, now)
        is_damaged = draft is None and folder.receipt.exists()
        if draft is None:
            old = old_head(folder) if is_damaged else {}
            if isinstance(info, Legacy):
                draft = _draft_for_presqt(folder, info, old, maker, now)
            else:
                draft = _draft_anew(folder, info, old, maker, now)
        reach("upgrade-drafted")
        return Prepared(draft=draft, lease=lease.pop_all(), keeps_damaged=is_damaged)


def _read(folder: TicketFolder) -> ProcessInfo | Legacy | None:
    """A ticket's status; None where it is lost, so that the daemon makes it anew."""
    try:
        return folder.read_info()
    except (NewerInfoError, UnreadableInfoError):
        raise
    except InfoError as error:
        try:
            return read_legacy(folder)
        except LegacyError:
            if folder.is_claimed:
                return None
            raise error from None


def _raise_schema(
    folder: TicketFolder, info: ProcessInfo, maker: Maker, now: datetime
) -> Draft | None:
    """A record of schema 1 as one of today; None where it is damaged and must be made anew."""
    try:
        fingerprint = _fingerprint(folder)
        with open_record(folder.receipt) as record, ResultIndex(folder.journal) as results:
            old = record.tree
            resource = resource_tree(results.container, info.resource_id, info.link_to_resource)
            tree = {
                **_first_keys(maker, fingerprint),
                **{key: value for key, value in old.items() if key != "schema_version"},
                "source": {**old["source"], **known(zip_tree(folder.find_zip()))},
                "resource": resource,
                "same_as": None,
                "events": [*old["events"], preparation(now, maker.agent_version)],
            }
            files = None if record.files is None else map(_with_media_type, record.files)
            return draft_record(folder.receipt, tree, files, mode=maker.mode)
    except UnreadableRecordError:
        raise
    except (RecordError, KeyError, TypeError):
        return None


def _draft_anew(
    folder: TicketFolder, info: ProcessInfo, old: Mapping[str, Any], maker: Maker, now: datetime
) -> Draft:
    """The record that the ticket should have got at its end."""
    payload = payload_of(folder)
    with ResultIndex(folder.journal) as results:
        tree = receipt_tree(
            folder,
            payload,
            info,
            results,
            agent_version=maker.agent_version,
            now=now,
            prepared_in=maker.run,
        )
        tree = carried_over(tree, old)
        if payload is not None:
            files: Iterable[Mapping[str, Any]] | None = file_trees(payload, results)
            return draft_record(folder.receipt, tree, files, mode=maker.mode)
    was_staged = info.stage in {Stage.HASHED, Stage.UPLOADED}
    bag = find_past_bag(folder.path, folder.find_zip()) if was_staged else None
    # a drop that was never a valid bag has no files; of a staged one they are not known any more
    files = None if was_staged else []
    if bag is not None:
        tree["bag"] = past_bag_tree(bag)
        tree["content_fingerprint"] = bag.fingerprint()
        files = past_file_trees(bag, ends_from_info(info))
    return draft_record(folder.receipt, tree, files, mode=maker.mode)


def _draft_for_presqt(
    folder: TicketFolder, legacy: Legacy, old: Mapping[str, Any], maker: Maker, now: datetime
) -> Draft:
    """The record of a ticket of PresQT's own, which said little."""
    zips = sorted(path for path in folder.path.glob("*.zip") if path.is_file())
    zip_path = zips[0] if len(zips) == 1 else None
    bag = find_past_bag(folder.path, zip_path)
    tree = {
        **_first_keys(maker, None if bag is None else bag.fingerprint()),
        "ticket_number": legacy.ticket,
        "status": legacy.status,
        "status_code": legacy.status_code,
        "error_code": legacy.error_code,
        "message": legacy.message or "PresQT left no message.",
        "stage": Stage.UPLOADED if legacy.status is Status.FINISHED else Stage.VALIDATED,
        "source": {
            "file": None if zip_path is None else printable_name(zip_path.name),
            **zip_tree(zip_path),
            "dropped_by": {},
        },
        "bag": None if bag is None else past_bag_tree(bag),
        "target": None,
        "resource_id": None,
        "title": None,
        "link": None,
        "options": {"file_duplicate_action": None, "options_from": {}},
        "times": {
            "received_at": None,
            "finished_at": None,
            "written_at": text_from_time(now),
        },
        "hash_algorithm": legacy.hash_algorithm,
        "resource": None,
        "same_as": None,
        "events": [preparation(now, maker.agent_version)],
    }
    files = None if bag is None else past_file_trees(bag, ends_from_legacy(legacy))
    return draft_record(folder.receipt, carried_over(tree, old), files, mode=maker.mode)


def _first_keys(maker: Maker, fingerprint: str | None) -> dict[str, Any]:
    """The keys that `mark_of` reads, which must stand first."""
    return {
        "schema_version": SCHEMA_VERSION,
        "prepared_in": maker.run,
        "content_fingerprint": fingerprint,
    }


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
