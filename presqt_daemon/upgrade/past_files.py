"""What became of a past ticket's files, as far as its status tells; what it does not is null."""

from collections.abc import Iterator, Mapping
from typing import Any

from presqt_daemon.model import Fixity, Outcome, Status
from presqt_daemon.records.receipt import file_tree
from presqt_daemon.system.files import printable_name
from presqt_daemon.tickets.legacy import has_compared, is_presqts
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.upgrade.past_bag import PastBag


def past_file_trees(bag: PastBag, info: ProcessInfo) -> Iterator[dict[str, Any]]:
    """Every payload file's entry in a record, in order of path."""
    has_ended = info.status is Status.FINISHED
    ignored, updated = frozenset(info.resources_ignored), frozenset(info.resources_updated)
    differing = frozenset(info.ignored_different)
    mismatched = differing | frozenset(info.failed_fixity)
    # PresQT never compared what it ignored
    unverified = ignored if is_presqts(info) else frozenset(info.unverified_fixity)
    is_told = has_compared(info)
    for file in bag.files:
        name = f"/{file.path}"
        outcome = fixity = None
        # of an upload that did not finish nobody knows what became of a file
        if has_ended:
            outcome = Outcome.UPDATED if name in updated else Outcome.CREATED
            fixity = Fixity.UNKNOWN if name in unverified or not is_told else Fixity.MATCHED
        if has_ended and name in ignored:
            outcome = Outcome.IGNORED
        if has_ended and name in mismatched:
            fixity = Fixity.MISMATCHED
        is_compared = fixity in {Fixity.MATCHED, Fixity.MISMATCHED}
        yield file_tree(name, file.size) | {
            "outcome": outcome,
            "fixity": fixity,
            "algorithm": info.hash_algorithm if is_compared else None,
            "local_digest": file.digests.get(info.hash_algorithm or "") if is_compared else None,
            "differs": name in differing,
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
