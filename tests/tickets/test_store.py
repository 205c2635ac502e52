import errno
import json
import os
import stat
import threading
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.records.lines import read_lines
from presqt_daemon.tickets.process_info import InfoError
from presqt_daemon.tickets.store import (
    RESERVE_BYTES,
    RESERVE_NAME,
    TicketFolder,
    Uploads,
    is_ticket,
)
from tests.records.appending import append_lines
from tests.tickets.infos import new_info, sending_info, write_info


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    (tmp_path / "uploads").mkdir()
    return Uploads(tmp_path)


def _folder(uploads: Uploads) -> TicketFolder:
    folder = uploads.folder(str(uuid.uuid4()))
    folder.path.mkdir()
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "x",
        "6f1d2b3c-8a90-11ee-b9d1-0242ac120002",  # of version 1
        "1B9D6BCD-BBFD-4B2D-9B5D-AB8DFBBD4BED",
        "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed\n",
    ],
)
def test_only_a_uuid4_names_a_ticket(uploads: Uploads, name: str) -> None:
    assert not is_ticket(name)
    with pytest.raises(ValueError, match="not a ticket number"):
        uploads.folder(name)
    with pytest.raises(ValueError, match="not a ticket number"):
        uploads.new_folder(name)


def test_junk_beside_tickets_is_passed_over(uploads: Uploads, tmp_path: Path) -> None:
    folder = _folder(uploads)
    claim = uploads.new_folder(str(uuid.uuid4()))
    claim.path.mkdir()
    (uploads.root / "lost+found").mkdir()
    (uploads.root / str(uuid.uuid4())).write_bytes(b"a file")
    (uploads.root / str(uuid.uuid4())).symlink_to(tmp_path)
    assert list(uploads.tickets()) == [folder.ticket]
    assert list(uploads.new_tickets()) == [claim.ticket]


def test_what_was_written_is_read(uploads: Uploads) -> None:
    folder = _folder(uploads)
    info = sending_info(ticket_number=folder.ticket)
    write_info(uploads, folder, info)
    assert folder.read_info() == info
    assert stat.S_IMODE(folder.info.stat().st_mode) == 0o644
    assert folder.info.read_bytes().startswith(b'{\n    "ticket_number"')


def test_the_mode_of_the_status_is_the_configured_one(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    uploads = Uploads(tmp_path, 0o640)
    folder = _folder(uploads)
    write_info(uploads, folder, new_info())
    assert stat.S_IMODE(folder.info.stat().st_mode) == 0o640


def test_a_missing_a_linked_and_a_piped_status_are_info_errors(
    uploads: Uploads, tmp_path: Path
) -> None:
    folder = _folder(uploads)
    with pytest.raises(InfoError, match="No such file"):
        folder.read_info()
    (tmp_path / "secret").write_bytes(b"{}")
    folder.info.symlink_to(tmp_path / "secret")
    with pytest.raises(InfoError):
        folder.read_info()
    folder.info.unlink()
    os.mkfifo(folder.info)
    with pytest.raises(InfoError):
        folder.read_info()


def test_readers_in_a_loop_never_see_a_torn_status(uploads: Uploads) -> None:
    folder = _folder(uploads)
    info = sending_info(
        ticket_number=folder.ticket, upload_files_finished=0, failed_fixity=("/x" * 1000,) * 50
    )
    write_info(uploads, folder, info)
    is_over = threading.Event()
    seen: list[int] = []
    torn: list[InfoError] = []

    def read() -> None:
        while not is_over.is_set():
            try:
                seen.append(folder.read_info().upload_files_finished)
            except InfoError as error:
                torn.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for count in range(200):
        write_info(uploads, folder, replace(info, upload_files_finished=count), durable=False)
    is_over.set()
    reader.join()
    assert torn == []
    assert seen == sorted(seen)


def test_a_full_disk_gives_up_the_reserve_for_the_last_status(
    uploads: Uploads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _folder(uploads)
    uploads.keep_reserve()
    reserve = tmp_path / RESERVE_NAME
    assert reserve.stat().st_size == RESERVE_BYTES
    real = os.replace

    def full_while_reserved(source: Path, destination: Path) -> None:
        if reserve.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, destination)

    monkeypatch.setattr(os, "replace", full_while_reserved)
    with pytest.raises(OSError, match="No space"):  # progress is not worth it
        write_info(uploads, folder, new_info(ticket_number=folder.ticket), durable=False)
    assert reserve.exists()
    write_info(uploads, folder, new_info(ticket_number=folder.ticket))
    assert folder.read_info().ticket_number == folder.ticket
    assert not reserve.exists()


def test_a_disk_that_stays_full_is_an_error_and_the_old_status_stays(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _folder(uploads)
    info = new_info(ticket_number=folder.ticket)
    write_info(uploads, folder, info)

    def full(source: Path, destination: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_info(uploads, folder, replace(info, message="later"))
    assert folder.read_info() == info
    assert os.listdir(folder.path) == ["process_info.json"]


def test_lines_that_were_appended_are_read_up_to_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    assert list(read_lines(path)) == []
    append_lines(path, [{"a": 1}, {"b": "Ü"}], durable=True)
    append_lines(path, [{"c": 3}], durable=False)
    with path.open("ab") as stream:
        stream.write(json.dumps({"torn": 4}).encode()[:-3])
    assert list(read_lines(path)) == [{"a": 1}, {"b": "Ü"}, {"c": 3}]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_last_line_without_its_end_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"a": 1}\n{"b": 2}')
    assert list(read_lines(path)) == [{"a": 1}]


def test_a_folder_of_tickets_that_is_away_is_noticed(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "media")
    assert uploads.is_there(), "nobody has asked to remember it"
    uploads.root.mkdir(parents=True)
    uploads.remember()
    assert uploads.is_there()
    (tmp_path / "media").rename(tmp_path / "gone")
    assert not uploads.is_there()
    (tmp_path / "gone").rename(tmp_path / "media")
    assert uploads.is_there()
