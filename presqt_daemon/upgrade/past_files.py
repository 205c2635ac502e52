"""What became of a past ticket's files, as far as its status tells; what it does not is null."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from presqt_daemon.model import Fixity, Outcome, Status
from presqt_daemon.system.files import printable_name
from presqt_daemon.tickets.legacy import Legacy
from presqt_daemon.tickets.media_type import media_type_of
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.upgrade.past_bag import PastBag, PastFile


@dataclass(frozen=True, slots=True, kw_only=True)
class PastEnds:
    """The lists of an old status; paths as `/Project/dir/file`."""

    is_finished: bool
    is_determined: bool
    algorithm: str | None
    failed_fixity: frozenset[str]
    unverified_fixity: frozenset[str]
    ignored: frozenset[str]
    updated: frozenset[str]
    ignored_different: frozenset[str]


def ends_from_info(info: ProcessInfo) -> PastEnds:
    """The ends in a status of ours; ignored files were compared too."""
    return PastEnds(
        is_finished=info.status is Status.FINISHED,
        is_determined=True,
        algorithm=info.hash_algorithm,
        failed_fixity=frozenset(info.failed_fixity),
        unverified_fixity=frozenset(info.unverified_fixity),
        ignored=frozenset(info.resources_ignored),
        updated=frozenset(info.resources_updated),
        ignored_different=frozenset(info.ignored_different),
    )


def ends_from_legacy(legacy: Legacy) -> PastEnds:
    """The ends in PresQT's status, which never compared what it ignored."""
    return PastEnds(
        is_finished=legacy.status is Status.FINISHED,
        is_determined=legacy.is_determined,
        algorithm=legacy.hash_algorithm,
        failed_fixity=frozenset(legacy.failed_fixity),
        unverified_fixity=frozenset(legacy.ignored),
        ignored=frozenset(legacy.ignored),
        updated=frozenset(legacy.updated),
        ignored_different=frozenset(),
    )


def past_file_trees(bag: PastBag, ends: PastEnds) -> Iterator[dict[str, Any]]:
    """Every payload file's entry in a record, in order of path."""
    for file in bag.files:
        name = f"/{file.path}"
        outcome, fixity = past_outcome(name, ends), past_fixity(name, ends)
        is_compared = fixity in {Fixity.MATCHED, Fixity.MISMATCHED}
        yield {
            "path": printable_name(name),
            "size": file.size,
            "media_type": media_type_of(name),
            "outcome": outcome,
            "fixity": fixity,
            "algorithm": ends.algorithm if is_compared else None,
            "local_digest": _local(file, ends) if is_compared else None,
            "remote_digest": None,
            "remote_path": None,
            "packed_in": None,
            "differs": name in ends.ignored_different,
            "digests": dict(file.digests),
        }


def past_bag_tree(bag: PastBag) -> Mapping[str, Any]:
    """The bag's entry in a record."""
    return {
        "folder": printable_name(bag.folder),
        "version": bag.version,
        "algorithms": list(bag.algorithms),
        "payload_files": len(bag.files),
        "payload_bytes": bag.payload_bytes,
    }


def past_outcome(name: str, ends: PastEnds) -> Outcome | None:
    """What became of a file; of an upload that did not finish nobody knows."""
    if not ends.is_finished:
        return None
    if name in ends.ignored:
        return Outcome.IGNORED
    return Outcome.UPDATED if name in ends.updated else Outcome.CREATED


def past_fixity(name: str, ends: PastEnds) -> Fixity | None:
    """How the target's digest compared, as far as the status lists it."""
    if not ends.is_finished:
        return None
    if name in ends.failed_fixity or name in ends.ignored_different:
        return Fixity.MISMATCHED
    if name in ends.unverified_fixity or not ends.is_determined or ends.algorithm is None:
        return Fixity.UNKNOWN
    return Fixity.MATCHED


def _local(file: PastFile, ends: PastEnds) -> str | None:
    return file.digests.get(ends.algorithm or "")
