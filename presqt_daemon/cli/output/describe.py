"""A ticket in words: everything that a person needs to know about it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from presqt_daemon.cli.output.show import brief, capped, shown, text_from_moment
from presqt_daemon.model import Finding, Status
from presqt_daemon.tickets.holds import ON_HOLD
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.units import text_from_bytes, text_from_seconds


def headline(info: ProcessInfo) -> str:
    """The one sentence: the message, and why nothing moves if nothing does."""
    if not info.is_open or info.waiting_for in {None, ON_HOLD}:
        return info.message
    until = f" (next attempt {text_from_moment(info.next_attempt_at)})"
    waits = f"Waiting for {info.waiting_for}"
    # a pause says its cause in the message
    cause = info.message.removeprefix(waits) if info.message.startswith(f"{waits}: ") else "."
    return f"{waits}{until if info.next_attempt_at else ''}{cause}"


def short_headline(info: ProcessInfo) -> str:
    """The same for a table, which says beside it that a ticket waits or has failed."""
    if info.is_open and info.waiting_for == ON_HOLD:
        return info.message.removeprefix("On hold: ")
    if info.is_open and info.waiting_for is not None:
        return headline(replace(info, next_attempt_at=None)).removeprefix("Waiting ")
    return info.message.removeprefix("PresQT Error: ")


def describe(
    info: ProcessInfo, folder: TicketFolder, now: datetime, figures: Sequence[str] = ()
) -> Iterator[str]:
    """The ticket for people, line by line: message, what is wrong, where it is.

    `figures` are its rate and the time left, where they are known.
    """
    yield brief(headline(info))
    if headline(info) != info.message and not info.message.startswith("Waiting for "):
        yield brief(info.message)
    yield ""
    yield from _trouble(info)
    yield from _aligned(_facts(info, now, figures))
    yield ""
    yield f"status file  {shown(str(folder.info))}"
    if folder.receipt.is_file():
        yield f"receipt      {shown(str(folder.receipt))}"
    if info.expiration is not None and not info.is_open:
        yield f"the zip may be removed from {text_from_moment(info.expiration)}"


def what_stays(info: ProcessInfo) -> Iterator[str]:
    """What becomes of an open ticket's deposit when it is cancelled, and where to look."""
    name = f"ticket {info.ticket_number} ({shown(info.source_file)})"
    yield f"{name}: its end is asked for"
    files = f"{info.upload_files_finished} of {info.upload_total_files} files"
    if info.link_to_resource is None and not info.upload_files_finished:
        yield "nothing is at a target yet, as far as its status says"
        return
    if info.link_to_resource is None:
        yield f"what was sent stays ({files}); its receipt will say where"
        return
    yield f"what was sent stays ({files}): {shown(info.link_to_resource)}"
    yield "remove it there if nobody needs it; a retry goes on with it"


def _trouble(info: ProcessInfo) -> Iterator[str]:
    """Every list of things that are not as they should be, the worst first."""
    yield from _listed("files whose digest at the target differs", info.failed_fixity)
    yield from _listed("errors", _lines_of(info.errors), info.errors_total)
    yield from _listed("files for which the target gave no digest", info.unverified_fixity)
    yield from _listed("files left as they were, with other content", info.ignored_different)
    yield from _listed("warnings", _lines_of(info.warnings), info.warnings_total)


def _listed(title: str, lines: Sequence[str], total: int = 0) -> Iterator[str]:
    if lines:
        yield f"{title} ({max(total, len(lines))}):"
        yield from (f"  {line}" for line in capped(lines, total))
        yield ""


def _lines_of(findings: Sequence[Finding]) -> list[str]:
    return [
        f"{item.path}: {item.message} [{item.code}]"
        if item.path and item.path not in item.message
        else f"{item.message} [{item.code}]"
        for item in findings
    ]


def _facts(info: ProcessInfo, now: datetime, figures: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield "ticket", info.ticket_number
    code = "" if info.status_code is None else f" {info.status_code}"
    name = f" {info.error_code}" if info.error_code else ""
    yield "status", f"{info.status}{code}{name}, {info.stage}, {info.job_percentage}%"
    by = info.dropped_by.get("name") or info.dropped_by.get("uid")
    dropped = f"{info.source_file or '-'}" + (f" by {by}" if by is not None else "")
    yield "dropped", f"{dropped}, taken {text_from_moment(info.received_at)}"
    if info.target is not None:
        place = info.target
        if info.resource_id is not None:
            place += f", resource {info.resource_id}"
        if info.title is not None:
            place += f", titled {info.title!r}"
        yield "goes to", place
    if info.link_to_resource is not None:
        yield "link", info.link_to_resource
    if info.upload_total_files:
        yield "sent", _sent(info)
    if figures:
        yield "rate", ", ".join(figures)
    yield from _times(info, now)
    if info.status is Status.FINISHED:
        compared = info.hash_algorithm or "no digest of the target's own"
        yield "compared by", compared
    if info.resources_ignored or info.resources_updated:
        ignored, updated = len(info.resources_ignored), len(info.resources_updated)
        yield "duplicates", f"{ignored} left as they were, {updated} replaced"


def _times(info: ProcessInfo, now: datetime) -> Iterator[tuple[str, str]]:
    """How long it has taken, how much of that it waited, and what went wrong last."""
    until = info.finished_at or now
    elapsed = text_from_seconds(max(0.0, (until - info.received_at).total_seconds()))
    tries = "" if info.attempt == 1 else f", run {info.attempt}"
    if info.finished_at is not None:
        yield "ended", f"{text_from_moment(info.finished_at)}, after {elapsed}{tries}"
        return
    yield "elapsed", f"{elapsed}{tries}"
    if info.waiting_since is None:
        return
    yield "waits since", text_from_moment(info.waiting_since)
    cause = info.message.partition(f"Waiting for {info.waiting_for}: ")[2]
    if cause:
        yield "last error", cause


def _sent(info: ProcessInfo) -> str:
    return (
        f"{info.upload_files_finished} of {info.upload_total_files} files, "
        f"{text_from_bytes(info.upload_bytes_finished)} "
        f"of {text_from_bytes(info.upload_total_bytes)}"
    )


def _aligned(facts: Iterator[tuple[str, str]]) -> Iterator[str]:
    rows = list(facts)
    width = max(len(label) for label, _text in rows) + 2
    yield from (f"{label:<{width}}{shown(text)}" for label, text in rows)
