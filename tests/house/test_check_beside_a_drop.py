"""`check` beside what then happens to a drop, on disks that are not as they should be."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bags import bag_zip, drop
from tests.house.house import House, open_house, wait_until


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as made:
        yield made


def mounted(image: Path, place: Path, *kind: str) -> None:
    """A small file system of this kind at that place; skips where it cannot be made."""
    if shutil.which(f"mkfs.{kind[0]}") is None:
        pytest.skip(f"mkfs.{kind[0]} is missing")
    with image.open("wb") as stream:
        stream.truncate(64 << 20)
    subprocess.run([f"mkfs.{kind[0]}", *kind[1:], str(image)], check=True, capture_output=True)
    place.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-o", "loop", str(image), str(place)], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"no {kind[0]} can be mounted here: {done.stderr.strip()}")


@pytest.mark.full
def test_an_archive_whose_disk_is_not_mounted_is_wrong_and_its_drops_wait(house: House) -> None:
    image, disk = house.root / "image", house.root / "disk"
    mounted(image, disk, "ext4", "-q", "-F")
    try:
        house.configure(targets={"a": {"type": "folder", "path": "disk/archive"}})
        house.start()
        drop(bag_zip({"One/a": b"1"}), house.inbox / "a" / "1.zip")
        assert house.ended("1.zip")["status"] == "finished"
        assert house.run("check").returncode == 0
        subprocess.run(["umount", "-l", str(disk)], check=True)
        ended = house.run("check")
        assert ended.returncode == 1, ended.stdout
        assert "not mounted" in ended.stdout
        drop(bag_zip({"Two/a": b"2"}), house.inbox / "a" / "2.zip")
        wait_until(lambda: (house.of("2.zip") or {}).get("waiting_for"), 60)
        assert list(disk.iterdir()) == []
        subprocess.run(["mount", "-o", "loop", str(image), str(disk)], check=True)
        info = house.of("2.zip")
        assert info is not None
        assert house.run("retry", info["ticket_number"]).returncode in {0, 6}
        assert house.ended("2.zip", 120)["status"] == "finished"
        assert (disk / "archive" / "Two" / "a").read_bytes() == b"2"
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False, capture_output=True)


def test_what_check_says_of_an_archive_that_cannot_be_made_is_what_happens(house: House) -> None:
    (house.root / "file").write_bytes(b"")
    house.configure(targets={"a": {"type": "folder", "path": "file/archive"}})
    house.start()
    ended = house.run("check")
    assert ended.returncode == 1
    assert "file is not a folder" in ended.stdout
    drop(bag_zip(), house.inbox / "a" / "z.zip")
    wait_until(
        lambda: (
            (info := house.of("z.zip")) is not None
            and (info["waiting_for"] or info["status"] == "failed")
        ),
        60,
    )


@pytest.fixture
def exfat(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system without links, owners and modes."""
    for program in ("mkfs.exfat", "mount.exfat-fuse", "losetup"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is missing")
    image, place = tmp_path / "image", tmp_path / "mediafiles"
    place.mkdir()
    with image.open("wb") as stream:
        stream.truncate(64 << 20)
    subprocess.run(["mkfs.exfat", str(image)], check=True, capture_output=True)
    device = subprocess.run(
        ["losetup", "-f", "--show", str(image)], check=False, capture_output=True, text=True
    )
    if device.returncode != 0:
        pytest.skip(f"no loop device: {device.stderr.strip()}")
    loop = device.stdout.strip()
    try:
        done = subprocess.run(
            ["mount.exfat-fuse", loop, str(place)], check=False, capture_output=True, text=True
        )
        if done.returncode != 0:
            pytest.skip(f"no exFAT can be mounted: {done.stderr.strip()}")
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)
        subprocess.run(["losetup", "-d", loop], check=False, capture_output=True)


def test_a_drop_gets_through_on_a_disk_without_links_or_check_says_1(
    house: House, exfat: Path
) -> None:
    assert exfat.is_mount()
    house.start()
    said = house.run("check")
    drop(bag_zip(), house.inbox / "archive" / "z.zip")

    def ended() -> dict[str, Any] | None:
        # to put a file in another's place takes two steps there, between which it has no name
        with contextlib.suppress(FileNotFoundError):
            info = house.of("z.zip")
            return info if info is not None and info["status"] != "in_progress" else None
        return None

    assert wait_until(ended, 60)["status"] == "finished", said.stdout
    assert house.deposited("Project")
    house.stop()
