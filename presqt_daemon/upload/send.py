"""A staged bag becomes a deposit: the one entry of the upload room."""

import contextlib
import errno
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from presqt_daemon.config import TargetConfig, UploadsConfig
from presqt_daemon.leases.fence import AskedFence, Fence, pass_always
from presqt_daemon.messages import Limited, Opened, Progress, Report
from presqt_daemon.metadata.bag_metadata import bag_description, read_bag_metadata
from presqt_daemon.metadata.description_warnings import not_passed_on, required_but_missing
from presqt_daemon.model import Resolved, UploadResult
from presqt_daemon.records.journal import Journal, JournalState, Packed, read_journal
from presqt_daemon.records.payload import Payload
from presqt_daemon.system.failpoints import reach
from presqt_daemon.targets import base
from presqt_daemon.targets.base import Target
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.upload.calls.connection import connected
from presqt_daemon.upload.calls.patience import MustWait, Patience
from presqt_daemon.upload.calls.threads import TargetThreads
from presqt_daemon.upload.containers.mark import container_mark
from presqt_daemon.upload.containers.open import Asks, ContainerOpening
from presqt_daemon.upload.delivery import Delivery
from presqt_daemon.upload.fts_metadata import FtsJob, write_fts_metadata
from presqt_daemon.upload.parcels.body import recheck_payload
from presqt_daemon.upload.parcels.layout import Layout, StagedBag
from presqt_daemon.upload.parcels.load import Load, load_parcels
from presqt_daemon.upload.publishing import publish
from presqt_daemon.upload.reporting import Meter, Reporter
from presqt_daemon.upload.results import UploadSummary
from presqt_daemon.upload.transfer import Transfer

WAIT_SHARE = 0.5
"""How much of the stall limit one call may spend waiting: a wait is no progress."""

