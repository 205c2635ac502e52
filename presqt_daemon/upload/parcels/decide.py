"""What to do with one file, given what stands at its place: pure decisions over small values."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from presqt_daemon.digest import strongest_common
from presqt_daemon.errors import UserFault
from presqt_daemon.model import DuplicateAction, Fixity, Outcome
from presqt_daemon.targets.base import Item, Traits


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One file on its way: where its bytes lie and where they go.

    `name` is how the status file calls it: `/Project/dir/file` for a payload file, a path without
    the leading slash for a tag file.
    """

    name: str
    source: Path
    remote: PurePosixPath
    size: int
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedDigests:
    """Two digests compared; `algorithm` None where there was nothing to compare."""

    fixity: Fixity
    algorithm: str | None = None
    local: str | None = None
    remote: str | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """The file is sent, in place of `replaces` where that is given."""

    outcome: Outcome
    replaces: Item | None


Choice = Outcome | Send
"""What stands there stays: as the file that this ticket sent before, or ignored; or one is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """What this ticket knows of a file that it has sent, or may have.

    `outcome` is that of the sending. `is_sent`: its end is known and good. `digests` are those by
    which what stands there is known as ours: what was sent, or what the target told of a file that
    arrived wrong. `holds_all`: whatever stands there is ours, since this run has made the container
    or the target has put the file there by itself.
    """

    outcome: Outcome
    is_sent: bool = False
    digests: Mapping[str, str] = field(default_factory=dict)
    holds_all: bool = False


def compare(parcel: Parcel, item: Item, preferred: str | None = None) -> ComparedDigests:
    """Whether the target's digest agrees with ours, in the preferred or the strongest common one.

    Another size shows another content, with or without a digest.
    """
    if preferred is not None and preferred in item.digests and preferred in parcel.digests:
        algorithm: str | None = preferred
    else:
        algorithm = strongest_common(item.digests, parcel.digests)
    is_other = item.size is not None and item.size != parcel.size
    if algorithm is not None:
        local, remote = parcel.digests[algorithm].lower(), item.digests[algorithm].lower()
        return ComparedDigests(
            fixity=Fixity.MATCHED if local == remote and not is_other else Fixity.MISMATCHED,
            algorithm=algorithm,
            local=local,
            remote=remote,
        )
    return ComparedDigests(fixity=Fixity.MISMATCHED if is_other else Fixity.UNKNOWN)


def is_same_content(item: Item, digests: Mapping[str, str]) -> bool:
    """Whether the target's strongest digest that can be compared is this one."""
    algorithm = strongest_common(item.digests, digests)
    return algorithm is not None and item.digests[algorithm].lower() == digests[algorithm].lower()


def choose(
    item: Item | None, fixity: Fixity, *, action: DuplicateAction, owned: Ownership | None
) -> Choice:
    """What happens to a file.

    `item` is what stands at its place, `fixity` how that compares; `owned` is None for a file that
    this ticket has not sent. An intent is no ownership: what stands there is ours by the digest
    that we sent, and another's file is ignored, or updated where that was asked.
    """
    if item is None:
        return Send(owned.outcome if owned else Outcome.CREATED, None)
    if owned is not None:
        if fixity is Fixity.MATCHED or (fixity is Fixity.UNKNOWN and owned.is_sent):
            return owned.outcome
        if owned.holds_all or is_same_content(item, owned.digests):
            return Send(owned.outcome, item)
    if action is DuplicateAction.IGNORE or fixity is Fixity.MATCHED:
        return Outcome.IGNORED
    return Send(Outcome.UPDATED, item)


def folders_in(listing: Mapping[PurePosixPath, Item]) -> AbstractSet[PurePosixPath]:
    """Every folder that the listing names or implies."""
    found: set[PurePosixPath] = set()
    for path, item in listing.items():
        if item.is_folder:
            found.add(path)
        parent = path.parent
        while parent.parts and parent not in found:
            found.add(parent)
            parent = parent.parent
    return found


def in_the_way(item: Item | None, traits: Traits) -> Item | None:
    """What stands at a file's place, unless it is a folder beside which such a file can stand."""
    is_beside = item is not None and item.is_folder and traits.parts_files_and_folders
    return None if is_beside else item


def refuse_conflict(
    path: PurePosixPath,
    name: str,
    listing: Mapping[PurePosixPath, Item],
    folders: AbstractSet[PurePosixPath],
    *,
    is_folder: bool,
) -> None:
    """UserFault `bad-request` when a file would stand where a folder is, or the other way round."""
    item = listing.get(path)
    if is_folder and item is not None and not item.is_folder:
        raise UserFault(
            "bad-request",
            f"{name} is a folder in the bag, but a file of that name is already in the container: "
            "rename one of them.",
        )
    if not is_folder and path in folders:
        raise UserFault(
            "bad-request",
            f"{name} is a file in the bag, but a folder of that name is already in the container: "
            "rename one of them.",
        )
