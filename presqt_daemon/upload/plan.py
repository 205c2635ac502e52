"""What to do with one file, given what stands at its place: pure decisions over small values."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from presqt_daemon.digest import strongest_common
from presqt_daemon.errors import UserFault
from presqt_daemon.model import DuplicateAction, Fixity, Outcome
from presqt_daemon.targets.base import Item


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
class Verdict:
    """Two digests compared; `algorithm` None where there was nothing to compare."""

    fixity: Fixity
    algorithm: str | None = None
    local: str | None = None
    remote: str | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """The file stands there already, by this ticket; nothing is sent."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Ignore:
    """A duplicate that stays as it is."""


@dataclass(frozen=True, slots=True)
class Send:
    """The file is sent, in place of `replaces` where that is given."""

    outcome: Outcome
    replaces: Item | None


Choice = Keep | Ignore | Send


def compare(parcel: Parcel, item: Item, preferred: str | None = None) -> Verdict:
    """Whether the target's digest agrees with ours, in the preferred or the strongest common one.

    Without a common algorithm another size still shows another content.
    """
    if preferred is not None and preferred in item.digests and preferred in parcel.digests:
        algorithm: str | None = preferred
    else:
        algorithm = strongest_common(item.digests, parcel.digests)
    if algorithm is not None:
        local, remote = parcel.digests[algorithm].lower(), item.digests[algorithm].lower()
        return Verdict(
            fixity=Fixity.MATCHED if local == remote else Fixity.MISMATCHED,
            algorithm=algorithm,
            local=local,
            remote=remote,
        )
    is_other = item.size is not None and item.size != parcel.size
    return Verdict(fixity=Fixity.MISMATCHED if is_other else Fixity.UNKNOWN)


def choose(
    item: Item | None,
    fixity: Fixity,
    *,
    action: DuplicateAction,
    planned: Outcome | None,
    is_recorded: bool,
) -> Choice:
    """What happens to a file.

    `item` is what stands at its place, `fixity` how that compares. `planned` is the outcome under
    which this ticket wrote, or may have written, that item itself; `is_recorded` says that the
    journal knows it as sent.
    """
    if item is None:
        return Send(planned or Outcome.CREATED, None)
    if planned is not None:
        is_there = fixity is Fixity.MATCHED or (fixity is Fixity.UNKNOWN and is_recorded)
        return Keep(planned) if is_there else Send(planned, item)
    if action is DuplicateAction.IGNORE or fixity is Fixity.MATCHED:
        return Ignore()
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
