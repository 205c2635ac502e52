"""The folders of a container: which are missing, and what stands in their way."""

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import PurePosixPath

from presqt_daemon.targets.base import Item, Traits
from presqt_daemon.upload.parcels.decide import folders_in, refuse_conflict
from presqt_daemon.upload.parcels.layout import remote_folders
from presqt_daemon.upload.parcels.load import Load


def refuse_conflicts(load: Load, traits: Traits, listing: Mapping[PurePosixPath, Item]) -> None:
    """UserFault where a file of the bag meets a folder in the container, or a folder a file."""
    if not listing or traits.parts_files_and_folders:
        return
    folders = folders_in(listing)
    for path in remote_folders(load.found, load.layout, load.tags, with_empty=False):
        refuse_conflict(path, f"/{path}", listing, folders, is_folder=True)
    for parcel in load.parcels():
        refuse_conflict(parcel.remote, parcel.name, listing, folders, is_folder=False)


def missing_folders(
    load: Load, traits: Traits, listing: Mapping[PurePosixPath, Item]
) -> Iterator[list[PurePosixPath]]:
    """The folders to make, level by level: all of one level may be made at once."""
    wanted = remote_folders(
        load.found, load.layout, load.tags, with_empty=traits.keeps_empty_folders
    )
    if not traits.needs_folders:
        hollow = {load.layout.remote(path) for path in load.found.hollow}
        wanted = [path for path in wanted if path in hollow]
    there = folders_in(listing)
    depth: Callable[[PurePosixPath], int] = lambda path: len(path.parts)
    for _depth, level in groupby((path for path in wanted if path not in there), key=depth):
        yield list(level)


def dropped_folders(load: Load, traits: Traits) -> list[str]:
    """The empty folders that the target cannot hold, as the status file names them."""
    if traits.keeps_empty_folders:
        return []
    return [f"/{path}" for path in load.found.empty_folders]
