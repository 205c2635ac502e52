"""Bags on a disk of the host's own (`staging.scratch`): the same deposits, and nothing left."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.bags import bag_zip, drop
from tests.house.disks import fill, need_root, small_disk
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Fault, Shelf

FILES = {f"Title/{name}.txt": name.encode() for name in ("a", "b", "c", "d")}
LEFT = {"claim.json", "journal.jsonl", "payload.jsonl", "process_info.json", "receipt.json"}
NOBODY = 65534


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf() as shelf:
        yield shelf


def scratch_of(house: House) -> Path:
    return house.root / "scratch"


@contextlib.contextmanager
def house_with_scratch(root: Path, **settings: Any) -> Iterator[House]:
    (root / "scratch").mkdir(exist_ok=True)
    settings["staging"] = {"scratch": str(root / "scratch"), **settings.get("staging", {})}
    with open_house(root, **settings) as house:
        yield house


def parts_of(house: House) -> list[Path]:
    """What processes have in the scratch folder."""
    return list(scratch_of(house).glob(f"presqt-daemon-{os.geteuid()}/*:*"))


def places_of(house: House) -> list[str]:
    """The runs that have a folder there."""
    return [path.name for part in parts_of(house) for path in part.iterdir() if path.is_dir()]


def bags_beside(house: House) -> list[Path]:
    """Unpacked bags in tickets' folders."""
    return [path for path in house.uploads.glob("*/*") if path.is_dir()]


def record_of(house: House, info: dict[str, Any]) -> dict[str, Any]:
    """What the record says of the bag and its files."""
    receipt = house.receipt(info["ticket_number"])
    return {key: receipt[key] for key in ("bag", "files", "content_fingerprint", "hash_algorithm")}


def test_a_deposit_is_the_same_with_and_without(tmp_path: Path) -> None:
    content, found = bag_zip(FILES), []
    for name in ("with", "without"):
        root = tmp_path / name
        root.mkdir()
        opened = house_with_scratch(root) if name == "with" else open_house(root)
        with opened as house:
            house.start()
            drop(content, house.inbox / "archive" / "bag.zip")
            info = house.ended("bag.zip")
            assert info["status"] == "finished", info
            found.append((house.deposited("Title"), record_of(house, info)))
            assert house.stop() == 0
            assert set(os.listdir(house.uploads / info["ticket_number"])) == {*LEFT, "bag.zip"}
            assert parts_of(house) == [], "a daemon that stops takes its part away"
    assert found[0] == found[1]


@pytest.mark.full
def test_kill_9_in_the_middle_sends_nothing_twice_and_leaves_nothing(
    tmp_path: Path, shelf: Shelf
) -> None:
    shelf.faults.append(Fault("slowly", times=10**6))
    # so many that it is still sending when its status has told of its worker
    many = {f"Title/{number:02}.txt": str(number).encode() for number in range(60)}
    uploads = {"connections": 1}
    with house_with_scratch(tmp_path, targets={"shelf": shelf.target()}, uploads=uploads) as house:
        house.start()
        drop(bag_zip(many), house.inbox / "shelf" / "bag.zip")
        wait_until(lambda: len(shelf.puts) >= 1)
        assert len(places_of(house)) == 1
        assert bags_beside(house) == []
        # its worker first: the same daemon goes on; then the daemon itself
        worker = wait_until(lambda: (i := house.of("bag.zip")) and i["function_process_id"])
        psutil.Process(worker).kill()
        before = len(shelf.puts)
        wait_until(lambda: len(shelf.puts) > before)
        assert house.process is not None
        family = house.family()
        house.process.send_signal(signal.SIGKILL)
        house.process.wait(10)
        house.process = None
        psutil.wait_procs(family, 20)
        (dead,) = parts_of(house)
        house.start()
        assert house.ended("bag.zip", 60)["status"] == "finished"
        assert not dead.exists()
        wait_until(lambda: places_of(house) == [])
        assert house.stop() == 0
    assert shelf.stored() == {"Title": {name.removeprefix("Title/"): many[name] for name in many}}
    assert shelf.needless == []


@pytest.mark.full
def test_a_bag_without_a_place_at_its_target_is_unpacked_again(
    tmp_path: Path, shelf: Shelf
) -> None:
    shelf.faults.append(Fault("hang", times=1))
    targets = {"shelf": {**shelf.target(), "workers": 1}}
    with house_with_scratch(tmp_path, targets=targets) as house:
        house.start()
        drop(bag_zip({"One/a.txt": b"1"}), house.inbox / "shelf" / "one.zip")
        wait_until(lambda: ("PUT", "") in [(verb, "") for verb, _ in shelf.requests])
        drop(bag_zip({"Two/a.txt": b"2"}), house.inbox / "shelf" / "two.zip")
        wait_until(lambda: (i := house.of("two.zip")) and i["stage"] == "hashed")
        wait_until(lambda: len(places_of(house)) == 1)
        assert bags_beside(house) == []
        shelf.released.set()
        for name in ("one.zip", "two.zip"):
            assert house.ended(name, 120)["status"] == "finished"
        assert house.stop() == 0
    assert sorted(shelf.stored()) == ["One", "Two"]


@pytest.mark.full
def test_a_full_scratch_disk_is_waited_for_by_its_name(tmp_path: Path) -> None:
    with (
        house_with_scratch(tmp_path) as house,
        small_disk(scratch_of(house), "12m") as disk,
    ):
        house.start()
        ballast = fill(disk, leave=2 << 20)
        drop(bag_zip({"Large/a.bin": bytes(5 << 20)}), house.inbox / "archive" / "large.zip")
        info = wait_until(lambda: (i := house.of("large.zip")) and i["next_attempt_at"] and i)
        assert info["waiting_for"] == "disk space"
        assert "staging.scratch" in info["message"]
        assert str(scratch_of(house)) in house.log
        ballast.unlink()
        assert house.ended("large.zip", 60)["status"] == "finished"
        assert house.stop() == 0


@pytest.mark.full
def test_a_scratch_folder_that_another_user_made_is_refused_in_words(tmp_path: Path) -> None:
    need_root()
    with house_with_scratch(tmp_path) as house:
        own = scratch_of(house) / f"presqt-daemon-{os.geteuid()}"
        own.mkdir()
        os.chown(own, NOBODY, NOBODY)
        checked = house.run("check")
        assert checked.returncode != 0
        assert f"{own} (staging.scratch) was made by user {NOBODY}" in checked.stdout
        house.start()
        drop(bag_zip(FILES), house.inbox / "archive" / "bag.zip")
        info = wait_until(lambda: (i := house.of("bag.zip")) and i["next_attempt_at"] and i)
        assert info["waiting_for"] == "the server's scratch folder"
        assert f"was made by user {NOBODY}" in info["message"]
        assert os.listdir(own) == []
        assert house.stop() == 0