_NO_SPACE = Limited(
    reason="The server has no room for its own notes on this upload.",
    waiting_for="disk space",
    seconds=60.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendJob:
    """What an upload needs to know; `folder` is the ticket's, `boot_id` this machine's boot.

    `is_asking`: others wait for what this run finds, so the account's question is asked once.
    `fence` is asked before each request and each line of the journal. `scratch` is where the bag
    was unpacked in this run, None where it lies in the ticket's folder since it was staged.
    """

    folder: Path
    resolved: Resolved
    target: TargetConfig
    token: str | None
    uploads: UploadsConfig
    boot_id: str
    ticket: str
    is_asking: bool = False
    fence: Fence | None = None
    host: str = ""
    scratch: Path | None = None

    def patience(
        self,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
        *,
        waits_for: Callable[[str, float], None],
        before_each: Callable[[], None] = lambda: None,
    ) -> Patience:
        """How the calls of this upload are made; `waits_for` and `before_each` as there."""
        return Patience(
            target=self.target.name,
            retries=self.uploads.retries,
            limit=self.uploads.stall_limit * WAIT_SHARE,
            sleep=sleep,
            clock=clock,
            waits_for=waits_for,
            before_each=before_each,
        )


def send(
    job: SendJob,
    ask: Asks,
    report: Callable[[Report], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    connect: Callable[[TargetConfig, str | None], Target] = base.connect,
    book_turn: Callable[[int], float] = lambda _requests_per_minute: 0.0,
) -> UploadResult:
    """The end of the upload; sends only what an earlier go has not brought there.

    `ask` and `report` are called from this thread alone. `book_turn`, called from any, gives the
    seconds until the next request may be made to a target that takes so many a minute.
    Raises PresqtError when the ticket fails, MustWait when it goes on later, PayloadSpoilt and
    PayloadError when it must be staged again.
    """
    folder = TicketFolder(job.folder)
    with _room_for_notes(), Payload(folder.payload) as payload, contextlib.ExitStack() as stack:
        head = payload.head
        staged = StagedBag(payload=payload, root=(job.scratch or job.folder) / head.bag.folder)
        record = read_journal(folder.journal)
        mark = container_mark(folder, job.resolved, record)
        fence = None if job.fence is None else AskedFence(job.fence)
        may_go_on = pass_always if fence is None else fence.ask
        journal = Journal(folder.journal, clock, may_go_on, is_shared=job.fence is not None)
        reporter = Reporter(report, clock)
        reporting = threading.get_ident()

        def sleep_telling(seconds: float) -> None:
            # the threads have this one to look for them; while it waits itself nobody does
            if threading.get_ident() == reporting:
                reporter.report_when_due()
            sleep(seconds)

        patience = job.patience(
            sleep_telling, clock, waits_for=reporter.waits_for, before_each=may_go_on
        )
        if fence is not None:
            patience.before_more = fence.ask_after_silence
        stack.callback(journal.close)
        _recheck_after_reboot(job, staged, record, journal, reporter)
        retries = 0 if job.is_asking else None
        connection = partial(connect, job.target, job.token)
        target = stack.enter_context(
            connected(job.target, patience, connection, book_turn, retries=retries)
        )
        target.heard = reporter.heard
        if not target.traits.has_folders:
            stack.push(lambda _kind, error, _trace: _drop_packed(staged, error))
        # after a deposit that is whole, the receipt tells durably what the journal would
        stack.push(lambda kind, _error, _trace: journal.flush(durable=kind is not None))
        width = min(job.target.connections or job.uploads.connections, target.traits.parallel_puts)
        threads = TargetThreads(max(1, width), patience, [journal.tick, reporter.report_when_due])
        stack.callback(threads.close)
        account = threads.run(lambda _doubtful: target.account(), retries=retries)
        load = _load(job, staged, target, record, journal, reporter)
        told = read_bag_metadata(staged.root, load.tops)
        described, told_of_it = bag_description(told, head.bag.info)
        opening = ContainerOpening(
            target=target,
            resolved=job.resolved,
            mark=mark,
            record=record,
            journal=journal,
            threads=threads,
            ask=ask,
            report=report,
            fields=described.fields(),
        )
        container, listing, warnings = opening.open_listed()
        if container.is_new:
            warnings += told_of_it + required_but_missing(job.target.type, described)
            warnings += not_passed_on(job.target.type, container, described)
        reporter.tell(Opened(container_id=container.id, link=container.link, title=container.title))
        reach("send-opened")
        summary = UploadSummary()
        # what stands in a container that this run has made is ours; in every other only what has
        # our digest
        is_fresh = container.is_new and record.container is None and not record.was_creating
        transfer = Transfer(
            target=target,
            container=container,
            listing=listing,
            patience=patience,
            meter=reporter.meter,
            action=job.resolved.duplicate_action,
            algorithm=load.algorithm,
            record=record,
            journal=journal,
            is_fresh=is_fresh,
        )
        there = Delivery(transfer, load, threads, summary).run()
        warnings += load.warnings + transfer.doubts.warnings()
        if job.uploads.fts_metadata:
            fts = FtsJob(
                ticket=job.ticket,
                target_type=job.target.type,
                account=account.name,
                journal=folder.journal,
                source=told.fts,
                now=datetime.now(UTC),
            )
            warnings += write_fts_metadata(target, container, there.listing, threads, fts)
        if job.target.publish != "never":
            journal.flush()  # what cannot be undone comes after what was done
        link, note, more = publish(job.target, target, container, threads, summary, there.paths)
        reporter.end()
        return summary.result(
            link=link, algorithm=load.algorithm, note=note, warnings=warnings + more
        )


@contextlib.contextmanager
def _room_for_notes() -> Iterator[None]:
    """MustWait where the disk has no room for what the upload notes."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise MustWait(_NO_SPACE) from error


def _drop_packed(staged: StagedBag, error: BaseException | None) -> None:
    """Remove the packed bag, but not when this run only waits: the next one goes on with it."""
    if not isinstance(error, MustWait):
        staged.packed.unlink(missing_ok=True)


def _recheck_after_reboot(
    job: SendJob, staged: StagedBag, record: JournalState, journal: Journal, reporter: Reporter
) -> None:
    """Know again that the disk holds what was staged. Raises PayloadSpoilt when it does not."""
    if job.scratch is not None or job.boot_id in {staged.head.boot_id, record.verified_boot}:
        return
    if job.fence is not None and job.host != staged.head.host:
        # another host's boot says nothing of a share, and a share is not lost with a host
        return
    reporter.tell(Progress(message="Verifying the files again after a restart..."))
    recheck_payload(staged.parcels(Layout()), staged.head.algorithm, reporter.pulse)
    journal.write_verified(job.boot_id)


def _load(
    job: SendJob,
    staged: StagedBag,
    target: Target,
    record: JournalState,
    journal: Journal,
    reporter: Reporter,
) -> Load:
    """What is sent; its totals are told."""
    if not target.traits.has_folders:
        reporter.tell(Progress(message="Packing the bag into one zip..."))
    load = load_parcels(
        staged,
        target.traits,
        job.target.name,
        is_new=job.resolved.resource_id is None,
        keeps_bag=job.target.keep == "bag",
        sends_tags=job.uploads.tag_files == "folder",
        packed=record.packed,
        beat=reporter.pulse,
    )
    if load.packed is not None:
        parcel = load.packed
        journal.write_packed(Packed(name=parcel.name, size=parcel.size, digests=parcel.digests))
    meter = Meter(files_total=load.files, bytes_total=load.size)
    reporter.begin(meter, f"Uploading files to {job.target.name}...")
    return load
