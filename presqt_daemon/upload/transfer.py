"""One file's way to the target: looked up, sent, sent again when it arrived wrong, and judged."""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from presqt_daemon.errors import PresqtError, TargetFault
from presqt_daemon.model import DuplicateAction, FileResult, Fixity, Outcome
from presqt_daemon.records.journal import Journal, JournalState
from presqt_daemon.targets.base import Container, Item, Notes, Sending, Target
from presqt_daemon.upload.calls.patience import Patience
from presqt_daemon.upload.parcels.body import open_body
from presqt_daemon.upload.parcels.comparison import Comparison
from presqt_daemon.upload.parcels.decide import (
    ComparedDigests,
    Ownership,
    Parcel,
    Send,
    choose,
    compare,
    in_the_way,
    is_same_content,
)
from presqt_daemon.upload.reporting import Meter, Track
from presqt_daemon.upload.results import Doubts, name_file, result_from

_MAY_PASS = frozenset({"forbidden", "resource-not-found"})
"""A 403 or 404 of one file is tried again as a 5xx is: a lock, a node that lags behind."""

_COLLISIONS = 3
"""How often a name may be taken behind our back before the target is not believed any more."""


@dataclass(kw_only=True, eq=False)
class Transfer:
    """All that the files of one upload share; `deliver` may be called from many threads.

    `listing` has the keys of the target's `names`; `is_fresh`: this run has made the container.
    `delivered` names the files that this run has put, each with its outcome; `doubts` is what is to
    be said of single files beside their results.
    """

    target: Target
    container: Container
    listing: Mapping[PurePosixPath, Item]
    patience: Patience
    meter: Meter
    action: DuplicateAction
    algorithm: str | None
    record: JournalState
    journal: Journal
    is_fresh: bool
    delivered: dict[str, Outcome] = field(default_factory=dict)
    doubts: Doubts = field(default_factory=Doubts)

    def __post_init__(self) -> None:
        self._names = self.target.traits.names
        self._weighing = Comparison(self.target, self.container, self.patience, self.algorithm)
        noted = self.record.notes.items()
        self._notes = {name: self._notes_of(name, told) for name, told in noted}
        self._look_lock = threading.Lock()
        self._tracks: dict[str, Track] = {}
        self._came_meanwhile: set[str] = set()

    def deliver(self, parcel: Parcel) -> FileResult:
        """The end of one file; of a delivered one only the beginning where puts are deferred.

        Raises PresqtError with the file among its findings, PayloadSpoilt, MustWait, BrokenOff.
        """
        track = self.meter.track(parcel.size)
        item = in_the_way(self.listing.get(self._names.key(parcel.remote)), self.target.traits)
        try:
            result = self._carry(parcel, item, self._owned(parcel), track)
        except PresqtError as error:
            name_file(error, parcel.name)
            raise
        if self.is_open(result):
            self._tracks[parcel.name] = track
        else:
            track.finish()
        return result

    def is_open(self, result: FileResult) -> bool:
        """Whether the result waits for the target's commit."""
        return self.target.traits.deferred and str(result.path) in self.delivered

    def finish(self, name: str) -> None:
        """Count a file whose put was deferred as done."""
        track = self._tracks.pop(name, None)
        if track is not None:
            track.finish()

    def send_again(self, parcel: Parcel, item: Item | None, outcome: Outcome) -> FileResult:
        """The end of a file that arrived wrong, or is not there, and is sent a second time.

        `item` is what the target said of the first; whatever else stands there by now stays, as the
        duplicate action says.
        """
        digests = {} if item is None else item.digests
        owned = Ownership(outcome=outcome, digests=digests, holds_all=self.is_fresh)
        there = self.patience.ask(lambda: self.look_up(parcel))
        return self._carry(parcel, there, owned, self.meter.track(0))

    def judge(self, parcel: Parcel, item: Item, outcome: Outcome) -> FileResult:
        """The file's result by what the target says of it, now or when it is asked."""
        parcel, item, verdict = self._weighing.compare_at_target(parcel, item)
        if item.is_taken and verdict.fixity is not Fixity.MATCHED:
            if self.action is DuplicateAction.IGNORE:
                return result_from(parcel, item, Outcome.IGNORED, verdict)
            self._came_meanwhile.add(parcel.name)
            return replace(
                result_from(parcel, item, Outcome.UPDATED, verdict), fixity=Fixity.MISMATCHED
            )
        result = result_from(parcel, item, outcome, verdict)
        if not self.is_in_place(parcel, item):
            self.doubts.add(
                "stored-under-another-name",
                parcel.name,
                asked=str(parcel.remote),
                answered=str(item.path),
            )
            return replace(result, fixity=Fixity.MISMATCHED)
        if item.has_replaced or parcel.name in self._came_meanwhile:
            self.doubts.add("has-replaced", parcel.name)
            return replace(result, has_replaced=True)
        return result

    def give_up(self, parcel: Parcel, item: Item | None, outcome: Outcome) -> FileResult:
        """The result of a file that the target does not show as it said that it stored it."""
        if item is None:
            self.doubts.add("not-there", parcel.name)
            item = Item(path=parcel.remote)
        else:
            self.doubts.add("changed-at-the-target", parcel.name)
        verdict = compare(parcel, item, self.algorithm)
        return replace(result_from(parcel, item, outcome, verdict), fixity=Fixity.MISMATCHED)

    def is_in_place(self, parcel: Parcel, item: Item) -> bool:
        """Whether the target's own path of a file is the one asked, by what it declares."""
        answered = item.path if item.asked is None else item.asked
        return self._names.key(answered) == self._names.key(parcel.remote)

    def look_up(self, parcel: Parcel) -> Item | None:
        """What stands at a file's place now."""
        with self._look_lock:
            return in_the_way(self.target.stat(self.container, parcel.remote), self.target.traits)

    def _carry(
        self, parcel: Parcel, item: Item | None, owned: Ownership | None, track: Track
    ) -> FileResult:
        for _ in range(_COLLISIONS):
            verdict = ComparedDigests(fixity=Fixity.UNKNOWN)
            if item is not None:
                parcel, item, verdict = self._weighing.compare_at_target(parcel, item)
            choice = choose(item, verdict.fixity, action=self.action, owned=owned)
            if not isinstance(choice, Send):
                assert item is not None
                return result_from(parcel, item, choice, verdict)
            holds_all = owned is not None and owned.holds_all
            try:
                return self._deliver(parcel, choice, track, holds_all=holds_all)
            except _NameTaken as taken:
                item, owned = taken.item, taken.owned
        raise TargetFault(
            "target-misbehaved",
            f"The target says of {parcel.name} that it is there and that it is not.",
        )

    def _owned(self, parcel: Parcel) -> Ownership | None:
        """What this ticket knows of the file from earlier goes, or of its own new container."""
        record, name, is_new = self.record, parcel.name, self.container.is_new
        outcome = record.planned.get(name)
        if outcome is None and not is_new:
            return None
        is_sent = name in record.sent
        # a put that was broken off may have left half a file, in a container of our own only ours
        was_broken_off = is_new and outcome is not None and not is_sent
        return Ownership(
            outcome=outcome or Outcome.CREATED,
            # without a digest, what stands in a container of our own is taken for ours, and kept
            is_sent=is_new or is_sent,
            digests=record.stored.get(name, {}),
            holds_all=self.is_fresh or was_broken_off or str(parcel.remote) in self.container.added,
        )

    def _deliver(
        self, parcel: Parcel, choice: Send, track: Track, *, holds_all: bool
    ) -> FileResult:
        """Put the file; put it once more when it arrived wrong, and is still what arrived."""
        replaces, outcome = choice.replaces, choice.outcome
        if replaces is not None and not holds_all and self.action is DuplicateAction.IGNORE:
            replaces = self._still(parcel, replaces)
        item = self._put(parcel, replaces, outcome, track)
        self.delivered[parcel.name] = outcome
        if self.target.traits.deferred:
            return result_from(parcel, item, outcome, compare(parcel, item))
        result = self.judge(parcel, item, outcome)
        if result.fixity is Fixity.MISMATCHED and self.is_in_place(parcel, item):
            item = self._put(parcel, self._still(parcel, item), outcome, track)
            result = self.judge(parcel, item, outcome)
        return result

    def _put(self, parcel: Parcel, replaces: Item | None, outcome: Outcome, track: Track) -> Item:
        """What the target says of the stored file.

        After a put whose answer was lost the place is looked at first, and the file is sent again
        only where nothing stands there, or what is to be replaced.
        """

        def reach(position: int) -> None:
            self.patience.before_more()
            track.reach(position)

        sending = Sending(
            path=parcel.remote,
            size=parcel.size,
            digests=parcel.digests,
            open=lambda: open_body(parcel, self.algorithm, reach),
            notes=self._notes.setdefault(parcel.name, self._notes_of(parcel.name, ())),
        )
        was_doubtful = False

        def request(is_doubtful: bool) -> Item:
            nonlocal was_doubtful
            place = replaces
            if is_doubtful:
                was_doubtful = True
                place = self.look_up(parcel)
                if place is not None:
                    _ours, place, verdict = self._weighing.compare_at_target(parcel, place)
                    may_replace = self._may_replace(place, replaces)
                    if verdict.fixity is Fixity.MATCHED or (
                        verdict.fixity is Fixity.UNKNOWN and not may_replace
                    ):
                        return place
                    if not may_replace:
                        raise _NameTaken(place, None)
            self.journal.write_file_intent(parcel.name, outcome, parcel.digests)
            return self.target.put(self.container, sending, place)

        try:
            return self.patience.call(request, may_pass=_MAY_PASS)
        except FileExistsError:
            there = self.patience.ask(lambda: self.look_up(parcel))
            # with our digest it came by the go whose answer was lost; another is somebody else's
            owned = Ownership(outcome=Outcome.CREATED) if was_doubtful else None
            raise _NameTaken(there, owned) from None

    def _may_replace(self, there: Item, replaces: Item | None) -> bool:
        """Whether a put that is repeated may take the place of what stands there now."""
        if self.is_fresh or self.action is DuplicateAction.UPDATE:
            return True
        if replaces is None:
            return False
        if there.digests and replaces.digests:
            return is_same_content(there, replaces.digests)
        return there.size is not None and there.size == replaces.size

    def _still(self, parcel: Parcel, item: Item) -> Item | None:
        """What stands at the place of ours that is wrong. Raises _NameTaken for another's file."""
        there = self.patience.ask(lambda: self.look_up(parcel))
        if there is None:
            return None
        _ours, there, _verdict = self._weighing.compare_at_target(parcel, there)
        if not self._may_replace(there, item):
            raise _NameTaken(there, None)
        # what the put itself has told says more to its adapter than a look
        return item if is_same_content(there, item.digests) else there

    def _notes_of(self, name: str, told: Collection[str]) -> Notes:
        return Notes(told, lambda note: self.journal.write_file_note(name, note))


class _NameTaken(Exception):
    """Somebody else has put a file there since the listing; `owned` where it may be ours."""

    def __init__(self, item: Item | None, owned: Ownership | None) -> None:
        super().__init__()
        self.item = item
        self.owned = owned
