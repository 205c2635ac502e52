"""Why a bag is refused: all that is wrong with it at once, its structure and its digests."""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from presqt_daemon.bagit.bag import Structure, compare_digests
from presqt_daemon.bagit.findings import DECLARATION_SECTION, LIMITS_SECTION, RULES
from presqt_daemon.errors import HouseFault, UserFault
from presqt_daemon.findings import and_more
from presqt_daemon.model import Finding, Severity
from presqt_daemon.records.payload import PayloadError, read_head
from presqt_daemon.staging.bag_in_zip import MALFORMED
from presqt_daemon.staging.folders import keeps_case_apart, parents
from presqt_daemon.system.logs import shared_log
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.zips.entries import Archive, Member
from presqt_daemon.zips.faults import Problems
from presqt_daemon.zips.inflate import stream_digests

_START = "PresQT Error: "
_OF_THE_ZIP = frozenset(
    {
        "not-a-zip",
        "incomplete-zip",
        "unsafe-archive",
        "malformed-bag",
        "invalid-bag",
        "too-large",
        "unreadable-file",
    }
)
"""What is found in a zip's bytes, under limits of the operator's; not where it goes, nor a policy.
"""


@contextlib.contextmanager
def refused_once_only(path: Path) -> Iterator[None]:
    """A ticket's zip whose bag was found valid before is refused as no fault of its sender's.

    The digests in the ticket's folder say that it was. Why it is refused now is the operator's to
    read: HouseFault `state-lost`, and the log.
    """
    try:
        yield
    except UserFault as fault:
        if fault.code not in _OF_THE_ZIP or not _was_valid(path.parent):
            raise
        shared_log("kept zip", None).error(
            "its bag was found valid before, and the zip %s is refused now (%s): %s Look at the "
            "disk, at who may write there, and at what has changed in the configuration; put back "
            "a good copy of the zip, then retry.",
            *(path, fault.code, fault.message),
        )
        raise HouseFault(
            "state-lost",
            "The bag was found valid, but the server can no longer unpack the zip that it kept. "
            "Nothing is wrong with what was dropped: drop it again, or let the operator put the "
            "zip back and retry.",
        ) from fault


def _was_valid(folder: Path) -> bool:
    try:
        read_head(TicketFolder(folder).payload)
    except PayloadError:
        return False
    return True


def raise_unreadable(structure: Structure) -> None:
    """Raise the fault of a bag whose tag files cannot be read: `malformed-bag` or `too-large`."""
    errors = structure.of(Severity.ERROR)
    for error, start, section in (
        ("malformed-bag", f"{MALFORMED} ", DECLARATION_SECTION),
        ("too-large", _START, LIMITS_SECTION),
    ):
        first = next((entry for entry in errors if RULES[entry.code].source == section), None)
        if first is not None:
            raise _fault(
                structure, error, f"{start}{first.message}", errors, structure.errors_total
            )


def raise_wrong(
    archive: Archive,
    members: Mapping[str, Member],
    structure: Structure,
    alive: Callable[[], None] = lambda: None,
) -> None:
    """Raise all that is wrong with a bag whose manifests could be read, its digests with it.

    The digests are taken straight from the zip, nothing is written. Raises UserFault `invalid-bag`
    or `incomplete-zip`; returns where nothing is wrong.
    """
    damages: list[UserFault] = []
    digests: dict[str, dict[str, str]] = {}
    unread: set[str] = set()
    for path, member in members.items():
        if not (needed := structure.needed(path)):
            continue
        try:
            taken = stream_digests(archive, member, sorted(needed), alive)
        except UserFault as fault:
            unread.add(path)
            damages.append(fault)
        else:
            digests[path] = structure.shared(path, taken)
    archive.check_unchanged()
    differing, total = compare_digests(structure, digests, unread)
    found = (*structure.of(Severity.ERROR), *differing)
    total += structure.errors_total
    if damages:
        told = tuple(entry for fault in damages for entry in fault.findings)
        message, total = damages[0].message, total + len(damages)
        raise _fault(structure, "incomplete-zip", message, told + found, total)
    if found:
        raise invalid(structure, found, total, _START)


def check_disk_keeps_case(place: Path, structure: Structure) -> None:
    """Raise UserFault `invalid-bag` where the bag's disk would make one file of two.

    RFC 8493 6.1.1.1: names that differ by case only are allowed. Looked at before a byte is
    written, and only where the bag holds such names.
    """
    pairs = [entry for entry in structure.findings if entry.code == "name-case-duplicate"]
    if pairs and not keeps_case_apart(place):
        what = "the service's disk keeps no names apart that differ by case only"
        raise UserFault(
            "invalid-bag",
            f"{_START}{pairs[0].message} The bag cannot be staged: {what}.",
            findings=tuple(replace(entry, severity=Severity.ERROR) for entry in pairs),
            findings_total=len(pairs),
        )


def check_line_ends(
    members: Mapping[str, Member], folders: Collection[str], structure: Structure
) -> None:
    """Raise UserFault `unsafe-archive` for a line end in a name that no manifest encodes.

    RFC 8493 2.1.3 writes CR and LF as %0D and %0A; such a name is the sender's own (the Finder's
    `Icon\\r`) only where a manifest vouches for it.
    """
    odd = [path for path in (*members, *folders) if "\n" in path or "\r" in path]
    if not odd:
        return
    listed = {path for manifest in structure.manifests for path in manifest.listed}
    above = {parent for path in odd if path in listed for parent in parents(path)}
    left = sorted(set(odd) - listed - above)
    problems = Problems()
    for path in left:
        problems.add(
            "control-character",
            path,
            "the name holds a line end that no manifest lists",
            hint="Rename the file, make the bag again and zip it",
        )
    problems.raise_any()


def invalid(
    structure: Structure, findings: tuple[Finding, ...], total: int, start: str
) -> UserFault:
    """The fault of an invalid bag: the first finding in words, all of them listed and counted."""
    more = and_more(total - 1, "error")
    return _fault(structure, "invalid-bag", f"{start}{findings[0].message}{more}", findings, total)


def _fault(
    structure: Structure, error: str, message: str, findings: tuple[Finding, ...], total: int
) -> UserFault:
    # a finding without advice has no full stop of its own
    return UserFault(
        error,
        message if message.endswith((".", ")")) else f"{message}.",
        findings=findings,
        findings_total=total,
        warnings=structure.of(Severity.WARNING),
        warnings_total=structure.warnings_total,
    )
