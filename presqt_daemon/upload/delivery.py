"""A container gets its files: sent, committed, judged by the target's word, and listed at last."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import PurePosixPath

from presqt_daemon.model import FileResult, Fixity, Outcome
from presqt_daemon.targets.base import Item, Traits
from presqt_daemon.upload.calls.threads import TargetThreads
from presqt_daemon.upload.containers.confirm import (
    LOOK_AGAIN_SECONDS,
    UNLISTED,
    Doubtful,
    OtherFiles,
    listed_by_key,
)
from presqt_daemon.upload.parcels.decide import Parcel, folders_in, refuse_conflict
from presqt_daemon.upload.parcels.layout import remote_folders
from presqt_daemon.upload.parcels.load import Load
from presqt_daemon.upload.results import UploadSummary
from presqt_daemon.upload.transfer import Transfer

_Delivered = tuple[Parcel, Item, Outcome]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One container's upload; its results go to the summary and the journal."""

    _transfer: Transfer
    _load: Load
    _threads: TargetThreads
    _summary: UploadSummary

    def run(self) -> OtherFiles:
        """Send everything that is not there; what the container then holds besides.

        Raises what `send` raises.
        """
        transfer, listing = self._transfer, self._transfer.listing
        _refuse_conflicts(self._load, transfer.target.traits, listing)
        self._make_folders(listing)
        for result in self._threads.each(transfer.deliver, self._load.parcels()):
            if not transfer.is_open(result):
                self._settle(result)
        # not durable, here and below: the next go asks the target's list, which knows what came
        transfer.journal.flush(durable=False)
        self._judge_committed(self._commit())
        transfer.journal.flush(durable=False)
        if transfer.delivered:
            # after the last put: only what the target shows then is there
            listing = listed_by_key(transfer.target, transfer.container, self._threads)
        others = OtherFiles(listing, transfer.target.traits.names)
        # both look at every parcel, in one pass through the payload file
        self._confirm(listing, others.without(self._load.parcels()))
        transfer.journal.flush(durable=False)
        return others

    def _confirm(self, listing: Mapping[PurePosixPath, Item], parcels: Iterable[Parcel]) -> None:
        """Look again for what the listing does not show as stored; then send it once more."""
        transfer = self._transfer
        key = transfer.target.traits.names.key
        sent = (
            Doubtful(parcel=parcel, outcome=outcome, item=listing.get(key(parcel.remote)))
            for parcel in parcels
            if (outcome := transfer.delivered.get(parcel.name)) is not None
            and not self._summary.has_failed(parcel.name)
        )
        doubtful = self._ask_until_shown(self._not_shown(sent))
        missing = [one for one in doubtful if one.item is None]
        for result in self._threads.each(
            lambda one: transfer.send_again(one.parcel, None, one.outcome), missing
        ):
            if result.outcome is Outcome.IGNORED:
                self._settle(result)
        if missing:
            self._commit()
            doubtful = [one for one in doubtful if one.item is not None]
            doubtful += self._ask_until_shown(missing)
        for one in doubtful:
            self._settle(transfer.give_up(one.parcel, one.item, one.outcome))

    def _not_shown(self, sent: Iterable[Doubtful]) -> list[Doubtful]:
        return [one for one in sent if not one.is_shown(self._load.algorithm)]

    def _ask_until_shown(self, doubtful: list[Doubtful]) -> list[Doubtful]:
        """Those that remain after three looks at each by its own address, within a minute."""
        for seconds in LOOK_AGAIN_SECONDS:
            if not doubtful:
                break
            self._threads.wait(seconds, UNLISTED)
            doubtful = self._not_shown(self._threads.each(self._look_again, doubtful))
        return doubtful

    def _look_again(self, one: Doubtful) -> Doubtful:
        look_up = self._transfer.look_up
        item = self._threads.patience.ask(lambda: look_up(one.parcel))
        return replace(one, item=item)

    def _make_folders(self, listing: Mapping[PurePosixPath, Item]) -> None:
        traits = self._transfer.target.traits
        if not traits.keeps_empty_folders:
            self._summary.ignore_folders(f"/{path}" for path in self._load.found.empty_folders)

        def make(path: PurePosixPath) -> None:
            self._threads.patience.call(
                lambda _doubtful: self._transfer.target.make_folder(self._transfer.container, path)
            )

        for level in _missing_folders(self._load, traits, listing):
            for _ in self._threads.each(make, level):
                pass

    def _commit(self) -> Mapping[PurePosixPath, Item]:
        return self._threads.run(
            lambda _doubtful: self._transfer.target.commit(self._transfer.container)
        )

    def _judge_committed(self, committed: Mapping[PurePosixPath, Item]) -> None:
        """Put the commit's word in place of the puts'; what arrived wrong is sent once more."""
        transfer = self._transfer
        is_deferred = transfer.target.traits.deferred
        if not committed and not is_deferred:
            return
        wrong: dict[str, _Delivered] = {}
        jobs = self._delivered(committed, is_all=is_deferred)
        for job, result in self._threads.each(lambda job: (job, transfer.judge(*job)), jobs):
            # what was left to others differs as well, and stays theirs
            if result.fixity is Fixity.MISMATCHED and result.outcome is not Outcome.IGNORED:
                wrong[job[0].name] = job
            else:
                self._settle(result)
                transfer.finish(job[0].name)
            if result.outcome is Outcome.IGNORED:
                del transfer.delivered[job[0].name]
        if not wrong:
            return
        resent = list(self._threads.each(lambda job: transfer.send_again(*job), wrong.values()))
        committed = self._commit()
        for result in resent:
            parcel, _item, outcome = wrong[str(result.path)]
            item = committed.get(parcel.remote)
            self._settle(result if item is None else transfer.judge(parcel, item, outcome))
            transfer.finish(parcel.name)

    def _delivered(
        self, committed: Mapping[PurePosixPath, Item], *, is_all: bool
    ) -> Iterator[_Delivered]:
        """This run's puts that the commit speaks of; with `is_all` also those it passes over."""
        for parcel in self._load.parcels():
            outcome = self._transfer.delivered.get(parcel.name)
            item = committed.get(parcel.remote)
            if outcome is not None and (item is not None or is_all):
                yield parcel, item or Item(path=parcel.remote), outcome

    def _settle(self, result: FileResult) -> None:
        self._summary.add(result)
        self._transfer.journal.write_file_result(result)


def _refuse_conflicts(load: Load, traits: Traits, listing: Mapping[PurePosixPath, Item]) -> None:
    """UserFault where a file of the bag meets a folder in the container, or a folder a file."""
    if not listing or traits.parts_files_and_folders:
        return
    folders = folders_in(listing)
    for path in remote_folders(load.found, load.layout, load.tags, with_empty=False):
        refuse_conflict(path, f"/{path}", listing, folders, is_folder=True)
    for parcel in load.parcels():
        refuse_conflict(parcel.remote, parcel.name, listing, folders, is_folder=False)


def _missing_folders(
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
