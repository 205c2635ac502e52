"""What is no file, or lies too deep: it stays, and a ticket says what to do."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from presqt_daemon.config import Config
from tests.bags import bag_tree, bag_zip, drop
from tests.inbox.running import (
    INCOMPLETE_AFTER,
    Running,
    make_config,
    names_in,
    note_of,
    running,
)

ZIP = bag_zip()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_config(tmp_path)


@pytest.fixture
def daemon(config: Config) -> Iterator[Running]:
    with running(config) as daemon:
        yield daemon


def test_a_bag_folder_stays_and_is_told_once_even_after_a_restart(
    daemon: Running, config: Config
) -> None:
    for folder in (config.inbox / "bag1", config.inbox / "osf" / "bag2"):
        (folder / "data").mkdir(parents=True)
        (folder / "manifest-sha512.txt").write_text("")
        (folder / "inner.zip").write_bytes(ZIP)
    claims = daemon.claims(2)
    assert {claim.record.inbox_name for claim in claims} == {"bag1", "bag2"}
    for claim in claims:
        assert claim.error is not None
        assert claim.error.code == "bad-request"
        assert "zip the bag's folder" in claim.error.message
        assert claim.record.zip_name is None
        assert note_of(claim)[1]["ticket_number"] == claim.ticket
    daemon.scanned()
    daemon.inbox.stop()
    with running(config) as again:
        again.settled()
        again.scanned()
        assert again.claimed == []
    assert (config.inbox / "osf" / "bag2" / "inner.zip").exists()
    assert len(daemon.claimed) == 2


def test_another_folder_of_the_same_name_is_told_too(daemon: Running, config: Config) -> None:
    for number in (1, 2):
        aside = config.inbox.parent / "aside"
        (aside / "data").mkdir(parents=True)
        place = config.inbox / "bag"
        if place.exists():
            place.rename(config.inbox.parent / "old")
        aside.rename(place)
        daemon.claims(number)


def test_a_folder_inside_a_resource_folder_is_told_once(daemon: Running, config: Config) -> None:
    deep = config.inbox / "osf" / "abc12" / "2024"
    deep.mkdir(parents=True)
    (deep / "bag.zip").write_bytes(ZIP)
    claim = daemon.claim()
    assert claim.error is not None
    assert "put the zip directly there" in claim.error.message
    daemon.scanned()
    daemon.claims(1)
    assert (deep / "bag.zip").exists()


def test_loose_files_in_a_folder_of_no_target_stay_and_are_told_once(
    daemon: Running, config: Config
) -> None:
    folder = config.inbox / "my project"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text("text")
    claim = daemon.claim()
    assert claim.record.inbox_name == "my project"
    assert claim.error is not None
    assert claim.error.code == "unknown-target"
    daemon.scanned()
    daemon.claims(1)
    assert names_in(folder) == ["0.txt", "1.txt", "2.txt"]


def test_what_comes_later_into_a_folder_that_was_told_is_told_too(
    daemon: Running, config: Config
) -> None:
    folders = [config.inbox / "nope", config.inbox / "osf" / "abc12" / "2024"]
    for count, name in enumerate(("a.txt", "b.txt", "c.txt"), 1):
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("text")
        claims = daemon.claims(2 * count)
        for claim in claims[-2:]:
            assert claim.error is not None
            assert claim.error.message.endswith(f" This is about: {name}.")
    daemon.scanned()
    daemon.settled()
    daemon.inbox.stop()
    (folders[0] / "d.txt").write_text("text")
    with running(config) as again:
        claim = again.claim()
        again.settled()
        again.scanned()
        again.claims(1)
    assert claim.error is not None
    assert claim.error.message.endswith(" This is about: d.txt.")
    assert names_in(folders[0]) == ["a.txt", "b.txt", "c.txt", "d.txt"]


@pytest.mark.parametrize("inside", [".", "archive"])
def test_a_bag_unpacked_among_the_drops_stays_and_gives_one_ticket(
    tmp_path: Path, inside: str
) -> None:
    config = make_config(tmp_path, settle=0.5)
    folder = config.inbox / inside
    tree = bag_tree({"deep/a.txt": b"a", "b.zip": ZIP}) | {"README": b"of the bag"}
    with running(config) as daemon:
        for name, content in sorted(tree.items()):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        claim = daemon.claim()
        drop(ZIP, folder / "good.zip")
        daemon.claims(2)
        daemon.scanned()
        daemon.settled()
        daemon.claims(2)
    assert claim.error is not None
    assert claim.error.code == "bad-request"
    assert "zip that folder" in claim.error.message
    assert {"bagit.txt", "data", "README", "manifest-sha512.txt"} <= set(names_in(folder))
    assert (folder / "data" / "b.zip").exists()


@pytest.mark.parametrize("kind", ["link", "pipe", "dangling"])
def test_a_link_or_pipe_called_zip_stays_and_is_told_once(
    daemon: Running, config: Config, tmp_path: Path, kind: str
) -> None:
    path = config.inbox / "x.zip"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        target = tmp_path / "secret.zip"
        if kind == "link":
            target.write_bytes(ZIP)
        path.symlink_to(target)
    claim = daemon.claim()
    assert claim.error is not None
    assert claim.error.code == "unreadable-file"
    assert claim.record.zip_name is None
    daemon.scanned()
    daemon.claims(1)
    assert os.path.lexists(path)


def test_tag_files_of_a_bag_that_is_still_being_copied_stay_in_it(
    daemon: Running, config: Config
) -> None:
    folder = config.inbox / "osf" / "mybag"
    folder.mkdir()
    (folder / "manifest-sha512.txt").write_text("abc  data/x\n")
    daemon.scanned()
    threading.Event().wait(INCOMPLETE_AFTER / 3)
    (folder / "data").mkdir()
    claim = daemon.claim()
    assert claim.record.inbox_name == "mybag"
    assert (folder / "manifest-sha512.txt").exists()


def test_a_zip_in_a_bag_that_is_being_copied_stays_in_it(daemon: Running, config: Config) -> None:
    daemon.scanned()
    folder = config.inbox / "osf" / "mybag"
    folder.mkdir()
    drop(ZIP, folder / "inner.zip")
    (folder / "data").mkdir()
    assert daemon.claim().record.inbox_name == "mybag"
    drop(ZIP, folder / "second.zip")
    daemon.scanned()
    daemon.claims(1)
    assert names_in(folder) == ["data", "inner.zip", "second.zip"]
