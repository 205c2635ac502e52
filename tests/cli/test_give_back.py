import hashlib
import os
import pwd
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.cli.command_line.exits import CommandRefusal
from presqt_daemon.cli.give_back import _copy_whole
from presqt_daemon.errors import UserFault
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.workers.processes.options import claim_of
from tests.cli.program import Program
from tests.tickets.infos import failed_info, finished_info, new_info

INVALID = UserFault("invalid-bag", "The bag is not valid.")


def rejected(program: Program, **changes: object) -> tuple[ProcessInfo, TicketFolder]:
    info = failed_info(INVALID, **changes)
    return info, program.claimed(info)


def test_the_zip_comes_back_whole_under_its_name_and_the_ticket_keeps_its_own(
    program: Program,
) -> None:
    info, folder = rejected(program)
    content = os.urandom(9 << 20)
    (folder.path / info.source_file).write_bytes(content)
    place = program.folder / "home"
    place.mkdir()
    ended = program.run("give-back", info.ticket_number, place)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert os.listdir(place) == [info.source_file]
    assert (place / info.source_file).read_bytes() == content
    assert hashlib.sha256(content).hexdigest() in ended.stdout
    assert "the ticket keeps its own" in ended.stdout
    assert (folder.path / info.source_file).read_bytes() == content


def test_without_a_folder_it_comes_here(program: Program) -> None:
    info, _folder = rejected(program)
    here = program.folder / "here"
    here.mkdir()
    assert program.run("give-back", info.ticket_number, cwd=here).returncode == 0
    assert (here / info.source_file).read_bytes() == b"zip"


@pytest.mark.parametrize("kind", ["file", "folder", "dead link"])
def test_nothing_of_anybody_is_replaced(program: Program, kind: str) -> None:
    info, _folder = rejected(program)
    taken = program.folder / info.source_file
    if kind == "file":
        taken.write_bytes(b"mine")
    elif kind == "folder":
        taken.mkdir()
    else:
        taken.symlink_to(program.folder / "nowhere")
    before = sorted(os.listdir(program.folder))
    ended = program.run("give-back", info.ticket_number)
    assert ended.returncode == 6
    assert "is there already and was left as it is" in ended.stderr
    assert sorted(os.listdir(program.folder)) == before
    assert kind != "file" or taken.read_bytes() == b"mine"
    assert not (program.folder / "nowhere").exists()


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (new_info(), "has not ended: cancel it first"),
        (finished_info(), "is no rejected drop: it has finished"),
    ],
)
def test_a_drop_that_did_not_fail_is_not_given_back(
    program: Program, info: ProcessInfo, words: str
) -> None:
    program.claimed(info)
    ended = program.run("give-back", info.ticket_number)
    assert ended.returncode == 6
    assert words in ended.stderr


def test_unknown_tickets_gone_zips_and_drops_that_were_not_taken_are_told_apart(
    program: Program,
) -> None:
    assert program.run("give-back", "abcdef12").returncode == 4
    info = failed_info(INVALID)
    program.claimed(info, has_zip=False)
    gone = program.run("give-back", info.ticket_number)
    assert gone.returncode == 6
    assert "is gone" in gone.stderr
    (program.inbox / "archive" / "new.zip").write_bytes(b"zip")
    waiting = program.run("give-back", "new.zip")
    assert waiting.returncode == 6
    assert "lies where it was dropped" in waiting.stderr


@pytest.mark.parametrize("inside", ["inbox/archive", "mediafiles/uploads", "link", "nowhere"])
def test_a_folder_from_which_it_would_be_taken_again_is_refused(
    program: Program, inside: str
) -> None:
    info, _folder = rejected(program)
    (program.folder / "link").symlink_to(program.inbox)
    ended = program.run("give-back", info.ticket_number, program.folder / inside)
    assert ended.returncode == 6
    assert not list(program.inbox.rglob("*.zip"))


def test_a_link_in_the_place_of_the_zip_is_not_followed(program: Program) -> None:
    info, folder = rejected(program)
    secret = program.folder / "secret"
    secret.write_bytes(b"secret")
    (folder.path / info.source_file).unlink()
    (folder.path / info.source_file).symlink_to(secret)
    assert program.run("give-back", info.ticket_number).returncode != 0
    assert not (program.folder / info.source_file).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_roots_copy_belongs_to_the_one_who_dropped_it(program: Program) -> None:
    info, folder = rejected(program)
    nobody = pwd.getpwnam("nobody").pw_uid
    folder.write_claim(replace(claim_of(folder), dropped_by_uid=nobody))
    assert program.run("give-back", info.ticket_number).returncode == 0
    status = (program.folder / info.source_file).stat()
    assert status.st_uid == nobody
    assert stat.S_IMODE(status.st_mode) == 0o600


def test_a_full_disk_leaves_nothing_half_done(program: Program, tmp_path: Path) -> None:
    info, folder = rejected(program)
    (folder.path / info.source_file).write_bytes(bytes(3 << 20))
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(small)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        ended = program.run("give-back", info.ticket_number, small)
        assert ended.returncode == 74
        assert "No space left" in ended.stderr
        assert os.listdir(small) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert (folder.path / info.source_file).stat().st_size == 3 << 20


def test_a_copy_that_the_disk_did_not_keep_is_told_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def spoil(handle: int) -> None:
        sync(handle)
        if stat.S_ISREG(os.fstat(handle).st_mode):
            os.pwrite(handle, b"X", 2)

    monkeypatch.setattr(os, "fsync", spoil)
    source = tmp_path / "source"
    source.write_bytes(b"content of the zip")
    (tmp_path / "home").mkdir()
    with source.open("rb") as stream, pytest.raises(CommandRefusal, match="look at that disk"):
        _copy_whole(stream, tmp_path / "home", "thesis.zip", None)
    assert os.listdir(tmp_path / "home") == []


@pytest.mark.parametrize(
    "arguments", [("give-back",), ("retry",), ("prune", "--rejected-from", "archive")], ids=str
)
def test_who_may_not_look_is_not_told_that_the_zip_is_gone(
    program: Program, arguments: tuple[str, ...]
) -> None:
    info, folder = rejected(program)
    claim = folder.path / "claim.json"
    claim.chmod(0)
    ticket = () if arguments[0] == "prune" else (info.ticket_number,)
    ended = program.run_without_power(*arguments, *ticket)
    assert (ended.returncode, ended.stdout) == (74, "")
    assert ended.stderr == f"presqt-daemon: {claim}: Permission denied\n"
