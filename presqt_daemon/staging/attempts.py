"""A valid bag on disk, written again when the disk did not keep it, never when the bag is wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from presqt_daemon.bagit.bag import compare_digests
from presqt_daemon.errors import HouseFault, UserFault
from presqt_daemon.findings import and_more, shown
from presqt_daemon.model import Finding
from presqt_daemon.staging.folders import differences
from presqt_daemon.staging.preview import PAYLOAD, BagPreview
from presqt_daemon.staging.refused import invalid
from presqt_daemon.staging.second_writer import SecondWriter
from presqt_daemon.staging.small import OnWritten
from presqt_daemon.staging.unpack import Unpacked, UnpackJob, unpack
from presqt_daemon.system.files import remove_tree
from presqt_daemon.system.spread import spread_folders
from presqt_daemon.zips.entries import Archive
from presqt_daemon.zips.stream import stream_digests

TEMPORARY_PREFIX = ".staging-"
"""Folders of this prefix in a ticket are unfinished writes of ours; the run's number follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How a bag is written. `folder` is not there yet; `mode` is that of files.

    `algorithm` is wanted of payload files too.

    `refused` hears of a bag that is invalid, with its folder and findings, while it is on disk.
    """

    folder: Path
    mode: int
    algorithm: str | None
    attempts: int
    from_disk: bool
    began: Callable[[int, str], None]
    progress: Callable[[int, int], None]
    alive: Callable[[], None]
    refused: Callable[[Path, tuple[Finding, ...]], None] = lambda *_: None
    helpers: tuple[SecondWriter, ...] = ()
    on_written: OnWritten | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A valid bag in its temporary folder; `digests` by path relative to it, then algorithm."""

    folder: Path
    digests: dict[str, dict[str, str]]


def write_bag(archive: Archive, found: BagPreview, how: Writing) -> Written:
    """Write the bag until its digests, read back from disk, agree with its manifests.

    What the disk spoilt is removed before the next attempt, since room is kept for one bag only;
    what stays of the folder in the end is the caller's to remove.
    Raises UserFault `invalid-bag` when the zip itself disagrees with the manifests, and HouseFault
    `internal-error` when the disk spoils every attempt.
    """
    folder = how.folder
    spread_folders(folder.parent)
    reason = ""
    for number in range(1, how.attempts + 1):
        how.began(number, reason)
        result = unpack(
            UnpackJob(
                archive=archive,
                members=found.members,
                folders=found.folders,
                destination=folder,
                mode=how.mode,
                algorithms=_needed(found, how.algorithm),
                shared=found.structure.shared,
                progress=how.progress,
                from_disk=how.from_disk,
                helpers=how.helpers,
                on_written=how.on_written,
            )
        )
        try:
            spoilt = _spoilt(archive, found, folder, result, how.alive)
        except UserFault as fault:
            if fault.code == "invalid-bag":
                how.refused(folder, fault.findings)
            raise
        if not spoilt:
            return Written(folder=folder, digests=result.digests)
        remove_tree(folder)
        more = and_more(len(spoilt) - 1, "file")
        reason = f"the disk did not keep {shown(spoilt[0])}{more}"
    raise HouseFault(
        "internal-error",
        f"The bag was written {how.attempts} times, and each time {reason}: the zip is good, the "
        "service's disk is not. Tell the operator; retry when the disk is mended.",
    )


def _needed(found: BagPreview, algorithm: str | None) -> Callable[[str], tuple[str, ...]]:
    """Which digests a file needs, sorted: what its manifests list and, of payload, the target's.

    Asked for every file, so that each kind of answer is made once, by which manifests it needs.
    """
    listings = [entry for entry in found.structure.manifests if entry.file.verifiable]
    known: dict[int, tuple[str, ...]] = {}

    def needed(path: str) -> tuple[str, ...]:
        key = int(algorithm is not None and path.startswith(PAYLOAD))
        for entry in listings:
            key = 2 * key + (path in entry.listed)
        if key not in known:
            names = {entry.file.algorithm for entry in listings if path in entry.listed}
            if algorithm is not None and path.startswith(PAYLOAD):
                names.add(algorithm)
            known[key] = tuple(sorted(names))
        return known[key]

    return needed


def _spoilt(
    archive: Archive,
    found: BagPreview,
    folder: Path,
    result: Unpacked,
    alive: Callable[[], None],
) -> list[str]:
    """Files that the disk did not keep.

    Digests straight from the zip decide whose fault a difference is. Raises UserFault
    `incomplete-zip` for a file that is damaged in the zip, and `invalid-bag` for what the zip has
    wrong.
    """
    findings, total = compare_digests(found.structure, result.digests)
    spoilt = set(result.spoilt)
    judged = {entry.path for entry in findings} | spoilt
    if not judged:
        return differences(folder, found.members.keys(), found.folders)
    truth = dict(result.digests)
    for path in sorted(judged & found.members.keys()):
        truth[path] = stream_digests(archive, found.members[path], result.digests[path], alive)
        if truth[path] != result.digests[path]:
            spoilt.add(path)
    findings, total = compare_digests(found.structure, truth)
    if any(entry.path in judged for entry in findings):
        raise invalid(found.structure, findings, total, _START, _HINT)
    return sorted(spoilt)


_START = "PresQT Error: Checksums failed to validate. "
_HINT = " Make the bag again from the original files and zip it."
