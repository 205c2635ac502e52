"""The scan of a scanner's folders: which names are there, and whom to hand each to."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from presqt_daemon.inbox.candidates import Candidates
from presqt_daemon.inbox.files.names import (
    NameKind,
    is_system_folder,
    is_zip_name,
    kind_of,
    same_name,
    sidecar_stem,
)
from presqt_daemon.inbox.files.places import InboxFolder, OpenPlace, is_bag, list_folder, open_place
from presqt_daemon.inbox.folder_context import FolderContext
from presqt_daemon.inbox.leftovers import FolderLeftovers
from presqt_daemon.inbox.rejects import PAYLOAD_FOLDER, Rejects
from presqt_daemon.inbox.set_aside_drops import resume_set_aside
from presqt_daemon.inbox.taken_requests import TakenRequests
from presqt_daemon.inbox.unused_sidecars import UnusedSidecars

TURN_SECONDS = 2.0
"""After so long in one folder the others, and the requests in it, get a look."""

Hints = dict[Path, dict[str, None]]
"""Names to look at, by folder, in the order in which they came."""


@dataclass(slots=True, kw_only=True)
class _Listing:
    kinds: dict[NameKind, list[str]] = field(
        default_factory=lambda: {kind: [] for kind in NameKind}
    )
    inodes: dict[str, int] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    odd: list[tuple[str, int]] = field(default_factory=list)


class Scan:
    """Looks at the folders of one scanner; used by its thread alone."""

    def __init__(
        self,
        context: FolderContext,
        candidates: Candidates,
        leftovers: FolderLeftovers,
        hinted_in: Callable[[Path], dict[str, None]],
    ) -> None:
        """`hinted_in` hands over what events have named in a folder meanwhile."""
        self._context = context
        self._candidates = candidates
        self._requests = TakenRequests(context)
        self._sidecars = UnusedSidecars(context)
        self._leftovers = leftovers
        self._hinted_in = hinted_in
        self.closed: dict[InboxFolder, str] = {}
        """The folders that could not be looked into in the last round, and why."""
        self._rejects = Rejects(context, self.closed)
        self._places: dict[Path, tuple[InboxFolder, tuple[int, int]]] = {}
        self._kept: Hints = {}
        self._came: dict[tuple[int, int], float] = {}
        self._rounds = 0
        self._is_halted = False
        self.again_in: float | None = None
        """Seconds after which this round's scan has to be gone on with, None when it has not."""

    def halt(self) -> None:
        """Take nothing more."""
        self._is_halted = True

    def begin_round(self) -> None:
        """All folders are going to be visited."""
        self.again_in = None
        self._rejects.is_waiting = False
        self.closed.clear()

    def visit(self, folder: OpenPlace) -> list[InboxFolder]:
        """Look at everything in an open folder; the folders in it that are to be visited too.

        Raises OSError when the folder cannot be listed.
        """
        found = self._list(folder)
        kinds, notes = found.kinds, found.kinds[NameKind.NOTE]
        self._leftovers.finish_in(folder, kinds[NameKind.ASIDE])
        # from now on what is hinted at here may be taken
        self._places[folder.path] = (folder.place, folder.identity)
        for name in kinds[NameKind.TAKEN_REQUEST]:
            self._requests.go_on_with_request(folder, name)
        for name in kinds[NameKind.REQUEST]:
            self._requests.hand_on_request(folder, name)
        for name in kinds[NameKind.ASIDE]:
            resume_set_aside(self._context, folder, name)
        self._context.copies.find(folder, notes, kinds[NameKind.COPY])
        self._context.copies.remove_expired(folder, notes, kinds[NameKind.COPY])
        drops = [name for name in kinds[NameKind.DROP] if _is_drop_in(folder.place, name)]
        if self._rejects.reject_unpacked_bag(folder, found.folders, drops, notes):
            drops = [name for name in drops if is_zip_name(name)]
            found.folders.remove(PAYLOAD_FOLDER)
        newcomers = self._look_at_drops(folder, drops, {})
        waiting = {same_name(name) for name in self._candidates.candidates.get(folder.place, {})}
        for name in kinds[NameKind.SIDECAR]:
            self._sidecars.put_unused_aside(
                folder, name, found.inodes[name], is_awaited=sidecar_stem(name) in waiting
            )
        self._sidecars.put_misnamed_aside(
            folder, kinds[NameKind.NEAR_SIDECAR], found.inodes, notes, waiting
        )
        self._candidates.forget_all_but(folder.place, {*drops, *newcomers})
        sidecars = {*kinds[NameKind.SIDECAR], *kinds[NameKind.NEAR_SIDECAR]}
        self._sidecars.forget_all_but(folder, sidecars)
        self._requests.forget_all_but(folder, set(kinds[NameKind.TAKEN_REQUEST]))
        began = self._context.clock()
        for name, mode in found.odd:
            if self._is_halted or self._context.clock() - began > TURN_SECONDS:
                self._go_on_in(0.0)
                break
            self._rejects.reject_odd_file(folder, name, mode, notes)
        inner = [self._rejects.inner(folder, name, notes) for name in found.folders]
        if self._rejects.is_waiting:
            self._go_on_in(self._context.shared.rules.settle)
        return [place for place in inner if place is not None]

    def visit_hinted(self, hints: Hints, now: float) -> None:
        """Look at the hinted names and at what is due, in the folders as they were last visited."""
        wanted: dict[Path, dict[str, None]] = {}
        for path, names in hints.items():
            if path in self._places:
                wanted[path] = dict(names)
            else:
                self._kept.setdefault(path, {}).update(names)
        due: dict[Path, list[str]] = {}
        for path, (place, _) in self._places.items():
            due[path] = self._candidates.due_names(place, now)
        for path, (place, identity) in self._places.items():
            names = wanted.get(path, {})
            if not names and not due[path]:
                continue
            try:
                with open_place(self._context.config.inbox, place) as folder:
                    if folder.identity == identity:
                        drops = self._take_hints(folder, names)
                        self._look_at_drops(folder, dict.fromkeys([*drops, *due[path]]), drops)
                        continue
            except OSError:
                pass  # the next scan says what is wrong
            self._kept.setdefault(path, {}).update(names)
            self._candidates.postpone(place, now + self._context.config.intake.rescan)
            self._go_on_in(0.0)

    def end_round(self, places: set[InboxFolder]) -> None:
        """Folders that are not among these are gone."""
        self._candidates.forget_places_but(places)
        self._requests.forget_places_but(places)
        self._sidecars.forget_places_but(places)
        self._places = {path: known for path, known in self._places.items() if known[0] in places}
        self._kept = {path: names for path, names in self._kept.items() if path in self._places}
        identities = {identity for _, identity in self._places.values()}
        self._came = {key: came for key, came in self._came.items() if key in identities}
        self._rounds += 1

    def _take_hints(self, folder: OpenPlace, hinted: dict[str, None]) -> dict[str, None]:
        """Look at the requests that events have named; the drops that they have named."""
        ignore = self._context.config.intake.ignore
        kinds = {name: kind_of(name, ignore) for name in hinted}
        for name in [name for name, kind in kinds.items() if kind is NameKind.REQUEST]:
            self._requests.hand_on_request(folder, name)
        return {
            name: None
            for name in hinted
            if kinds[name] is NameKind.DROP and _is_drop_in(folder.place, name)
        }

    def _look_at_drops(
        self, folder: OpenPlace, names: Iterable[str], hinted: dict[str, None]
    ) -> list[str]:
        """Look at each; what events name meanwhile goes before those that wait, and is returned."""
        hinted = {**self._kept.pop(folder.path, {}), **hinted}
        if self._may_be_bag(folder):
            self._kept[folder.path] = hinted
            return []
        began = self._context.clock()
        rest = iter(names)
        urgent: deque[str] = deque()
        newcomers: list[str] = []
        while True:
            if news := self._take_hints(folder, self._hinted_in(folder.path)):
                hinted |= news
                urgent.extend(news)
                newcomers.extend(news)
            name = urgent.popleft() if urgent else next(rest, None)
            if name is None:
                self._candidates.take_group(folder)
                return newcomers
            self._candidates.consider_drop(folder, name, is_hinted=name in hinted)
            if self._is_halted or self._context.clock() - began > TURN_SECONDS:
                self._candidates.take_group(folder)
                untold = (name for name in (*urgent, *rest) if name in hinted)
                self._kept[folder.path] = dict.fromkeys(untold)
                self._go_on_in(0.0)
                return newcomers

    def _may_be_bag(self, folder: OpenPlace) -> bool:
        """Whether nothing is to be taken here, since this is a bag, or a copy of one may begin.

        What is copied first may be anything; so a folder that has just come is given some time.
        """
        if len(folder.place.parts) < 2 and folder.place.is_target:  # the inbox or a target's own
            return False
        if is_bag(folder.handle):
            return True
        now = self._context.clock()
        age = now - self._came.setdefault(folder.identity, now if self._rounds else float("-inf"))
        settle = self._context.shared.rules.settle
        if age >= settle:
            return False
        self._go_on_in(settle - age)
        return True

    def _go_on_in(self, seconds: float) -> None:
        self.again_in = seconds if self.again_in is None else min(seconds, self.again_in)

    def _list(self, folder: OpenPlace) -> _Listing:
        found = _Listing()
        ignore = self._context.config.intake.ignore
        for entry in list_folder(folder):
            kind = kind_of(entry.name, ignore)
            if entry.is_dir(follow_symlinks=False):
                # a container may have any name, so `ignore` is for files
                if not is_system_folder(entry.name):
                    found.folders.append(entry.name)
            elif entry.is_file(follow_symlinks=False):
                found.kinds[kind].append(entry.name)
                found.inodes[entry.name] = entry.inode()
            elif kind is NameKind.DROP:
                try:
                    mode = entry.stat(follow_symlinks=False).st_mode
                except OSError:
                    continue
                found.odd.append((entry.name, mode))
        return found


def _is_drop_in(place: InboxFolder, name: str) -> bool:
    """Whether a file becomes a ticket here: in a folder of no target only what is called a zip."""
    return place.is_target or is_zip_name(name)
