"""Disks that go away under a running daemon: nothing lands below them, nothing is lost."""

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from presqt_daemon.upload.calls.archive_disk import ID_NAME
from tests.bags import bag_zip, drop
from tests.house.house import House, open_house, wait_until


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as house:
        yield house


def deposit(house: House, name: str) -> None:
    drop(bag_zip({f"{name}/a.txt": name.encode()}), house.inbox / "archive" / f"{name}.zip")


def lose(folder: Path) -> Path:
    """What an unmount leaves: an empty folder of the same name."""
    disk = folder.with_name(f"{folder.name}-disk")
    folder.rename(disk)
    folder.mkdir()
    return disk


def give_back(folder: Path, disk: Path) -> None:
    folder.rmdir()
    disk.rename(folder)


def test_an_archive_that_is_unmounted_makes_deposits_wait_and_they_go_on_when_it_is_back(
    house: House,
) -> None:
    house.start()
    deposit(house, "one")
    house.ended("one.zip")
    disk = lose(house.archive)
    deposit(house, "two")
    wait_until(lambda: (i := house.of("two.zip")) and i["waiting_for"] == "the archive's disk")
    told = house.run("check")
    assert told.returncode == 1
    assert "check --accept archive" in " ".join(told.stdout.split())
    assert list(house.archive.iterdir()) == []
    give_back(house.archive, disk)
    info = house.of("two.zip")
    assert info is not None
    (house.control / f"{info['ticket_number']}.retry").touch()
    assert house.ended("two.zip", 120)["status"] == "finished"
    assert house.deposited("two") == {"a.txt": b"two"}


def test_a_new_disk_is_taken_on_purpose(house: House) -> None:
    house.start()
    deposit(house, "one")
    house.ended("one.zip")
    lose(house.archive)
    assert house.run("check", "--accept", "nothing").returncode == 64
    assert house.run("check", "--accept", "archive").returncode == 0
    deposit(house, "two")
    assert house.ended("two.zip")["status"] == "finished"
    assert sorted(path.name for path in house.archive.iterdir()) == [ID_NAME, "two"]


def test_mediafiles_that_are_unmounted_lose_no_ticket(house: House) -> None:
    house.configure(targets={"archive": {"type": "osf", "token_file": "none"}})
    house.start()
    deposit(house, "one")
    wait_until(lambda: (i := house.of("one.zip")) and i["waiting_for"] == "a token")
    info = house.of("one.zip")
    assert info is not None
    media = house.root / "mediafiles"
    disk = lose(media)
    wait_until(lambda: "mediafiles is not on the disk where it was" in house.log, 60)
    # a token makes it run, and it has no folder to run in
    (house.root / "none").write_text("token")
    wait_until(lambda: "cannot go on now" in house.log, 60)
    (house.root / "none").unlink()
    assert list(media.iterdir()) == [], "nothing is made below the mount point"
    give_back(media, disk)
    wait_until(lambda: "mediafiles is there again" in house.log, 60)
    assert house.info(info["ticket_number"])["status"] == "in_progress"
    house.run("cancel", info["ticket_number"])
    assert house.ended("one.zip", 60)["error_code"] == "cancelled"
    assert house.stop() == 0
    assert house.log.count("mediafiles is not on the disk") == 1


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own at the inbox's place."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(inbox)],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"an unmounted inbox needs the right to mount: {mounted.stderr.strip()}")
    yield inbox
    for _ in range(2):
        subprocess.run(["umount", "-l", str(inbox)], check=False, capture_output=True)


def test_an_inbox_that_is_unmounted_is_told_once_and_taken_from_again(
    disk: Path, house: House
) -> None:
    house.start()
    aside = disk.with_name("aside")
    aside.mkdir()
    subprocess.run(["mount", "--bind", str(disk), str(aside)], check=True)
    try:
        subprocess.run(["umount", "-l", str(disk)], check=True)
        wait_until(lambda: "inbox is not on the disk where it was" in house.log, 60)
        assert list(disk.iterdir()) == [], "no folder is made below the mount point"
        subprocess.run(["mount", "--bind", str(aside), str(disk)], check=True)
        wait_until(lambda: "inbox is there again" in house.log, 60)
        deposit(house, "one")
        assert house.ended("one.zip", 60)["status"] == "finished"
        assert house.stop() == 0
    finally:
        subprocess.run(["umount", "-l", str(aside)], check=False)


def test_a_full_inbox_in_which_no_note_can_be_left_holds_up_no_ticket(
    disk: Path, house: House
) -> None:
    house.start()
    names = ("one", "two", "three")
    for name in names:
        drop(bag_zip({f"{name}/a.txt": b"a"}), disk / f".{name}.part")
    with filled(disk):
        for name in names:
            (disk / f".{name}.part").rename(disk / "archive" / f"{name}.zip")
        for name in names:
            assert house.ended(f"{name}.zip", 60)["status"] == "finished"
        about_notes = [line for line in house.log.splitlines() if "No space left" in line]
        assert len(about_notes) == 1, about_notes
        assert house.stop() == 0


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """No byte is free, not even those that a drop gives back when it is taken."""
    handle = os.open(disk / ".filler", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    is_over, is_full = threading.Event(), threading.Event()

    def fill() -> None:
        while not is_over.is_set():
            try:
                os.write(handle, b"x" * 4096)
            except OSError:
                is_full.set()
                is_over.wait(0.0005)

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        assert is_full.wait(60)
        yield
    finally:
        is_over.set()
        thread.join()
        os.close(handle)
