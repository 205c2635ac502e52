"""A ticket's zip becomes a valid bag with known digests: the one entry for workers."""

import contextlib
import errno
import gc
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from presqt_daemon.config import StagingConfig
from presqt_daemon.digest import choose_algorithm
from presqt_daemon.errors import HouseFault, UserFault
from presqt_daemon.leases.fence import Fence
from presqt_daemon.messages import Alive, Attempt, Progress, Reached, Report, Surveyed
from presqt_daemon.model import Bag, Finding, Stage
from presqt_daemon.records.payload import PayloadHead, write_rows
from presqt_daemon.staging.attempts import TEMPORARY_PREFIX, write_bag
from presqt_daemon.staging.code_page import open_bag_zip
from presqt_daemon.staging.library import disagreement, trouble_in_time
from presqt_daemon.staging.policy.check import check_policy, require_check
from presqt_daemon.staging.preview import PAYLOAD, BagPreview, preview_bag
from presqt_daemon.staging.refused import check_disk_keeps_case, refused_once_only
from presqt_daemon.staging.second_writer import SecondWriter, helpers_for
from presqt_daemon.staging.unpack import Digests, Writing
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import remove_tree
from presqt_daemon.system.logs import shared_log
from presqt_daemon.tickets.store import RESERVED_NAMES, TicketFolder
from presqt_daemon.zips.entries import Archive

PROGRESS_BYTES = 1 << 20
PROGRESS_FILES = 100
BLOCKS_FOR_ALIVE = 256
_MAX_NAME_BYTES = 255
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True, kw_only=True)
class StageJob:
    """One zip to stage: `zip_name` in the ticket's `folder`; `payload_mode` is that of files.

    `fence` is asked before what it leaves gets its name. `epoch` is the run's among all of the
    ticket's. `scratch` is a folder of the run's own on another disk, where the bag goes then.
    """

    folder: Path
    zip_name: str
    config: StagingConfig
    payload_mode: int
    boot_id: str
    fence: Fence | None = None
    host: str = ""
    epoch: int = 0
    scratch: Path | None = None

    @property
    def place(self) -> Path:
        """The folder in which the bag gets its name."""
        return self.folder if self.scratch is None else self.scratch

    @property
    def temporary(self) -> Path:
        """Where the bag is until it is valid; of two tickets never the same name, for the disk."""
        return self.place / f"{TEMPORARY_PREFIX}{self.epoch}-{self.folder.name[:8]}"


def stage(
    job: StageJob,
    ask: Callable[[Surveyed], Collection[str]],
    report: Callable[[Report], None],
) -> Bag:
    """The bag: unpacked, valid, and every digest that the upload needs in `payload.jsonl`.

    Repeatable: what an earlier run left is removed first. Nothing is written before `ask` is
    answered, with the algorithms that the bag's target gives, in order of trust. Raises UserFault
    for the drop, HouseFault `out-of-space` and `check-failed` (both retryable), `internal-error`
    and `state-lost` for the machine.
    """
    require_check(job.config)
    zip_path = job.folder / job.zip_name
    with refused_once_only(zip_path), open_for_unpacking(job) as (archive, helpers):
        found = preview_bag(archive, job.config, pulse_of(report))
        check_disk_keeps_case(job.place, found.structure)
        algorithms = tuple(ask(found.surveyed()))
        algorithm = choose_algorithm(algorithms, found.structure.algorithms)
        name = bag_folder(found.root, job.zip_name)
        _clear(job, name)
        try:
            digests = write_bag(archive, found, writing_of(job, found, algorithm, helpers, report))
            reach("stage-unpacked")
            # taking a drop waits for no disk, so here its zip becomes durable
            os.fdatasync(archive.fd)
            return _keep(job, found, digests, name, algorithm, report)
        except BaseException:
            remove_tree(job.temporary)
            raise


@contextlib.contextmanager
def open_for_unpacking(job: StageJob) -> Iterator[tuple[Archive, tuple[SecondWriter, ...]]]:
    """A job's zip and who helps to write its bag. A full disk is named; see `full_disk_named`."""
    with (
        full_disk_named(),
        collector_paused(),
        open_bag_zip(job.folder / job.zip_name, job.config) as archive,
        helpers_for(archive) as helpers,
    ):
        yield archive, helpers


def no_payload() -> UserFault:
    """The fault of a valid bag with nothing to deposit."""
    return UserFault(
        "bad-request",
        "The bag is valid but holds no payload files, so there is nothing to deposit: put the "
        "files into its data/ folder, make the manifests again, and drop it again.",
    )


def bag_folder(root: str, zip_name: str) -> str:
    """The bag's folder in the ticket: its own name, or `<zip stem>.bag` where that is not free."""
    name = root.rstrip("/")
    stem = zip_name[:-4] if zip_name.lower().endswith(".zip") else zip_name
    own = (*RESERVED_NAMES, zip_name, f"{zip_name}.yaml")  # the last is the side-car's
    taken = {reserved.casefold() for reserved in own}
    if name and not name.startswith(".") and name.casefold() not in taken:
        return name
    name = f"{_cut(stem.lstrip('.') or 'bag')}.bag"
    return name if name.casefold() not in taken else f"{name}.bag"


