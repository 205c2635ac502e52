"""How a ticket goes on whose run has not come to its end."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from presqt_daemon.config import Config, UploadsConfig
from presqt_daemon.tickets.status_writer import StatusWriter
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.processes.conversation import Broken, BrokenKind
from presqt_daemon.workers.runs.run import SHORTAGE, ParkError, Run, RunKind, Work
from presqt_daemon.workers.unfinished_runs import pick_up
from tests.tickets.infos import sending_info, writer_of

NOW = datetime(2026, 1, 31, tzinfo=UTC)
CONFIG = Config(uploads=UploadsConfig(max_resumes=2))


def holder_of(tmp_path: Path) -> StatusWriter:
    uploads = Uploads(tmp_path)
    info = sending_info()
    folder = uploads.folder(info.ticket_number)
    folder.path.mkdir(parents=True)
    return writer_of(uploads, folder, info, now=lambda: NOW)


def after(
    holder: StatusWriter, kind: BrokenKind, *, deaths: int = 0, progress: bool = False
) -> RunKind:
    run = Run(
        ticket=holder.info.ticket_number,
        work=Work.UPLOAD,
        deaths=deaths,
    )
    broken = Broken(kind=kind, pid=1, exit_code=-9)
    return pick_up(run, holder, broken, CONFIG, progress=progress).kind


def test_deaths_without_progress_end_a_ticket_and_progress_begins_the_count_anew(
    tmp_path: Path,
) -> None:
    holder = holder_of(tmp_path)
    assert after(holder, BrokenKind.DIED, deaths=1) is RunKind.AGAIN
    assert after(holder, BrokenKind.DIED, deaths=50, progress=True) is RunKind.AGAIN
    assert holder.info.is_open
    assert after(holder, BrokenKind.DIED, deaths=2) is RunKind.OVER
    assert holder.info.error_code == "resume-limit"
    assert "SIGKILL" in holder.info.message


def test_a_worker_that_could_not_begin_is_no_death(tmp_path: Path) -> None:
    holder = holder_of(tmp_path)
    with pytest.raises(ParkError, match=SHORTAGE):
        after(holder, BrokenKind.NOT_BEGUN, deaths=50)
    assert holder.info.is_open


@pytest.mark.parametrize(
    ("kind", "end", "is_open"),
    [
        (BrokenKind.CANCELLED, RunKind.OVER, False),
        (BrokenKind.STOPPED, RunKind.HANDED_BACK, True),
        (BrokenKind.OUTGROWN, RunKind.OUTGROWN, True),
    ],
)
def test_a_run_that_somebody_ended_is_no_death(
    tmp_path: Path, kind: BrokenKind, end: RunKind, is_open: bool
) -> None:
    holder = holder_of(tmp_path)
    assert after(holder, kind, deaths=50) is end
    assert holder.info.is_open is is_open
