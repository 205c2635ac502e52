"""A valid bag on disk, written again when the disk did not keep it, never when the bag is wrong."""

from presqt_daemon.bagit.bag import compare_digests
from presqt_daemon.errors import HouseFault, UserFault
from presqt_daemon.findings import and_more, shown
from presqt_daemon.staging.folders import differences
from presqt_daemon.staging.preview import BagPreview
from presqt_daemon.staging.refused import invalid
from presqt_daemon.staging.unpack import Digests, Unpacked, Writing, unpack
from presqt_daemon.system.files import remove_tree
from presqt_daemon.system.spread import spread_folders
from presqt_daemon.zips.entries import Archive
from presqt_daemon.zips.inflate import stream_digests

TEMPORARY_PREFIX = ".staging-"
"""Folders of this prefix in a ticket are unfinished writes of ours; the run's number follows."""


def write_bag(archive: Archive, found: BagPreview, how: Writing) -> Digests:
    """Write the bag until its digests, read back from disk, agree with its manifests.

    What the disk spoilt is removed before the next attempt, since room is kept for one bag only;
    what stays of the folder in the end is the caller's to remove.
    Raises UserFault `invalid-bag` when the zip itself disagrees with the manifests, and HouseFault
    `internal-error` when the disk spoils every attempt.
    """
    spread_folders(how.folder.parent)
    reason = ""
    for number in range(1, how.config.attempts + 1):
        how.began(number, reason)
        result = unpack(archive, found, how)
        try:
            spoilt = _spoilt(archive, found, result, how)
        except UserFault as fault:
            if fault.code == "invalid-bag":
                how.refused(fault.findings)
            raise
        if not spoilt:
            return result.digests
        remove_tree(how.folder)
        more = and_more(len(spoilt) - 1, "file")
        reason = f"the disk did not keep {shown(spoilt[0])}{more}"
    raise HouseFault(
        "internal-error",
        f"The bag was written {how.config.attempts} times, and each time {reason}: the zip is "
        "good, the service's disk is not. Tell the operator; retry when the disk is mended.",
    )


def _spoilt(archive: Archive, found: BagPreview, result: Unpacked, how: Writing) -> list[str]:
    """Files that the disk did not keep.

    Digests straight from the zip decide whose fault a difference is. Raises UserFault
    `incomplete-zip` for a file that is damaged in the zip, and `invalid-bag` for what the zip has
    wrong.
    """
    findings, total = compare_digests(found.structure, result.digests)
    spoilt = set(result.spoilt)
    judged = {entry.path for entry in findings} | spoilt
    if not judged:
        return differences(how.folder, found.members.keys(), found.folders)
    truth = dict(result.digests)
    for path in sorted(judged & found.members.keys()):
        truth[path] = stream_digests(archive, found.members[path], result.digests[path], how.alive)
        if truth[path] != result.digests[path]:
            spoilt.add(path)
    findings, total = compare_digests(found.structure, truth)
    if any(entry.path in judged for entry in findings):
        raise invalid(found.structure, findings, total, _START)
    return sorted(spoilt)


_START = "PresQT Error: Checksums failed to validate. "
