"""One file's way to the target: looked up, sent, sent again when it arrived wrong, and judged."""

import contextlib
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import PurePosixPath

from presqt_daemon.digest import strongest_common
from presqt_daemon.errors import PayloadSpoilt, PresqtError, TargetFault
from presqt_daemon.model import DuplicateAction, FileResult, Finding, Fixity, Outcome
from presqt_daemon.targets.base import Body, Container, Item, Sending, Target
from presqt_daemon.targets.notes import Notes
from presqt_daemon.upload.body import local_digests, open_body
from presqt_daemon.upload.plan import Ignore, Keep, Parcel, Send, Verdict, choose, compare
from presqt_daemon.upload.progress import Meter, Track
from presqt_daemon.upload.waiting import Patience

_COLLISIONS = 3
"""How often a name may be taken behind our back before the target is not believed any more."""


class Transfer:
    """All that the files of one upload share; `carry` may be called from many threads.

    `delivered` names the files that this run has put, each with its outcome.
    """

    def __init__(
        self,
        target: Target,
        container: Container,
        listing: Mapping[PurePosixPath, Item],
        patience: Patience,
        meter: Meter,
        *,
        action: DuplicateAction,
        algorithm: str | None,
        planned: Mapping[str, Outcome],
        sent: Collection[str],
        notes: Mapping[str, Collection[str]],
        note: Callable[[str, str], None],
    ) -> None:
        """`notes` are those of earlier goes by file; `note` keeps a new one durably."""
        self._target = target
        self._container = container
        self._listing = listing
        self._patience = patience
        self._meter = meter
        self._action = action
        self._algorithm = algorithm
        self._planned = planned
        self._sent = sent
        self._keep_note = note
        self._notes = {name: self._notes_of(name, told) for name, told in notes.items()}
        self._list_lock = threading.Lock()
        self._tracks: dict[str, Track] = {}
        self.delivered: dict[str, Outcome] = {}

    def carry(self, parcel: Parcel) -> FileResult:
        """The end of one file; of a delivered one only the beginning where puts are deferred.

        Raises PresqtError with the file among its findings, PayloadSpoilt, MustWait, BrokenOff.
        """
        track = self._meter.track(parcel.size)
        try:
            result = self._carry(parcel, track)
        except PresqtError as error:
            raise _with_path(error, parcel.name) from error
        if self._is_deferred(parcel.name):
            self._tracks[parcel.name] = track
        else:
            track.finish()
        return result

    def is_open(self, result: FileResult) -> bool:
        """Whether the result waits for the target's commit."""
        return self._is_deferred(str(result.path))

    def finish(self, name: str) -> None:
        """Count a file whose put was deferred as done."""
        track = self._tracks.pop(name, None)
        if track is not None:
            track.finish()

    def send_again(self, parcel: Parcel, item: Item, outcome: Outcome) -> FileResult:
        """The end of a file that arrived wrong and is sent a second time."""
        self._refuse_spoilt(parcel)
        track = self._meter.track(0)
        stored = self._put(parcel, item, track)
        return self.judge(parcel, stored, outcome)

    def judge(self, parcel: Parcel, item: Item, outcome: Outcome) -> FileResult:
        """The file's result by what the target says of it, now or when it is asked."""
        item = self._asked(parcel, item)
        parcel = self._comparable(parcel, item)
        return _result(parcel, item, outcome, compare(parcel, item, self._algorithm))

    def _carry(self, parcel: Parcel, track: Track) -> FileResult:
        item = self._listing.get(parcel.remote)
        planned = self._plan(parcel)
        for _ in range(_COLLISIONS):
            verdict = Verdict(fixity=Fixity.UNKNOWN)
            if item is not None:
                item = self._asked(parcel, item)
                parcel = self._comparable(parcel, item)
                verdict = compare(parcel, item, self._algorithm)
            choice = choose(
                item,
                verdict.fixity,
                action=self._action,
                planned=planned,
                is_recorded=parcel.name in self._sent,
            )
            if item is not None and isinstance(choice, Keep):
                return _result(parcel, item, choice.outcome, verdict)
            if item is not None and isinstance(choice, Ignore):
                differs = verdict.fixity is Fixity.MISMATCHED
                return replace(_result(parcel, item, Outcome.IGNORED, verdict), differs=differs)
            assert isinstance(choice, Send)
            try:
                return self._deliver(parcel, choice, track)
            except _NameTaken as taken:
                item, planned = taken.item, taken.planned
        raise TargetFault(
            "target-misbehaved",
            f"The target says of {parcel.name} that it is there and that it is not.",
        )

    def _is_deferred(self, name: str) -> bool:
        return self._target.traits.deferred and name in self.delivered

    def _plan(self, parcel: Parcel) -> Outcome | None:
        """The outcome under which whatever stands at the file's place is ours."""
        if self._container.is_new:
            return Outcome.CREATED
        return self._planned.get(parcel.name)

    def _deliver(self, parcel: Parcel, choice: Send, track: Track) -> FileResult:
        """Put the file; put it once more when it arrived wrong and our own disk is right."""
        item = self._put(parcel, choice.replaces, track)
        self.delivered[parcel.name] = choice.outcome
        if self._target.traits.deferred:
            return _result(parcel, item, choice.outcome, compare(parcel, item))
        result = self.judge(parcel, item, choice.outcome)
        if result.fixity is Fixity.MISMATCHED:
            self._refuse_spoilt(parcel)
            item = self._put(parcel, item, track)
            result = self.judge(parcel, item, choice.outcome)
        return result

    def _put(self, parcel: Parcel, replaces: Item | None, track: Track) -> Item:
        """What the target says of the stored file.

        After a put whose answer was lost the listing is asked first, and only what is not there
        with the right digest is sent again.
        """
        sending = Sending(
            path=parcel.remote,
            size=parcel.size,
            digests=parcel.digests,
            open=lambda: self._open(parcel, track),
            notes=self._notes.setdefault(parcel.name, self._notes_of(parcel.name, ())),
        )
        was_doubtful = False

        def request(is_doubtful: bool) -> Item:
            nonlocal was_doubtful
            place = replaces
            if is_doubtful:
                was_doubtful = True
                there = self._look_up(parcel)
                if there is not None:
                    there = self._asked(parcel, there)
                    ours = self._comparable(parcel, there)
                    if compare(ours, there, self._algorithm).fixity is Fixity.MATCHED:
                        return there
                    place = there
            return self._target.put(self._container, sending, place)

        try:
            return self._patience.call(request)
        except FileExistsError:
            item = self._patience.call(lambda _doubtful: self._look_up(parcel))
            raise _NameTaken(item, Outcome.CREATED if was_doubtful else None) from None

    def _notes_of(self, name: str, told: Collection[str]) -> Notes:
        return Notes(told, lambda note: self._keep_note(name, note))

    def _look_up(self, parcel: Parcel) -> Item | None:
        with self._list_lock:
            return self._target.listing(self._container).get(parcel.remote)

    def _asked(self, parcel: Parcel, item: Item) -> Item:
        """The item, with digests that the target gives only when asked."""
        if item.digests or item.is_folder or item.size not in {None, parcel.size}:
            return item
        wanted = self._algorithm if self._algorithm in parcel.digests else None
        algorithms = tuple(parcel.digests) if wanted is None else (wanted,)
        digests = self._patience.call(
            lambda _doubtful: self._target.digest(self._container, item, algorithms)
        )
        return replace(item, digests=digests)

    def _comparable(self, parcel: Parcel, item: Item) -> Parcel:
        """The parcel, with a digest in an algorithm of the target where staging took none."""
        if not item.digests or strongest_common(item.digests, parcel.digests) is not None:
            return parcel
        algorithm = strongest_common(item.digests, item.digests)
        if algorithm is None:
            return parcel
        taken = local_digests(
            parcel.source, name=parcel.name, size=parcel.size, algorithms=(algorithm,)
        )
        return replace(parcel, digests={**parcel.digests, **taken})

    def _refuse_spoilt(self, parcel: Parcel) -> None:
        """PayloadSpoilt when it is our own disk that gives another content than at staging."""
        algorithm = strongest_common(parcel.digests, parcel.digests)
        if algorithm is None:
            return
        now = local_digests(
            parcel.source, name=parcel.name, size=parcel.size, algorithms=(algorithm,)
        )
        if now[algorithm] != parcel.digests[algorithm].lower():
            raise PayloadSpoilt(f"{parcel.name} has another content on the server's disk")

    def _open(self, parcel: Parcel, track: Track) -> AbstractContextManager[Body]:
        return open_body(
            parcel.source,
            name=parcel.name,
            size=parcel.size,
            digests=parcel.digests,
            algorithm=self._algorithm,
            on_position=track.reach,
        )


class _NameTaken(Exception):
    """Somebody else has put a file there since the listing; `planned` is set when it may be us."""

    def __init__(self, item: Item | None, planned: Outcome | None) -> None:
        super().__init__()
        self.item = item
        self.planned = planned


def _result(parcel: Parcel, item: Item, outcome: Outcome, verdict: Verdict) -> FileResult:
    remote = verdict.remote
    if remote is None:
        remote = next(iter(item.digests.values()), None)
    return FileResult(
        path=PurePosixPath(parcel.name),
        outcome=outcome,
        fixity=verdict.fixity,
        size=parcel.size,
        algorithm=verdict.algorithm,
        local_digest=verdict.local,
        remote_digest=remote,
        remote_path=str(item.path),
    )


def _with_path(error: PresqtError, path: str) -> PresqtError:
    """The same error, naming the file that met it."""
    if error.findings:
        return error
    with contextlib.suppress(TypeError):
        return type(error)(
            error.code,
            error.message,
            findings=(Finding(code=error.code, message=error.message, path=path),),
            retryable=error.retryable,
            retry_after=error.retry_after,
            outcome_unknown=error.outcome_unknown,
        )
    return error
