"""Drops of every kind become tickets."""

import json
import os
import shutil
import stat
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.model import RECEIVED_MESSAGE, Route, Stage, Status
from presqt_daemon.workers.processes.options import claim_of
from tests.bags import bag_zip, drop
from tests.inbox.running import (
    Running,
    left_in,
    make_config,
    names_in,
    note_of,
    running,
    until,
    with_intake,
    zip_of,
)

ZIP = bag_zip()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_config(tmp_path)


@pytest.fixture
def daemon(config: Config) -> Iterator[Running]:
    with running(config) as daemon:
        yield daemon


def test_a_drop_becomes_a_ticket_with_its_status_and_a_note_in_its_place(
    daemon: Running, config: Config
) -> None:
    drop(ZIP, config.inbox / "osf" / "bag.zip")
    claim = daemon.claim()
    assert claim.error is None
    assert claim.size == len(ZIP)
    assert zip_of(claim).read_bytes() == ZIP
    assert names_in(claim.folder.path) == ["bag.zip", "claim.json", "process_info.json"]
    assert claim.folder.path == config.uploads_folder / claim.ticket
    info = claim.folder.read_info()
    assert (info.status, info.stage, info.target) == (Status.IN_PROGRESS, Stage.RECEIVED, "osf")
    assert info.source_file == "bag.zip"
    assert info.dropped_by["uid"] == os.getuid()
    assert claim_of(claim.folder) == claim.record
    path, note = note_of(claim)
    assert path == config.inbox / "osf" / f"bag.zip.{claim.ticket[:8]}.ticket.json"
    assert note == {
        "ticket_number": claim.ticket,
        "message": RECEIVED_MESSAGE,
        "upload_job": f"../../mediafiles/uploads/{claim.ticket}/process_info.json",
    }
    assert json.loads((path.parent / note["upload_job"]).read_bytes())
    assert left_in(config.inbox / "osf") == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert stat.S_IMODE(zip_of(claim).stat().st_mode) == 0o600
    assert stat.S_IMODE(claim.folder.path.stat().st_mode) == 0o755


def test_the_note_points_below_the_path_its_readers_see(tmp_path: Path) -> None:
    config = make_config(tmp_path, mediafiles_as_seen="/mnt/presqt/")
    with running(config) as daemon:
        drop(ZIP, config.inbox / "bag.zip")
        claim = daemon.claim()
    expected = f"/mnt/presqt/uploads/{claim.ticket}/process_info.json"
    assert note_of(claim)[1]["upload_job"] == expected


def test_the_folder_says_where_a_drop_goes(daemon: Running, config: Config) -> None:
    resource = config.inbox / "osf" / "ab%3Acd%2F%25"
    resource.mkdir()
    for place in (config.inbox, config.inbox / "archive", resource):
        drop(ZIP, place / f"{place.name}.zip".replace("%", ""))
    routes = {claim.record.inbox_name: claim.record.route for claim in daemon.claims(3)}
    assert routes == {
        "inbox.zip": Route(target=None),
        "archive.zip": Route(target="archive"),
        "ab3Acd2F25.zip": Route(target="osf", resource_id="ab:cd/%"),
    }


def test_a_drop_into_a_folder_of_no_target_fails_and_hears_which_there_are(
    daemon: Running, config: Config
) -> None:
    (config.inbox / "osff").mkdir()
    drop(ZIP, config.inbox / "osff" / "bag.zip")
    claim = daemon.claim()
    assert claim.error is not None
    assert claim.error.code == "unknown-target"
    assert "archive/, osf/" in claim.error.message
    assert claim.record.route == Route(target="osff")
    restored = claim_of(claim.folder).fault
    assert restored is not None
    assert (restored.code, restored.message) == (claim.error.code, claim.error.message)
    assert claim.folder.read_info().target is None


