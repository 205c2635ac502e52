import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from presqt_daemon.config import RetentionConfig
from presqt_daemon.model import Status
from presqt_daemon.notifications.outbox import Entry, Outbox, leave_entry, read_entry
from presqt_daemon.receivers import ReceiverConfig
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.retention import RemovablePart, removable
from presqt_daemon.tickets.store import LEFT_PREFIX, TicketFolder, Uploads
from tests.notifications.made import TICKET, info, notification

STAFF = {"staff": ReceiverConfig(name="staff"), "chat": ReceiverConfig(name="chat")}
FAILED = info(status=Status.FAILED, error_code="invalid-bag", status_code=400)


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    uploads = Uploads(tmp_path)
    (uploads.root / TICKET).mkdir(parents=True)
    return uploads


@pytest.fixture
def outbox(uploads: Uploads, tmp_path: Path) -> Outbox:
    outbox = Outbox(tmp_path / "outbox", uploads)
    outbox.open()
    return outbox


def end(uploads: Uploads, status: ProcessInfo) -> TicketFolder:
    folder = uploads.folder(TICKET)
    with uploads.parties.having(TICKET) as party:
        uploads.write_info(folder, status, party)
    return folder


def left(folder: TicketFolder) -> list[str]:
    return [name for name in os.listdir(folder.path) if name.startswith(LEFT_PREFIX)]


def test_an_entry_goes_from_the_tickets_folder_into_the_outbox_once(
    uploads: Uploads, outbox: Outbox
) -> None:
    folder = uploads.folder(TICKET)
    assert leave_entry(folder, FAILED, STAFF)
    end(uploads, FAILED)
    (entry,) = outbox.left_entries((TICKET,), STAFF)
    assert entry.to == {"staff", "chat"}
    assert entry.notification.id == f"{TICKET}.1"
    assert left(folder) == []
    assert list(outbox.entries(STAFF)) == [entry]
    assert list(outbox.left_entries((TICKET,), STAFF)) == []


def test_nothing_is_left_where_nobody_is_to_be_told(uploads: Uploads) -> None:
    folder = uploads.folder(TICKET)
    assert not leave_entry(folder, FAILED, {})
    assert not leave_entry(folder, info(status=Status.FINISHED), STAFF)
    assert left(folder) == []


def test_an_entry_of_an_end_that_was_never_written_stays_and_is_not_told(
    uploads: Uploads, outbox: Outbox
) -> None:
    folder = uploads.folder(TICKET)
    leave_entry(folder, FAILED, STAFF)
    end(uploads, info(finished_at=None))
    assert list(outbox.left_entries((TICKET,), STAFF)) == []
    assert left(folder) == [f"{LEFT_PREFIX}1"]


def test_an_end_is_told_though_the_ticket_has_been_reopened_since(
    uploads: Uploads, outbox: Outbox
) -> None:
    leave_entry(uploads.folder(TICKET), FAILED, STAFF)
    end(uploads, info(finished_at=None, attempt=2))
    (entry,) = outbox.left_entries((TICKET,), STAFF)
    assert entry.notification.error_code == "invalid-bag"


@pytest.mark.parametrize("content", [b"", b"{", b"\0" * 300, b"[]", b'{"to": ["staff"]}'])
def test_what_a_power_loss_left_of_an_entry_is_told_from_the_status(
    uploads: Uploads, outbox: Outbox, content: bytes
) -> None:
    folder = end(uploads, FAILED)
    (folder.path / f"{LEFT_PREFIX}1").write_bytes(content)
    (entry,) = outbox.left_entries((TICKET,), STAFF)
    assert entry.to == {"staff", "chat"}
    (again,) = outbox.entries(STAFF)
    assert again == entry


