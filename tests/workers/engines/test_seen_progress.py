from dataclasses import replace
from pathlib import Path

from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.engines.seen_progress import SeenProgress
from presqt_daemon.workers.runs.proof import PROOF_BYTES, Serves
from presqt_daemon.workers.runs.run import Run, Work
from tests.tickets.infos import sending_info, write_info


def test_a_target_that_was_asked_serves_once_more_is_sent_than_before(tmp_path: Path) -> None:
    uploads, now = Uploads(tmp_path), 0.0
    info = sending_info(upload_files_finished=3, upload_bytes_finished=PROOF_BYTES)
    folder = uploads.folder(info.ticket_number)
    folder.path.mkdir(parents=True)
    write_info(uploads, folder, info)
    run = Run(ticket=folder.ticket, work=Work.UPLOAD, is_asking=True)
    seen = SeenProgress(folder, run, goes_on=False, clock=lambda: now)
    now = 2.0
    assert seen.news() == []
    write_info(uploads, folder, replace(info, upload_bytes_finished=2 * PROOF_BYTES))
    assert seen.news() == []  # looked at a moment ago
    now = 4.0
    assert seen.news() == [Serves(folder.ticket)]
    now = 6.0
    assert seen.news() == []