@pytest.mark.parametrize(
    "name",
    [
        b"a b\n.zip",
        b"\xff\xfe.zip",
        b"x" * 246 + b".zip",
        "é".encode() * 125 + b".zip",
        b"%20#&'$(x).ZIP",
        b"-rf.zip",
    ],
)
def test_odd_names_work(daemon: Running, config: Config, name: bytes) -> None:
    drop_path = os.fsdecode(name)
    aside = config.inbox / ".aside"
    aside.write_bytes(ZIP)
    aside.rename(config.inbox / "archive" / drop_path)
    claim = daemon.claim()
    assert claim.record.inbox_name == drop_path
    assert claim_of(claim.folder).inbox_name == drop_path
    assert zip_of(claim).read_bytes() == ZIP
    assert note_of(claim)[1]["ticket_number"] == claim.ticket
    assert claim.folder.read_info().source_file


def test_a_tar_is_told_to_be_zipped(daemon: Running, config: Config, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bag.tar", "w") as archive:
        archive.add(__file__, "a.py")
    shutil.move(tmp_path / "bag.tar", config.inbox / "archive" / "bag.tar")
    claim = daemon.claim()
    assert claim.error is not None
    assert claim.error.code == "not-a-zip"
    assert "bag.tar" in claim.error.message
    assert "a tar archive" in claim.error.message
    assert zip_of(claim).name == "bag.tar"


def test_an_empty_file_and_a_truncated_zip_are_given_up_after_a_while(
    daemon: Running, config: Config
) -> None:
    drop(b"", config.inbox / "empty.zip")
    drop(ZIP[:-30], config.inbox / "short.zip")
    errors = {claim.record.inbox_name: claim.error for claim in daemon.claims(2)}
    empty, short = errors["empty.zip"], errors["short.zip"]
    assert empty is not None
    assert short is not None
    assert (empty.code, short.code) == ("not-a-zip", "incomplete-zip")
    assert "0 bytes" in empty.message
    assert "cut short" in short.message


def test_without_patience_a_truncated_zip_is_given_up_when_it_has_settled(tmp_path: Path) -> None:
    config = make_config(tmp_path, incomplete_after=3600.0)
    drop(ZIP[:-30], config.inbox / "short.zip")
    with running(config, patience=False) as daemon:
        until(lambda: daemon.claimed or daemon.inbox.pending())
        daemon.settled()
        error = daemon.claim().error
    assert error is not None
    assert error.code == "incomplete-zip"


def test_a_truncated_zip_that_is_mended_in_time_is_taken_whole(tmp_path: Path) -> None:
    config = make_config(tmp_path, incomplete_after=3600.0)
    with running(config) as daemon:
        path = drop(ZIP[:-7], config.inbox / "bag.zip")
        until(lambda: any(item.name == "bag.zip" for item in daemon.inbox.pending()))
        with path.open("ab") as stream:
            stream.write(ZIP[-7:])
        claim = daemon.claim()
    assert claim.error is None
    assert zip_of(claim).read_bytes() == ZIP


def test_a_zip_by_another_name_is_taken_with_a_warning(daemon: Running, config: Config) -> None:
    drop(ZIP, config.inbox / "bag.bagit")
    claim = daemon.claim()
    assert claim.error is None
    assert [item.code for item in claim.folder.read_info().warnings] == ["zip-name"]


def test_a_zip_over_the_limit_is_taken_and_fails(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    small = replace(config, staging=replace(config.staging, max_zip_bytes=len(ZIP) - 1))
    with running(small) as daemon:
        drop(ZIP, config.inbox / "bag.zip")
        claim = daemon.claim()
    assert claim.error is not None
    assert claim.error.code == "too-large"
    assert zip_of(claim).read_bytes() == ZIP


def test_ignored_names_stay(daemon: Running, config: Config) -> None:
    for name in (".x.zip", "x.zip.part", "x.zip~", "THUMBS.DB"):
        (config.inbox / "archive" / name).write_bytes(ZIP)
    daemon.scanned()
    daemon.settled()
    assert daemon.claimed == []
    assert len(left_in(config.inbox / "archive")) == 4


def test_the_same_name_dropped_twice_gives_two_tickets(daemon: Running, config: Config) -> None:
    drop(ZIP, config.inbox / "bag.zip")
    daemon.claims(1)
    drop(ZIP, config.inbox / "bag.zip")
    first, second = daemon.claims(2)
    assert first.ticket != second.ticket
    assert note_of(first)[0] != note_of(second)[0]


def test_a_name_with_a_hard_link_is_copied_so_that_nobody_can_change_it(
    daemon: Running, config: Config, tmp_path: Path
) -> None:
    original = tmp_path / "mine.zip"
    original.write_bytes(ZIP)
    os.link(original, config.inbox / "bag.zip")
    claim = daemon.claim()
    assert zip_of(claim).stat().st_nlink == 1
    assert zip_of(claim).stat().st_ino != original.stat().st_ino
    assert original.read_bytes() == zip_of(claim).read_bytes()
    assert left_in(config.inbox) == []
    assert note_of(claim)[1]["ticket_number"] == claim.ticket


def test_a_drop_on_another_file_system_is_copied(tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is only one file system to test with")
    base = other / f"inbox-test-{os.getpid()}"
    config = replace(make_config(tmp_path), mediafiles=base)
    config.uploads_folder.mkdir(parents=True)
    try:
        with running(config) as daemon:
            drop(ZIP, config.inbox / "bag.zip")
            claim = daemon.claim()
            daemon.settled()
        assert zip_of(claim).read_bytes() == ZIP
        assert claim.size == len(ZIP)
        assert stat.S_IMODE(zip_of(claim).stat().st_mode) == 0o600
        assert left_in(config.inbox) == []
        assert names_in(claim.folder.path) == ["bag.zip", "claim.json", "process_info.json"]
        assert names_in(config.uploads_folder) == [claim.ticket]
    finally:
        shutil.rmtree(base)


@pytest.mark.parametrize("name", ["draft.part", "notes~", "Thumbs.db", "~$x", "a.tmp"])
def test_a_container_may_have_a_name_that_is_ignored_for_files(
    daemon: Running, config: Config, name: str
) -> None:
    folder = config.inbox / "osf" / name
    folder.mkdir()
    drop(ZIP, folder / "bag.zip")
    assert daemon.claim().record.route == Route(target="osf", resource_id=name)


def test_what_lies_in_the_systems_own_folders_is_no_drop(daemon: Running, config: Config) -> None:
    for name in (".Trash-1000/files", ".snapshot/hourly", "lost+found"):
        folder = config.inbox / "osf" / name
        folder.mkdir(parents=True)
        drop(ZIP, folder / "bag.zip")
    daemon.scanned()
    daemon.settled()
    assert daemon.claimed == []


def test_a_target_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    (config.inbox / "osf").rmdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (config.inbox / "osf").symlink_to(outside)
    (outside / "bag.zip").write_bytes(ZIP)
    with running(config) as daemon:
        drop(ZIP, config.inbox / "archive" / "own.zip")
        daemon.claim()
        daemon.inbox.wake()
        drop(ZIP, config.inbox / "archive" / "own2.zip")
        daemon.claims(2)
    assert (outside / "bag.zip").exists()


def test_a_resource_folder_that_is_a_link_is_not_followed(
    daemon: Running, config: Config, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "bag.zip").write_bytes(ZIP)
    (config.inbox / "osf" / "abc").symlink_to(outside)
    daemon.scanned()
    daemon.scanned()
    assert daemon.claimed == []
    assert (outside / "bag.zip").exists()


def test_a_slow_writer_gives_one_ticket_with_all_bytes(daemon: Running, config: Config) -> None:
    with (config.inbox / "bag.zip").open("wb") as stream:
        for start in range(0, len(ZIP), 200):
            stream.write(ZIP[start : start + 200])
            stream.flush()
            threading.Event().wait(0.02)
    assert zip_of(daemon.claim()).read_bytes() == ZIP


def test_a_writer_who_opens_and_closes_in_steps_gives_one_ticket(
    daemon: Running, config: Config
) -> None:
    third = len(ZIP) // 3
    for part in (ZIP[:third], ZIP[third : 2 * third], ZIP[2 * third :]):
        with (config.inbox / "bag.zip").open("ab") as stream:
            stream.write(part)
        threading.Event().wait(0.05)
    assert zip_of(daemon.claim()).read_bytes() == ZIP


def test_a_whole_zip_that_is_still_open_waits_for_its_writer(tmp_path: Path) -> None:
    config = make_config(tmp_path, incomplete_after=3600.0)
    with running(config) as daemon:
        with (config.inbox / "bag.zip").open("wb") as stream:
            stream.write(ZIP)
            stream.flush()
            until(lambda: any("writing" in item.why for item in daemon.inbox.pending()))
            daemon.scanned()
            assert daemon.claimed == []
        assert zip_of(daemon.claim()).read_bytes() == ZIP


def test_a_file_replaced_while_it_waits_is_taken_as_the_new_one(tmp_path: Path) -> None:
    config = make_config(tmp_path, incomplete_after=3600.0)
    with running(config) as daemon:
        drop(ZIP[:-7], config.inbox / "bag.zip")
        until(lambda: any(item.name == "bag.zip" for item in daemon.inbox.pending()))
        drop(ZIP, config.inbox / "bag.zip")
        assert zip_of(daemon.claim()).read_bytes() == ZIP


def test_a_file_removed_while_it_waits_is_forgotten(tmp_path: Path) -> None:
    config = make_config(tmp_path, incomplete_after=3600.0)
    with running(config) as daemon:
        path = drop(ZIP[:-7], config.inbox / "bag.zip")
        until(lambda: any(item.name == "bag.zip" for item in daemon.inbox.pending()))
        path.unlink()
        daemon.settled()
        assert daemon.events == []


def test_many_drops_at_once_are_all_taken_and_none_twice(
    daemon: Running, config: Config, tmp_path: Path, full: bool
) -> None:
    count = 10_000 if full else 200
    source = config.inbox.parent / "source"
    source.mkdir()
    for number in range(count):
        (source / f"{number}.zip").write_bytes(ZIP)
    for number in range(count):
        (source / f"{number}.zip").rename(config.inbox / "osf" / f"{number}.zip")
    until(lambda: len(daemon.claimed) >= count, seconds=240.0)
    daemon.settled()
    names = [claim.record.inbox_name for claim in daemon.claimed]
    assert len(names) == len(set(names)) == count
    assert len(names_in(config.uploads_folder)) == count
    assert left_in(config.inbox / "osf") == []


def test_a_new_target_gets_a_folder_and_a_lane_and_a_gone_one_becomes_unknown(
    daemon: Running, config: Config
) -> None:
    targets = {"zenodo": replace(config.targets["osf"], name="zenodo")}
    daemon.inbox.reload(replace(config, targets=targets | {"osf": config.targets["osf"]}))
    until((config.inbox / "zenodo").is_dir)
    drop(ZIP, config.inbox / "zenodo" / "new.zip")
    drop(ZIP, config.inbox / "archive" / "old.zip")
    claims = {claim.record.inbox_name: claim for claim in daemon.claims(2)}
    assert claims["new.zip"].error is None
    assert claims["old.zip"].error is not None


def test_scanning_alone_finds_drops_too(tmp_path: Path) -> None:
    config = with_intake(make_config(tmp_path), observer="off", rescan=0.05)
    with running(config) as daemon:
        daemon.scanned()
        drop(ZIP, config.inbox / "osf" / "bag.zip")
        daemon.claim()
        assert not any("watch" in thread.name.lower() for thread in threading.enumerate())


def test_the_wall_clock_and_odd_modification_times_do_not_matter(
    daemon: Running, config: Config
) -> None:
    for name, moment in (("past.zip", 0), ("future.zip", 2**33)):
        path = config.inbox.parent / name
        path.write_bytes(ZIP)
        os.utime(path, (moment, moment))
        path.rename(config.inbox / name)
    daemon.claims(2)
