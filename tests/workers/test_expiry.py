"""The rounds in which what may go is removed."""

from datetime import timedelta
from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.system.files import remove_tree
from presqt_daemon.tickets import retention
from presqt_daemon.tickets.locks import lease_ended
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import RESERVE_NAME, Uploads
from presqt_daemon.workers.expiry import Expiry
from tests.tickets.infos import ENDED, failed_info, finished_info, sending_info, write_info


class Shelf:
    """Some tickets with their zips, long after they have ended."""

    def __init__(self, root: Path) -> None:
        self.uploads = Uploads(root)
        self.expiry = Expiry(
            self.uploads, lambda: Config(mediafiles=root), now=lambda: ENDED + timedelta(days=60)
        )

    def add(self, info: ProcessInfo) -> Path:
        folder = self.uploads.folder(info.ticket_number)
        folder.path.mkdir(parents=True)
        (folder.path / "thesis.zip").write_bytes(b"zip")
        folder.receipt.write_text("{}")
        write_info(self.uploads, folder, info)
        return folder.path / "thesis.zip"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_a_round_removes_what_is_due_and_nothing_of_a_ticket_that_goes_on(
    shelf: Shelf, tmp_path: Path
) -> None:
    finished, failed = shelf.add(finished_info()), shelf.add(failed_info())
    going_on = shelf.add(sending_info())
    assert shelf.expiry.remove_due() == 2
    assert [path.exists() for path in (finished, failed, going_on)] == [False, False, True]
    assert (finished.parent / "process_info.json").exists(), "the record stays"
    assert (tmp_path / RESERVE_NAME).exists(), "a spent reserve is made again"
    assert shelf.expiry.remove_due() == 0


def test_a_ticket_that_is_busy_or_unreadable_is_left_to_the_next_round(shelf: Shelf) -> None:
    busy, broken, other = (shelf.add(finished_info()) for _ in range(3))
    (broken.parent / "process_info.json").write_text("{")
    with lease_ended(busy.parent):
        assert shelf.expiry.remove_due() == 1
    assert [path.exists() for path in (busy, broken, other)] == [True, True, False]
    assert shelf.expiry.remove_due() == 1
    assert not busy.exists()


def test_a_disk_that_fails_one_ticket_fails_no_other_and_is_told(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stuck, other = shelf.add(finished_info()), shelf.add(finished_info())

    def remove(path: Path) -> None:
        if path == stuck:
            raise PermissionError(1, "Operation not permitted")
        remove_tree(path)

    monkeypatch.setattr(retention, "remove_tree", remove)
    assert shelf.expiry.remove_due() == 1
    assert (stuck.exists(), other.exists()) == (True, False)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "could not be expired: Operation not permitted"
    ]


def test_a_stop_ends_a_round_between_two_tickets(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    zips = [shelf.add(finished_info()) for _ in range(3)]

    def remove(path: Path) -> None:
        remove_tree(path)
        shelf.expiry.stop()

    monkeypatch.setattr(retention, "remove_tree", remove)
    assert shelf.expiry.remove_due() == 1
    assert sum(path.exists() for path in zips) == 2
