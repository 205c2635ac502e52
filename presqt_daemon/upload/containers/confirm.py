"""What the target answered is what is there: the container as it is listed after the last put."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from presqt_daemon.model import Fixity, Outcome
from presqt_daemon.targets.base import Container, Item, Target
from presqt_daemon.targets.names import NameRules
from presqt_daemon.upload.calls.threads import TargetThreads
from presqt_daemon.upload.parcels.decide import Parcel, compare

LOOK_AGAIN_SECONDS = (2.0, 8.0, 20.0)
"""How long is waited before each look for what a listing did not show: lists come late."""

UNLISTED = "the target to show a file that it has taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful:
    """A file that the target says it has stored, and may not show so; `item` as it is shown."""

    parcel: Parcel
    outcome: Outcome
    item: Item | None

    def is_shown(self, algorithm: str | None) -> bool:
        """Whether it stands there, with the same size and digest as far as those are told."""
        if self.item is None or self.item.is_folder:
            return False
        return compare(self.parcel, self.item, algorithm).fixity is not Fixity.MISMATCHED


def listed_by_key(
    target: Target, container: Container, threads: TargetThreads
) -> dict[PurePosixPath, Item]:
    """The container's listing, by the keys under which the target tells names apart."""
    listing = threads.run(lambda _doubtful: target.listing(container))
    names = target.traits.names
    if names.changes_nothing:
        return dict(listing)
    return {names.key(path): item for path, item in listing.items()}


class OtherFiles:
    """Which files of a listing are none of this bag's: all that no parcel stands for.

    `paths` are theirs, once every parcel has gone by.
    """

    def __init__(self, listing: Mapping[PurePosixPath, Item], names: NameRules) -> None:
        self.listing = listing
        self._names = names
        self.paths = {path for path, item in listing.items() if not item.is_folder}

    def without(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """Hand the parcels on, and know their files as this bag's."""
        for parcel in parcels:
            key = self._names.key(parcel.remote)
            self.paths.discard(key)
            if (item := self.listing.get(key)) is not None:
                # an adapter may show one file under its own path and under the asked one
                self.paths.discard(item.path)
            yield parcel
