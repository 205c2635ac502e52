"""What happened to a ticket, as PREMIS events: the record's history."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from presqt_daemon import __version__
from presqt_daemon.model import Stage, Status
from presqt_daemon.records.payload import PayloadHead
from presqt_daemon.schemas.json_values import text_from_time
from presqt_daemon.system.files import printable_name
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.units import counted

AGENT = "presqt-daemon"


def event_tree(kind: str, moment: datetime, outcome: str, detail: str) -> dict[str, Any]:
    """An event in PREMIS's terms, of which this version of the program is the agent."""
    return {
        "event_type": kind,
        "datetime": text_from_time(moment),
        "outcome": outcome,
        "detail": detail,
        "agent": {"name": AGENT, "version": __version__},
    }


def preparation(now: datetime) -> dict[str, Any]:
    """The event of a record that was made after the fact."""
    detail = "The record was made later, from what was left of the ticket."
    return event_tree("metadata modification", now, "success", detail)


def events_of(
    folder: TicketFolder, info: ProcessInfo, head: PayloadHead | None, now: datetime
) -> Iterator[dict[str, Any]]:
    """What happened, in PREMIS's terms; a step that was not reached has no event."""
    ended = info.finished_at or now
    has_failed = info.status is Status.FAILED
    taken = f"{printable_name(info.source_file)} was taken from the inbox."
    yield event_tree("ingestion", info.received_at, "success", taken)
    if head is not None:
        detail = (
            f"{head.bag.payload_files} payload files, {head.bag.payload_bytes} bytes, agree with "
            f"the manifests ({', '.join(head.bag.algorithms)})."
        )
        yield event_tree("validation", _modified(folder.payload, ended), "success", detail)
    elif has_failed:
        yield event_tree("validation", ended, "failure", info.message)
        return
    if info.stage is not Stage.UPLOADED and not folder.journal.exists():
        if has_failed:
            yield event_tree("deposition", ended, "failure", info.message)
        return
    if info.stage is Stage.UPLOADED:
        yield event_tree("fixity check", _modified(folder.journal, ended), *_fixity(info))
    yield event_tree("deposition", ended, "failure" if has_failed else "success", info.message)


def _fixity(info: ProcessInfo) -> tuple[str, str]:
    """Outcome and detail of the comparison with the target."""
    algorithm = info.hash_algorithm or "no algorithm"
    if info.failed_fixity:
        count = len(info.failed_fixity)
        verb = "differs" if count == 1 else "differ"
        return "failure", f"{counted(count, 'file')} {verb} at the target ({algorithm})."
    if info.unverified_fixity:
        count = len(info.unverified_fixity)
        files = counted(count, "file")
        return "warning", f"The target gave no digest of its own for {files} ({algorithm})."
    if info.ignored_different:
        count = len(info.ignored_different)
        files = f"{count} ignored file{' has' if count == 1 else 's have'}"
        return "warning", f"{files} another content at the target."
    return "success", f"All files have the same digest at the target ({algorithm})."


def _modified(path: Path, otherwise: datetime) -> datetime:
    """When a file was last written, which is when its step was done."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return otherwise
