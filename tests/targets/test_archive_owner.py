"""Somebody else may write in a folder target's archive: what that one can do, and what not.

The stranger's files belong to another user where the tests run as root, who alone can give them
away; where they do not, the tests that need it are skipped.
"""

import json
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from presqt_daemon.errors import PresqtError, TargetFault
from presqt_daemon.system.logs import ROOT
from presqt_daemon.targets.base import ContainerRequest
from presqt_daemon.targets.folder.target import FolderTarget, connect
from tests.targets.conformance import TICKET, sending
from tests.upload.tickets import folder_config, tree_of

STRANGER = 65534
SIDE = f".presqt-{TICKET}"
SHA = ("sha512",)
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can make the files of another user"
)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    archive = tmp_path / "archive"
    archive.mkdir()
    archive.chmod(0o777)
    return archive


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Things of the service that lie elsewhere."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "put-important").write_text("precious")
    (own / "empty.log").touch()
    return own


def request(title: str = "T") -> ContainerRequest:
    return ContainerRequest(ticket=TICKET, resource_id=None, title=title)


def deposit(archive: Path, name: str = "a.txt") -> FolderTarget:
    target = connect(folder_config(archive), None)
    try:
        container = target.container(request())
        target.put(container, sending(name, b"a", SHA), None)
        target.commit(container)
    finally:
        target.close()
    return target


def test_a_link_in_the_place_of_the_working_folder_is_refused_and_not_followed(
    archive: Path, own: Path
) -> None:
    (archive / SIDE).symlink_to(own)
    with pytest.raises(TargetFault, match="no folder: somebody else") as caught:
        deposit(archive)
    assert caught.value.code == "target-refused"
    assert tree_of(own) == {"put-important": b"precious", "empty.log": b""}
    assert os.listdir(archive) == [SIDE]


@needs_root
@pytest.mark.parametrize("mode", [0o755, 0o2777])
def test_a_working_folder_of_another_user_is_refused(archive: Path, own: Path, mode: int) -> None:
    side = archive / SIDE
    side.mkdir()
    (side / "touched.jsonl").symlink_to(own / "empty.log")
    side.chmod(mode)
    os.chown(side, STRANGER, STRANGER)
    with pytest.raises(TargetFault, match=f"owned by user {STRANGER}"):
        deposit(archive)
    assert (own / "empty.log").read_bytes() == b""


def test_a_working_folder_in_which_others_may_write_is_refused(archive: Path) -> None:
    (archive / SIDE).mkdir()
    (archive / SIDE).chmod(0o777)
    with pytest.raises(TargetFault, match="writable by others"):
        deposit(archive)


def test_the_working_folder_is_closed_to_others_whatever_the_umask(archive: Path) -> None:
    before = os.umask(0)
    try:
        target = connect(folder_config(archive), None)
        target.container(request())
    finally:
        os.umask(before)
    assert stat.S_IMODE((archive / SIDE).stat().st_mode) == 0o700
    target.close()


def test_one_that_others_may_only_read_is_taken_over_and_closed(archive: Path) -> None:
    (archive / SIDE).mkdir()
    (archive / SIDE).chmod(0o755)
    target = connect(folder_config(archive), None)
    target.container(request())
    assert stat.S_IMODE((archive / SIDE).stat().st_mode) == 0o700
    target.close()


