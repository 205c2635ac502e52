import os
from pathlib import Path

import pytest

from presqt_daemon.inbox.claims import undo
from presqt_daemon.inbox.claims.undo import end_undoing, undo_claim
from presqt_daemon.tickets.store import TicketFolder, Uploads

TICKET = "0f8fad5b-d9cb-469f-a165-70867728950e"
NAMES = {"claim.json": b"{}", "process_info.json": b"{}", "a.zip.yaml": b"title: x\n"}


class Killed(Exception):
    """Raised where a test has the process die."""


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    uploads = Uploads(tmp_path)
    uploads.root.mkdir()
    return uploads


def half_in(uploads: Uploads) -> TicketFolder:
    folder = uploads.new_folder(TICKET)
    folder.path.mkdir()
    for name, content in NAMES.items():
        (folder.path / name).write_bytes(content)
    return folder


def contents_of(folder: TicketFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.path.iterdir()}


def test_a_claim_without_its_drop_goes_and_no_rename_finds_its_folder(uploads: Uploads) -> None:
    folder = half_in(uploads)
    drop = uploads.root.parent / "a.zip"
    drop.write_bytes(b"zip")
    assert undo_claim(uploads, folder, "a.zip")
    assert os.listdir(uploads.root) == []
    with pytest.raises(FileNotFoundError):
        drop.rename(folder.path / "a.zip")
    assert undo_claim(uploads, folder, "a.zip"), "it may be repeated"


def test_a_drop_that_comes_while_the_folder_is_emptied_keeps_its_claim(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = half_in(uploads)

    def come(_name: str) -> None:
        (folder.path / "a.zip").write_bytes(b"zip")

    monkeypatch.setattr(undo, "reach", come)
    assert not undo_claim(uploads, folder, "a.zip")
    assert contents_of(folder) == NAMES | {"a.zip": b"zip"}
    assert os.listdir(uploads.root) == [folder.path.name]


def test_a_record_that_is_being_written_meanwhile_goes_too(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = half_in(uploads)
    left = [".claim.json.tmp", ".process_info.json.tmp"]

    def come(_name: str) -> None:
        if left:
            (folder.path / left.pop()).touch()

    monkeypatch.setattr(undo, "reach", come)
    assert undo_claim(uploads, folder, "a.zip")
    assert os.listdir(uploads.root) == []


@pytest.mark.parametrize("has_come", [False, True])
def test_who_dies_while_it_takes_a_claim_back_leaves_it_whole_or_gone(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch, *, has_come: bool
) -> None:
    folder = half_in(uploads)

    def die(_name: str) -> None:
        if has_come:
            (folder.path / "a.zip").write_bytes(b"zip")
        raise Killed

    monkeypatch.setattr(undo, "reach", die)
    with pytest.raises(Killed):
        undo_claim(uploads, folder, "a.zip")
    end_undoing(uploads)
    assert contents_of(folder) == NAMES | ({"a.zip": b"zip"} if has_come else {})
    folder.path.rename(uploads.root.parent / "gone")
    (uploads.root / f".undone-{TICKET}").mkdir()
    end_undoing(uploads)
    assert os.listdir(uploads.root) == []
