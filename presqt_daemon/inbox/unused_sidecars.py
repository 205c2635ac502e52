"""Side-cars without a zip: put aside when none comes, or when theirs was taken before them."""

from collections.abc import Collection, Mapping

from presqt_daemon.inbox.claims.sidecar import LATE_AFTER_SECONDS, UNUSED_AFTER_SECONDS, put_aside
from presqt_daemon.inbox.files.names import UNUSED_SUFFIX, near_sidecar_stem, plain_zip_name
from presqt_daemon.inbox.files.places import InboxFolder, OpenPlace
from presqt_daemon.inbox.folder_context import FolderContext
from presqt_daemon.system.files import printable_name
from presqt_daemon.tickets.claim_record import NOTE_SUFFIX

_MARK_LENGTH = len(".01234567")


class UnusedSidecars:
    """The side-cars in the folders of one scanner; used by its thread alone."""

    def __init__(self, context: FolderContext) -> None:
        self._context = context
        self._seen: dict[InboxFolder, dict[tuple[str, int], float]] = {}
        """When each was seen first, by name and inode."""

    def put_unused_aside(
        self, folder: OpenPlace, name: str, inode: int, *, is_awaited: bool
    ) -> None:
        """Put a side-car away whose zip has not come for an hour."""
        if not is_awaited and self._has_lain(folder, name, inode) >= UNUSED_AFTER_SECONDS:
            self._put_aside(folder, name, "no zip came")

    def _has_lain(self, folder: OpenPlace, name: str, inode: int) -> float:
        """For how many seconds we have seen this side-car here."""
        now = self._context.clock()
        return now - self._seen.setdefault(folder.place, {}).setdefault((name, inode), now)

    def put_misnamed_aside(
        self,
        folder: OpenPlace,
        names: Collection[str],
        inodes: Mapping[str, int],
        notes: Collection[str],
        waiting: Collection[str],
    ) -> None:
        """Put aside what looks like a side-car of a zip that is a ticket already, or never came."""
        if not names:
            return
        taken = {plain_zip_name(note[: -len(NOTE_SUFFIX)][:-_MARK_LENGTH]) for note in notes}
        wanted = {plain_zip_name(name) for name in waiting}
        for name in names:
            zip_name, inode = near_sidecar_stem(name), inodes[name]
            is_late = zip_name in taken and zip_name not in wanted
            if is_late and self._has_lain(folder, name, inode) >= LATE_AFTER_SECONDS:
                self._put_aside(folder, name, "its zip was taken before it and it has another name")
            elif not is_late:
                self.put_unused_aside(folder, name, inode, is_awaited=zip_name in wanted)

    def _put_aside(self, folder: OpenPlace, name: str, why: str) -> None:
        self._context.may_act()
        try:
            put_aside(name, folder.handle)
        except OSError as error:
            self._context.warn(folder, name, f"cannot be renamed: {error.strerror}", "side-car")
            return
        shown = f"{folder.place.shown}/{printable_name(name)}"
        self._context.notices.warn(
            (folder.place, name), f"{shown}: {why}, so it is {UNUSED_SUFFIX[1:]} now", "side-car"
        )

    def forget_all_but(self, folder: OpenPlace, names: set[str]) -> None:
        """All side-cars of a folder that are not among these names are gone."""
        seen = self._seen.get(folder.place, {})
        for key in [key for key in seen if key[0] not in names]:
            del seen[key]

    def forget_places_but(self, places: set[InboxFolder]) -> None:
        """Places that are not among these are gone, with all that was in them."""
        for place in self._seen.keys() - places:
            del self._seen[place]