def test_where_a_share_gives_every_folder_one_mode_a_deposit_is_made_and_it_is_told(
    archive: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As SMB with `file_mode`, or FAT: whatever is asked for, everything is 0777."""
    real = os.mkdir

    def mkdir(name: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        real(name, mode, dir_fd=dir_fd)
        os.chmod(name, 0o777, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", mkdir)
    logging.getLogger(ROOT).propagate = True
    deposit(archive)
    (told,) = caplog.records
    assert "the same owner or mode" in told.getMessage()
    assert told.__dict__["once"]
    assert tree_of(archive) == {"T": None, "T/a.txt": b"a"}


def _link(side: Path, name: str, own: Path) -> None:
    (side / name).symlink_to(own / "empty.log")


def _second_name(side: Path, name: str, own: Path) -> None:
    os.link(own / "empty.log", side / name)


def _pipe(side: Path, name: str, own: Path) -> None:
    os.mkfifo(side / name)


def _folder(side: Path, name: str, own: Path) -> None:
    (side / name).mkdir()


def _junk(side: Path, name: str, own: Path) -> None:
    (side / name).write_bytes(b"{\n")


def _climbing(side: Path, name: str, own: Path) -> None:
    inode = own.stat().st_ino
    mark = json.dumps({"title": "../own", "inode": inode})
    content = mark if name == "container.json" else json.dumps("../own")
    (side / name).write_text(f"{content}\n")


@pytest.mark.parametrize("name", ["container.json", "touched.jsonl"])
@pytest.mark.parametrize("spoil", [_link, _second_name, _pipe, _folder, _junk, _climbing])
def test_a_spoilt_note_of_ours_is_a_named_error_of_that_ticket(
    archive: Path, own: Path, name: str, spoil: Callable[[Path, str, Path], None]
) -> None:
    side = archive / SIDE
    side.mkdir(mode=0o700)
    spoil(side, name, own)
    with pytest.raises(TargetFault, match="has been spoilt") as caught:
        deposit(archive)
    assert caught.value.code == "target-misbehaved"
    assert tree_of(own) == {"put-important": b"precious", "empty.log": b""}


@pytest.mark.parametrize(
    "mark",
    [
        {"title": "../control", "inode": 1},
        {"title": "/etc", "inode": None},
        {"title": "..", "inode": None},
        {"title": ".presqt-x", "inode": None},
        {"title": "a\0b", "inode": None},
        {"title": 5, "inode": None},
        {"title": "T", "inode": "1"},
        {"title": "T", "inode": True},
        {"inode": 1},
        [],
    ],
    ids=range(10),
)
def test_a_title_in_a_mark_is_checked_as_any_title_is(archive: Path, mark: object) -> None:
    side = archive / SIDE
    side.mkdir(mode=0o700)
    (side / "container.json").write_text(json.dumps(mark))
    with pytest.raises(TargetFault, match="has been spoilt"):
        deposit(archive)


@needs_root
def test_an_empty_folder_that_a_stranger_put_under_the_intended_title_is_not_adopted(
    archive: Path,
) -> None:
    side = archive / SIDE
    side.mkdir(mode=0o700)
    (side / "container.json").write_text('{"title": "T", "inode": null}')
    (archive / "T").mkdir()
    os.chown(archive / "T", STRANGER, STRANGER)
    with pytest.raises(FileExistsError):
        deposit(archive)
    assert os.listdir(archive / "T") == []


def test_an_empty_folder_that_is_older_than_the_intent_is_not_adopted(archive: Path) -> None:
    (archive / "T").mkdir()
    side = archive / SIDE
    side.mkdir(mode=0o700)
    mark = side / "container.json"
    mark.write_text('{"title": "T", "inode": null}')
    later = (archive / "T").stat().st_ctime_ns + 10**9
    for noted in (mark, side):
        os.utime(noted, ns=(later, later))
    with pytest.raises(FileExistsError):
        deposit(archive)


@needs_root
def test_a_folder_that_takes_the_new_ones_place_at_once_is_not_written_into(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.mkdir

    def mkdir(name: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        real(name, mode, dir_fd=dir_fd)
        if name == "T":
            os.chown(name, STRANGER, STRANGER, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", mkdir)
    with pytest.raises(FileExistsError):
        deposit(archive)
    assert os.listdir(archive / "T") == []


def test_the_working_folder_moved_away_under_a_run_is_still_the_one_it_works_in(
    archive: Path, own: Path
) -> None:
    target = connect(folder_config(archive), None)
    container = target.container(request())
    (archive / SIDE).rename(archive / "moved")
    (archive / SIDE).symlink_to(own)
    target.put(container, sending("sub/a.txt".replace("/", "-"), b"a", SHA), None)
    target.commit(container)
    target.close()
    assert tree_of(own) == {"put-important": b"precious", "empty.log": b""}
    assert tree_of(archive / "T") == {"sub-a.txt": b"a"}


def test_a_file_swapped_while_it_gets_its_place_is_noticed(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = connect(folder_config(archive), None)
    container = target.container(request())
    real = os.link

    def link(source: str, name: str, **options: int) -> None:
        real(source, name, **options)  # type: ignore[arg-type]
        (archive / "T/other").write_bytes(b"evil")
        (archive / "T/other").rename(archive / "T" / name)

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(TargetFault, match="another file in the place"):
        target.put(container, sending("a.txt", b"a", SHA), None)
    target.close()


def test_what_is_discarded_is_removed_from_the_folder_that_was_made_alone(
    archive: Path, own: Path
) -> None:
    target = connect(folder_config(archive), None)
    container = target.container(request())
    target.put(container, sending("a.txt", b"a", SHA), None)
    (archive / "T/out").symlink_to(own)
    assert target.discard(container)
    target.close()
    assert os.listdir(archive) == []
    assert tree_of(own) == {"put-important": b"precious", "empty.log": b""}


@pytest.mark.parametrize("path", ["../own/x", "/etc/x", "a/../../own/x"])
def test_no_path_leads_out_of_a_container(archive: Path, own: Path, path: str) -> None:
    target = connect(folder_config(archive), None)
    container = target.container(request())
    with pytest.raises((PresqtError, OSError)):
        target.put(container, sending(path, b"a", SHA), None)
    assert target.stat(container, PurePosixPath(path)) is None
    target.close()
    assert tree_of(own) == {"put-important": b"precious", "empty.log": b""}