def test_a_torn_entry_of_an_earlier_attempt_is_not_told_as_the_end_of_a_later_one(
    uploads: Uploads, outbox: Outbox
) -> None:
    folder = end(uploads, info(status=Status.FAILED, error_code="timed-out", attempt=2))
    (folder.path / f"{LEFT_PREFIX}1").write_bytes(b"{")
    assert list(outbox.left_entries((TICKET,), STAFF)) == []
    assert left(folder) == []


def test_a_torn_entry_of_no_ticket_goes_and_holds_up_no_other(outbox: Outbox) -> None:
    (outbox.folder / "target-down.osf.2026.json").write_bytes(b"")
    (outbox.folder / "told.json").write_text("{}")
    good = Entry(notification(), frozenset({"staff"}))
    outbox.keep(good)
    assert list(outbox.entries(STAFF)) == [good]
    assert sorted(os.listdir(outbox.folder)) == ["ticket-1.1.json", "told.json"]


def test_an_entry_goes_when_the_last_has_been_told(outbox: Outbox) -> None:
    entry = Entry(notification(), frozenset({"staff", "chat"}))
    outbox.keep(entry)
    outbox.keep(entry.without("staff"))
    assert [one.to for one in outbox.entries(STAFF)] == [frozenset({"chat"})]
    outbox.keep(entry.without("staff").without("chat"))
    assert list(outbox.entries(STAFF)) == []


def test_an_outbox_that_somebody_has_removed_is_made_again(
    uploads: Uploads, outbox: Outbox
) -> None:
    leave_entry(uploads.folder(TICKET), FAILED, STAFF)
    end(uploads, FAILED)
    outbox.folder.rmdir()
    assert len(list(outbox.left_entries((TICKET,), STAFF))) == 1


def test_no_entry_is_followed_through_a_link_or_taken_for_another(
    outbox: Outbox, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(json.dumps({"to": ["staff"]}))
    (outbox.folder / "x.json").symlink_to(secret)
    assert read_entry(outbox.folder / "x.json") is None
    assert list(outbox.entries(STAFF)) == []
    assert secret.exists()


def test_an_entry_is_no_payload_and_keeps_no_record_from_going(uploads: Uploads) -> None:
    folder = uploads.folder(TICKET)
    leave_entry(folder, FAILED, STAFF)
    end(uploads, FAILED)
    folder.receipt.write_text("{}")
    assert RetentionConfig().records is None
    assert removable(folder, frozenset({RemovablePart.RECORDS})) == (folder.path,)


def test_a_full_disk_that_takes_the_name_alone_will_do(
    uploads: Uploads, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = uploads.folder(TICKET)
    with monkeypatch.context() as patch:
        patch.setattr(
            "presqt_daemon.notifications.outbox._content",
            lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")),
        )
        assert leave_entry(folder, FAILED, STAFF)
    end(uploads, FAILED)
    assert len(list(outbox.left_entries((TICKET,), STAFF))) == 1


def pipe(path: Path) -> None:
    os.mkfifo(path)


def folder_in_place(path: Path) -> None:
    (path / "inner").mkdir(parents=True)


def link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def second_name(path: Path) -> None:
    other = path.parent.parent / "other"
    other.write_bytes(b"another's")
    path.hardlink_to(other)


@pytest.mark.parametrize("make", [pipe, folder_in_place, link, second_name])
def test_whatever_lies_in_an_entrys_place_blocks_nobody_and_is_not_written_through(
    uploads: Uploads, outbox: Outbox, make: Callable[[Path], None]
) -> None:
    folder = uploads.folder(TICKET)
    place = folder.path / f"{LEFT_PREFIX}1"
    make(place)
    assert leave_entry(folder, FAILED, STAFF)
    assert stat.S_ISREG(place.lstat().st_mode)
    other = uploads.root / "other"
    assert not other.exists() or other.read_bytes() == b"another's"
    place.unlink()
    make(place)
    end(uploads, FAILED)
    (entry,) = outbox.left_entries((TICKET,), STAFF)
    assert entry.to == {"staff", "chat"}
    assert left(folder) == []
    assert list(outbox.entries(STAFF)) == [entry]
