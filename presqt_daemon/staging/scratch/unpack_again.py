"""A bag that was staged before, unpacked once more on this host's own disk and proven."""

from collections.abc import Callable
from itertools import zip_longest

from presqt_daemon.errors import PayloadSpoilt, UserFault
from presqt_daemon.messages import Alive, Report, Surveyed
from presqt_daemon.records.payload import Payload
from presqt_daemon.staging.attempts import write_bag
from presqt_daemon.staging.preview import preview_bag
from presqt_daemon.staging.stage import (
    StageJob,
    open_for_unpacking,
    payload_rows,
    pulse_of,
    writing_of,
)


def unpack_again(
    job: StageJob,
    payload: Payload,
    ask: Callable[[Surveyed], object],
    report: Callable[[Report], None],
) -> None:
    """Put the bag of `payload` into `job.place`; every digest of it is one that was told before.

    Nothing is written before `ask` is answered. The ticket's own folder is only read. Raises
    PayloadSpoilt where the zip does not give that bag any more, so that it must be staged anew;
    HouseFault as `stage`.
    """

    def tell_alive(_report: Report) -> None:
        report(Alive())

    head = payload.head
    try:
        with open_for_unpacking(job) as (archive, helpers):
            found = preview_bag(archive, job.config, pulse_of(report))
            ask(found.surveyed())
            digests = write_bag(
                archive, found, writing_of(job, found, head.algorithm, helpers, tell_alive)
            )
            rows = payload_rows(found, digests)
            told = ((str(file.path), file.size, file.digests) for file in payload.files())
            if any(row != other for row, other in zip_longest(rows, told)):
                raise PayloadSpoilt
            job.temporary.rename(job.place / head.bag.folder)
    except (UserFault, FileNotFoundError) as error:
        raise PayloadSpoilt from error
