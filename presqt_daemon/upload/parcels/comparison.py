"""A file of ours and what stands at its place, compared by digests that both sides have."""

from dataclasses import dataclass, replace

from presqt_daemon.digest import strongest_common
from presqt_daemon.targets.base import Container, Item, Target
from presqt_daemon.upload.calls.patience import Patience
from presqt_daemon.upload.parcels.body import local_digests
from presqt_daemon.upload.parcels.decide import ComparedDigests, Parcel, compare


@dataclass(frozen=True, slots=True)
class Comparison:
    """Compares for one upload; may be asked from many threads. `algorithm` is the preferred one."""

    target: Target
    container: Container
    patience: Patience
    algorithm: str | None

    def compare_at_target(self, parcel: Parcel, item: Item) -> tuple[Parcel, Item, ComparedDigests]:
        """Both with what digests it took to compare them, and the verdict."""
        item = self._asked(parcel, item)
        parcel = self._comparable(parcel, item)
        return parcel, item, compare(parcel, item, self.algorithm)

    def _asked(self, parcel: Parcel, item: Item) -> Item:
        """The item, with digests that the target gives only when asked."""
        if item.digests or item.is_folder or item.size not in {None, parcel.size}:
            return item
        offered = self.target.traits.algorithms
        wanted = self.algorithm if self.algorithm in parcel.digests else None
        algorithms = tuple(parcel.digests) if wanted is None else (wanted,)
        if not set(algorithms) & set(offered):
            # staging took none that the target knows: ours is taken when the target gives one
            algorithms += tuple(offered)
        digests = self.patience.ask(lambda: self.target.digest(self.container, item, algorithms))
        return replace(item, digests=digests)

    def _comparable(self, parcel: Parcel, item: Item) -> Parcel:
        """The parcel, with a digest in an algorithm of the target where staging took none."""
        if not item.digests or strongest_common(item.digests, parcel.digests) is not None:
            return parcel
        algorithm = strongest_common(item.digests, item.digests)
        if algorithm is None:
            return parcel
        taken = local_digests(parcel, (algorithm,))
        return replace(parcel, digests={**parcel.digests, **taken})
