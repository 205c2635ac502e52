"""A ticket's status made anew, when its file is lost: from its record, else from its claim."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from presqt_daemon.model import DuplicateAction, Fixity, Outcome, Stage, Status
from presqt_daemon.records.record import RecordError, UnreadableRecordError, open_record
from presqt_daemon.schemas.json_values import time_from_text
from presqt_daemon.system.files import printable_name
from presqt_daemon.tickets.claim_record import ClaimRecord
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import TicketFolder

_SAME = (
    "status_code", "message", "error_code", "target", "resource_id", "title", "hash_algorithm",
)  # fmt: skip
"""Keys that a record and a status have in common."""


def info_from_claim(record: ClaimRecord) -> ProcessInfo:
    """The status of a ticket that has just been taken."""
    moment = time_from_text(record.received_at)
    return ProcessInfo(
        ticket_number=record.ticket,
        source_file=printable_name(record.inbox_name),
        target=record.route.target,
        resource_id=record.route.resource_id,
        dropped_by={
            "uid": record.dropped_by_uid,
            "name": record.dropped_by_name,
        },
        waiting_for="a worker",
        received_at=moment,
        updated_at=moment,
    )


def rebuild_info(folder: TicketFolder, now: datetime) -> ProcessInfo:
    """The status to go on with: ended, where a record says so; else one to begin again with.

    Without a claim record only the ticket's number is known. Raises OSError when there is a record
    that cannot be read now.
    """
    ended = _ended_info(folder)
    if ended is not None:
        return ended
    if (claim := folder.read_claim()) is not None:
        return info_from_claim(claim)
    return ProcessInfo(ticket_number=folder.ticket, received_at=now, updated_at=now)


def _ended_info(folder: TicketFolder) -> ProcessInfo | None:
    """The last status of an ended ticket, None without a record that tells it."""
    try:
        with open_record(folder.receipt) as record:
            tree = record.tree
            if tree["ticket_number"] != folder.ticket:
                return None
            lists = {} if tree.get("same_as") else _lists(record.files or ())
            if record.files is None and tree["status"] != Status.FAILED:
                return None
            return _info_from_tree(tree, lists)
    except UnreadableRecordError:
        raise
    except (RecordError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _info_from_tree(tree: Mapping[str, Any], lists: Mapping[str, tuple[str, ...]]) -> ProcessInfo:
    times, bag = tree["times"], tree["bag"] or {}
    action = tree["options"]["file_duplicate_action"]
    finished_at = time_from_text(times["finished_at"])
    status = Status(tree["status"])
    is_finished = status is Status.FINISHED
    files, size = bag.get("payload_files", 0), bag.get("payload_bytes", 0)
    return ProcessInfo(
        ticket_number=tree["ticket_number"],
        status=status,
        **{key: tree[key] for key in _SAME},
        stage=Stage(tree["stage"]),
        source_file=tree["source"]["file"],
        file_duplicate_action=None if action is None else DuplicateAction(action),
        options_from=dict(tree["options"]["options_from"]),
        dropped_by=dict(tree["source"]["dropped_by"]),
        upload_total_files=files,
        upload_files_finished=files if is_finished else 0,
        upload_total_bytes=size,
        upload_bytes_finished=size if is_finished else 0,
        job_percentage=100 if is_finished else 0,
        link_to_resource=tree["link"],
        received_at=time_from_text(times["received_at"]),
        updated_at=finished_at,
        finished_at=finished_at,
        **lists,  # type: ignore[arg-type]
    )


def _lists(files: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """The status's lists of files; one of which nothing is known counts as unverified."""
    found = defaultdict[str, list[str]](list)
    for file in files:
        name, is_ignored = file["path"], file["outcome"] == Outcome.IGNORED
        if is_ignored:
            found["resources_ignored"].append(name)
        elif file["outcome"] == Outcome.UPDATED:
            found["resources_updated"].append(name)
        if is_ignored and file["differs"]:
            found["ignored_different"].append(name)
        elif file["fixity"] == Fixity.MISMATCHED and not is_ignored:
            found["failed_fixity"].append(name)
        elif file["fixity"] != Fixity.MATCHED:
            found["unverified_fixity"].append(name)
    return {name: tuple(sorted(names)) for name, names in found.items()}
