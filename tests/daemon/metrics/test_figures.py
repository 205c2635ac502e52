import os
import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from presqt_daemon.daemon.metrics.figures import TicketReader, figures_of
from presqt_daemon.errors import TargetFault
from presqt_daemon.tickets.process_info import ProcessInfo, tree_from_info
from presqt_daemon.tickets.store import Uploads
from tests.tickets.infos import (
    BEGAN,
    ENDED,
    failed_info,
    finished_info,
    new_info,
    sending_info,
    write_info,
)


def add(uploads: Uploads, info: ProcessInfo) -> str:
    folder = uploads.folder(info.ticket_number)
    folder.path.mkdir(parents=True, exist_ok=True)
    write_info(uploads, folder, info, durable=False)
    return info.ticket_number


def test_tickets_count_by_target_and_state_and_failures_by_code(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    full = TargetFault("target-full", "It is full.")
    waits = {"waiting_for": "a token", "waiting_since": BEGAN}
    for info in (
        new_info(),
        sending_info(waiting_for="a worker"),
        sending_info(**waits),
        sending_info(**{**waits, "waiting_since": BEGAN - timedelta(hours=1)}),
        sending_info(waiting_for="hold", waiting_since=BEGAN + timedelta(hours=9), target="osf"),
        finished_info(),
        finished_info(),
        failed_info(),
        failed_info(full, target="osf"),
        new_info(target=None),
    ):
        add(uploads, info)
    found = TicketReader(uploads).figures()
    assert found.tickets == {
        ("archive", "in_progress"): 2,
        ("archive", "waiting"): 2,
        ("osf", "hold"): 1,
        ("archive", "finished"): 2,
        ("archive", "failed"): 1,
        ("osf", "failed"): 1,
        ("", "in_progress"): 1,
    }
    assert found.failures == {("archive", "invalid-bag"): 1, ("osf", "target-full"): 1}
    assert found.deposited == {"archive": 6_000_000}
    assert found.last_success == {"archive": ENDED.timestamp()}
    assert found.waits_since == {
        "archive": (BEGAN - timedelta(hours=1)).timestamp(),
        "osf": (BEGAN + timedelta(hours=9)).timestamp(),
    }


def test_only_statuses_that_have_changed_are_read_again(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    infos = [sending_info() for _ in range(50)]
    for info in infos:
        add(uploads, info)
    reader = TicketReader(uploads)
    for _ in range(3):
        assert reader.figures().tickets == {("archive", "in_progress"): 50}
    assert reader.reads == 50
    add(uploads, replace(finished_info(), ticket_number=infos[7].ticket_number))
    assert reader.figures().tickets == {("archive", "in_progress"): 49, ("archive", "finished"): 1}
    assert reader.reads == 51


def test_a_ticket_that_is_removed_counts_no_more_and_a_damaged_one_holds_up_none(
    tmp_path: Path,
) -> None:
    uploads = Uploads(tmp_path)
    gone = add(uploads, new_info())
    damaged = add(uploads, new_info())
    reader = TicketReader(uploads)
    reader.figures()
    uploads.folder(gone).info.unlink()
    uploads.folder(gone).path.rmdir()
    uploads.folder(damaged).info.write_text("{", "utf-8")
    (uploads.root / str(uuid.uuid4())).mkdir()
    assert reader.figures().tickets == {("", "unreadable"): 1}


def test_odd_values_of_a_status_are_no_figures(tmp_path: Path) -> None:
    tree = {**tree_from_info(finished_info()), "finished_at": 7, "upload_total_bytes": "many"}
    found = figures_of(tree)
    assert (found.finished, found.size) == (None, 0)
    assert figures_of({}).state == "unreadable"
    assert os.listdir(tmp_path) == []
