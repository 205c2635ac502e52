"""A container gets its files: listed, planned, sent, committed, and judged by the target's word."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import PurePosixPath

from presqt_daemon.model import DuplicateAction, FileResult, Fixity, Outcome
from presqt_daemon.targets.base import Container, Item, Target
from presqt_daemon.upload.folders import dropped_folders, missing_folders, refuse_conflicts
from presqt_daemon.upload.freight import Freight
from presqt_daemon.upload.journal import GROUP_FILES, Journal, Record
from presqt_daemon.upload.lane import Lane
from presqt_daemon.upload.plan import Parcel, compare
from presqt_daemon.upload.tally import Tally
from presqt_daemon.upload.transfer import Transfer

_Delivered = tuple[Parcel, Item, Outcome]


class Delivery:
    """One container's upload; its results go to the tally and the journal."""

    def __init__(
        self,
        target: Target,
        container: Container,
        freight: Freight,
        lane: Lane,
        *,
        action: DuplicateAction,
        record: Record,
        journal: Journal,
        tally: Tally,
    ) -> None:
        self._target = target
        self._container = container
        self._freight = freight
        self._lane = lane
        self._action = action
        self._record = record
        self._journal = journal
        self._tally = tally

    def run(self, transfer: Transfer, listing: Mapping[PurePosixPath, Item]) -> None:
        """Send everything that is not there. Raises what `send` raises."""
        refuse_conflicts(self._freight, listing)
        self._make_folders(listing)
        parcels = self._freight.parcels()
        if not self._container.is_new:
            parcels = self._intended(parcels, listing)
        for result in self._lane.each(transfer.carry, parcels):
            if not transfer.is_open(result):
                self._settle(result)
        self._journal.flush()
        self._judge_committed(transfer, self._commit())
        self._journal.flush()

    def _make_folders(self, listing: Mapping[PurePosixPath, Item]) -> None:
        traits = self._target.traits
        self._tally.ignore_folders(dropped_folders(self._freight, traits))

        def make(path: PurePosixPath) -> None:
            self._lane.patience.call(
                lambda _doubtful: self._target.make_folder(self._container, path)
            )

        for level in missing_folders(self._freight, traits, listing):
            for _ in self._lane.each(make, level):
                pass

    def _intended(
        self, parcels: Iterator[Parcel], listing: Mapping[PurePosixPath, Item]
    ) -> Iterator[Parcel]:
        """The parcels; what each will be is durable before it is handed out.

        In a container that others write to as well, only this tells after a crash which files are
        ours.
        """
        while group := list(islice(parcels, GROUP_FILES)):
            planned = {
                parcel.name: outcome
                for parcel in group
                if parcel.name not in self._record.planned
                and (outcome := self._outcome(parcel, listing.get(parcel.remote))) is not None
            }
            self._journal.intend_files(planned)
            yield from group

    def _outcome(self, parcel: Parcel, item: Item | None) -> Outcome | None:
        """What a file will be if it is sent, None when it will surely not be."""
        if item is None:
            return Outcome.CREATED
        if self._action is DuplicateAction.IGNORE:
            return None
        fixity = compare(parcel, item, self._freight.algorithm).fixity
        return None if fixity is Fixity.MATCHED else Outcome.UPDATED

    def _commit(self) -> Mapping[PurePosixPath, Item]:
        return self._lane.run(lambda _doubtful: self._target.commit(self._container))

    def _judge_committed(self, transfer: Transfer, committed: Mapping[PurePosixPath, Item]) -> None:
        """Put the commit's word in place of the puts'; what arrived wrong is sent once more."""
        is_deferred = self._target.traits.deferred
        if not committed and not is_deferred:
            return
        wrong: dict[str, _Delivered] = {}
        jobs = self._delivered(transfer, committed, is_all=is_deferred)
        for job, result in self._lane.each(lambda job: (job, transfer.judge(*job)), jobs):
            if result.fixity is Fixity.MISMATCHED:
                wrong[job[0].name] = job
            else:
                self._settle(result)
                transfer.finish(job[0].name)
        if not wrong:
            return
        resent = list(self._lane.each(lambda job: transfer.send_again(*job), wrong.values()))
        committed = self._commit()
        for result in resent:
            parcel, _item, outcome = wrong[str(result.path)]
            item = committed.get(parcel.remote)
            self._settle(result if item is None else transfer.judge(parcel, item, outcome))
            transfer.finish(parcel.name)

    def _delivered(
        self, transfer: Transfer, committed: Mapping[PurePosixPath, Item], *, is_all: bool
    ) -> Iterator[_Delivered]:
        """This run's puts that the commit speaks of; with `is_all` also those it passes over."""
        for parcel in self._freight.parcels():
            outcome = transfer.delivered.get(parcel.name)
            item = committed.get(parcel.remote)
            if outcome is not None and (item is not None or is_all):
                yield parcel, item or Item(path=parcel.remote), outcome

    def _settle(self, result: FileResult) -> None:
        self._tally.add(result)
        self._journal.have_file(result)