class _Meter:
    """Turns files and bytes into reports, at most one for each megabyte or hundred files."""

    def __init__(self, found: BagPreview, report: Callable[[Report], None]) -> None:
        self._report = report
        self._now = self._told = Progress(
            bytes_done=0,
            bytes_total=found.unpacked_bytes,
            files_done=0,
            files_total=len(found.members),
        )

    def began(self, number: int, reason: str) -> None:
        self._now = self._told = replace(self._now, bytes_done=0, files_done=0)
        message = f"Attempt {number}: {reason}, so the bag is written again."
        self._report(
            Attempt(
                number=number,
                message=message if reason else "The bag is being unpacked and validated.",
            )
        )

    def advance(self, count: int, files: int) -> None:
        now, told = self._now, self._told
        self._now = now = replace(
            now, bytes_done=now.bytes_done + count, files_done=now.files_done + files
        )
        if (
            now.bytes_done - told.bytes_done >= PROGRESS_BYTES
            or now.files_done - told.files_done >= PROGRESS_FILES
            or now.files_done == now.files_total
        ):
            self._told = now
            self._report(now)


def pulse_of(report: Callable[[Report], None]) -> Callable[[], None]:
    """Says now and then that blocks are read, however long no figure changes."""
    blocks = count(1)

    def beat() -> None:
        if next(blocks) % BLOCKS_FOR_ALIVE == 0:
            report(Alive())

    return beat


def writing_of(
    job: StageJob,
    found: BagPreview,
    algorithm: str | None,
    helpers: tuple[SecondWriter, ...],
    report: Callable[[Report], None],
) -> Writing:
    """How the bag of a zip is written in its place."""
    meter = _Meter(found, report)
    return Writing(
        folder=job.temporary,
        mode=job.payload_mode,
        algorithm=algorithm,
        config=job.config,
        began=meter.began,
        progress=meter.advance,
        alive=pulse_of(report),
        refused=lambda findings: _ask_another(job, findings, is_valid=False),
        helpers=helpers,
    )


def _keep(
    job: StageJob,
    found: BagPreview,
    digests: Digests,
    name: str,
    algorithm: str | None,
    report: Callable[[Report], None],
) -> Bag:
    """Give the valid bag its name and put its digests where the upload finds them."""
    bag = found.bag(name)
    _ask_another(job, is_valid=True)
    if not found.payload_files:
        raise no_payload()
    check_policy(job.temporary, found.members, job.config, lambda: report(Alive()))
    if job.fence is not None:
        job.fence.pass_or_leave()
    job.temporary.rename(job.place / name)  # made durable with the status that tells of it
    report(Reached(stage=Stage.VALIDATED, bag=bag))
    reach("stage-validated")
    head = PayloadHead(
        bag=bag,
        algorithm=algorithm,
        boot_id=job.boot_id,
        folders=found.empty_folders(),
        host=job.host,
    )
    rows = payload_rows(found, digests)
    fingerprint = write_rows(TicketFolder(job.folder).payload, head, rows)
    reach("stage-hashed")
    report(Reached(stage=Stage.HASHED, algorithm=algorithm))
    return replace(bag, fingerprint=fingerprint)


def _ask_another(job: StageJob, findings: tuple[Finding, ...] = (), *, is_valid: bool) -> None:
    """Log where the library sees a bag on disk otherwise; the verdict stays ours."""
    if job.config.second_opinion == "bagit":
        doubt = disagreement(job.temporary, is_valid, findings, trouble_in_time)
        if doubt is not None:
            shared_log("second opinion", None).warning("%s", doubt)


def payload_rows(found: BagPreview, digests: Digests) -> Iterator[tuple[str, int, dict[str, str]]]:
    """The payload, sorted by path, so that two stagings of one zip give one file."""
    start = len(PAYLOAD)
    for path in sorted(path for path in found.members if path.startswith(PAYLOAD)):
        yield path[start:], found.members[path].size, digests[path]


def _clear(job: StageJob, name: str) -> None:
    """Remove the bag that an earlier run left; its digests stay, and say that it was valid."""
    if job.scratch is not None:
        remove_tree(job.folder / name)  # of a run without a scratch folder
        return
    is_first = job.epoch == 1
    for left in (job.temporary,) if is_first else job.folder.glob(f"{TEMPORARY_PREFIX}*"):
        remove_tree(left)
    with contextlib.suppress(FileNotFoundError):
        (job.folder / name).rename(job.temporary)
        remove_tree(job.temporary)


@contextlib.contextmanager
def full_disk_named() -> Iterator[None]:
    """Turns a full disk into HouseFault `out-of-space`, which is retryable."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise HouseFault(
            "out-of-space", "The disk is full: the bag could not be unpacked.", retryable=True
        ) from error


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """No search for cycles of garbage: a bag's hundred thousands of values make none."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _cut(stem: str) -> str:
    raw = os.fsencode(stem)[: _MAX_NAME_BYTES - len(".bag.bag")]
    return raw.decode("utf-8", "ignore") or "bag"
