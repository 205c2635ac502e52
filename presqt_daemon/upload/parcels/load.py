"""All that one upload sends, checked against what the target can take."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from presqt_daemon.digest import choose_algorithm, is_known
from presqt_daemon.model import Finding
from presqt_daemon.records.journal import Packed
from presqt_daemon.targets.base import Traits
from presqt_daemon.upload.parcels.decide import Parcel
from presqt_daemon.upload.parcels.layout import (
    Layout,
    PayloadShape,
    StagedBag,
    layout_for,
    refuse_unfit,
    shape_of_payload,
    tag_parcels,
    tags_beside,
)
from presqt_daemon.upload.parcels.names import check_names
from presqt_daemon.upload.parcels.pack import FALLBACK_ALGORITHM, pack, packed_name, parcel_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The files to send and their sum; `packed` is the one zip where the target has no folders.

    `found` is what the payload was seen to be made of, empty for a packed bag; `tops` are the names
    that stand directly in it.
    """

    staged: StagedBag
    files: int
    size: int
    algorithm: str | None
    found: PayloadShape
    layout: Layout
    tops: frozenset[str]
    tags: tuple[Parcel, ...] = ()
    packed: Parcel | None = None
    warnings: tuple[Finding, ...] = ()

    def parcels(self) -> Iterator[Parcel]:
        """Every file on its way, always in the same order."""
        if self.packed is not None:
            yield self.packed
            return
        yield from self.tags
        yield from self.staged.parcels(self.layout)


def load_parcels(
    staged: StagedBag,
    traits: Traits,
    target: str,
    *,
    is_new: bool,
    keeps_bag: bool,
    sends_tags: bool,
    packed: Packed | None,
    beat: Callable[[], None],
) -> Load:
    """What is sent. Raises UserFault where the target cannot take it, PayloadSpoilt.

    The tag files go along where the bag is kept whole or they are wanted beside the payload; a
    packed bag holds them anyway. `packed` is what an earlier go has packed: when that file is still
    there it is taken, and its digest proves itself while it is sent. `beat` is called while the bag
    is packed.
    """
    found = shape_of_payload(staged.payload.files(), staged.head.folders)
    if not traits.has_folders:
        _refuse_zip(traits, target, found.size, packed_name(found))
        load = _pack(staged, traits, found, packed, beat)
        _refuse_zip(traits, target, load.size, packed_name(found))
        return load
    head = staged.head
    layout = layout_for(found, is_new=is_new, keeps_bag=keeps_bag, bag_folder=head.bag.folder)
    tags: tuple[Parcel, ...] = ()
    if keeps_bag or sends_tags:
        if not keeps_bag:
            paths = chain((file.path for file in staged.payload.files()), found.hollow)
            layout = tags_beside(layout, paths, is_new=is_new, bag_folder=head.bag.folder)
        tags = tuple(tag_parcels(layout, staged.root, (head.algorithm or FALLBACK_ALGORITHM,)))
    refuse_unfit(
        traits,
        target,
        files=found.files + len(tags),
        largest=max([found.largest, *((tag.size, tag.name) for tag in tags)]),
        empty_files=[*found.empty_files, *(tag.name for tag in tags if tag.size == 0)],
    )
    warnings = check_names(
        traits.names,
        target,
        chain(
            ((tag.name, tag.remote) for tag in tags),
            ((f"/{file.path}", layout.place(file.path)) for file in staged.payload.files()),
        ),
        [layout.place(path) for path in found.hollow if traits.keeps_empty_folders],
    )
    layout = replace(layout, names=traits.names)
    tags = tuple(replace(tag, remote=traits.names.stored(tag.remote)) for tag in tags)
    return Load(
        staged=staged,
        files=found.files + len(tags),
        size=found.size + sum(tag.size for tag in tags),
        algorithm=head.algorithm,
        found=found,
        layout=layout,
        tops=frozenset((*found.top_folders, *found.top_files)),
        tags=tags,
        warnings=warnings,
    )


def _pack(
    staged: StagedBag,
    traits: Traits,
    found: PayloadShape,
    earlier: Packed | None,
    beat: Callable[[], None],
) -> Load:
    """The whole bag as one zip."""
    offered = tuple(filter(is_known, traits.algorithms)) or (FALLBACK_ALGORITHM,)
    packed = _still_packed(staged, packed_name(found), offered, earlier)
    packed = packed or pack(staged, found, offered, beat)
    return Load(
        staged=staged,
        files=1,
        size=packed.size,
        algorithm=choose_algorithm(traits.algorithms, ()),
        found=PayloadShape(),
        layout=Layout(),
        tops=frozenset((*found.top_folders, *found.top_files)),
        packed=packed,
    )


def _still_packed(
    staged: StagedBag, name: str, algorithms: tuple[str, ...], earlier: Packed | None
) -> Parcel | None:
    """The zip that an earlier go has packed and noted when it was whole."""
    if earlier is None or earlier.name != name or not set(algorithms) <= set(earlier.digests):
        return None
    try:
        size = staged.packed.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return None
    if size != earlier.size:
        return None
    return parcel_of(staged.packed, name, size, earlier.digests)


def _refuse_zip(traits: Traits, target: str, size: int, name: str) -> None:
    refuse_unfit(traits, target, files=1, largest=(size, name), empty_files=[])
