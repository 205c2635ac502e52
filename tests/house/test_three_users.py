"""Service, sender and stranger as three real users of the machine."""

import os
import stat
from collections.abc import Iterator

import pytest

from tests.bags import bag_zip
from tests.house.house import House, wait_until
from tests.house.shelf import Fault, Shelf
from tests.house.users import SERVICE, as_user, house_of_users

SENDER, STRANGER, DROPPERS = 61002, 61003, 61100


@pytest.fixture
def rooms() -> Iterator[tuple[House, Shelf]]:
    groups = {"archive": DROPPERS, "shelf": DROPPERS}
    with house_of_users(
        groups,
        lambda shelf: {
            "archive": {"type": "folder", "path": "archive"},
            "shelf": shelf.target(),
        },
    ) as rooms:
        yield rooms


OPEN = {"process_info.json", "daemon.json"}
"""What `permissions.status` opens: the tickets' status, and what the daemon says of itself."""


def readable_by(uid: int, house: House) -> set[str]:
    """The names of all files in the house's folders that a user can open."""
    places = (house.uploads.parent, house.archive, house.inbox)
    found = as_user(uid, "find", *map(str, places), "-type", "f", "-readable", "-printf", "%f\\n")
    return set(found.stdout.splitlines())


def send(house: House, target: str, name: str, *, mode: str = "644") -> None:
    """The sender moves a zip of his own, readable by everybody, into the inbox."""
    aside = house.root / f"aside-{name}"
    aside.write_bytes(bag_zip())
    os.chown(aside, SENDER, SENDER)
    aside.chmod(0o644)
    landing = house.inbox / target
    moved = as_user(SENDER, "cp", str(aside), str(landing / f"{name}.part"), groups=(DROPPERS,))
    assert moved.returncode == 0, moved.stderr
    closed = as_user(SENDER, "chmod", mode, str(landing / f"{name}.part"), groups=(DROPPERS,))
    assert closed.returncode == 0, closed.stderr
    moved = as_user(
        SENDER, "mv", str(landing / f"{name}.part"), str(landing / name), groups=(DROPPERS,)
    )
    assert moved.returncode == 0, moved.stderr


def test_the_sender_reads_the_status_and_the_stranger_no_payload(
    rooms: tuple[House, Shelf],
) -> None:
    house, _ = rooms
    house.start()
    send(house, "archive", "one.zip")
    info = house.ended("one.zip")
    assert info["status"] == "finished", info
    assert info["dropped_by"]["uid"] == SENDER
    folder = house.uploads / info["ticket_number"]
    for uid in (SENDER, STRANGER):
        assert as_user(uid, "cat", str(folder / "process_info.json")).returncode == 0
        assert as_user(uid, "touch", str(folder / "new")).returncode != 0
    assert readable_by(STRANGER, house) == OPEN | {"receipt.json"}
    for path in folder.rglob("*"):
        if path.name not in {"process_info.json", "receipt.json"}:
            assert not path.stat().st_mode & (stat.S_IROTH | stat.S_IRGRP), path
    deposit = house.archive / "Project" / "a.txt"
    assert as_user(SERVICE, "cat", str(deposit)).stdout == "alpha\n"
    assert as_user(STRANGER, "ls", str(deposit.parent)).returncode != 0


def test_the_stranger_reads_no_payload_while_the_bag_is_staged(rooms: tuple[House, Shelf]) -> None:
    house, shelf = rooms
    shelf.faults.append(Fault("hang", method="PUT", times=100))
    house.start()
    send(house, "shelf", "three.zip")
    wait_until(lambda: any(method == "PUT" for method, _ in shelf.requests))
    info = wait_until(lambda: house.of("three.zip"))
    staged = house.uploads / info["ticket_number"] / "bag" / "data" / "Project" / "a.txt"
    assert staged.read_bytes() == b"alpha\n"
    assert readable_by(STRANGER, house) == OPEN
    assert readable_by(SENDER, house) == OPEN
    assert as_user(STRANGER, "ls", str(staged.parent)).returncode != 0


def test_a_drop_that_the_service_cannot_read_stays_until_it_can(
    rooms: tuple[House, Shelf],
) -> None:
    house, _ = rooms
    house.start()
    send(house, "archive", "locked.zip", mode="000")
    path = house.inbox / "archive" / "locked.zip"
    wait_until(lambda: "locked.zip cannot be taken yet" in house.log, what="for the warning")
    assert path.exists()
    assert house.of("locked.zip") is None
    opened = as_user(SENDER, "chmod", "644", str(path), groups=(DROPPERS,))
    assert opened.returncode == 0, opened.stderr
    assert house.ended("locked.zip")["status"] == "finished"
    assert house.log.count("locked.zip cannot be taken yet") == 1


def test_the_sender_cancels_beside_the_receipt_and_the_stranger_cannot(
    rooms: tuple[House, Shelf],
) -> None:
    house, shelf = rooms
    shelf.faults.append(Fault("hang", method="PUT", times=100))
    house.start()
    send(house, "shelf", "two.zip")
    info = wait_until(lambda: house.of("two.zip"))
    wait_until(lambda: shelf.puts or any(method == "PUT" for method, _ in shelf.requests))
    note = f"two.zip.{info['ticket_number'][:8]}"
    request = house.inbox / "shelf" / f"{note}.cancel"
    assert as_user(STRANGER, "touch", str(request)).returncode != 0
    assert as_user(STRANGER, "touch", str(request), groups=(DROPPERS,)).returncode == 0
    wait_until(lambda: f"{note}.cancel" in house.log, what="for the warning about a stranger")
    assert house.info(info["ticket_number"])["status"] == "in_progress"
    as_user(STRANGER, "rm", str(request), groups=(DROPPERS,))
    touched = as_user(SENDER, "touch", str(request), groups=(DROPPERS,))
    assert touched.returncode == 0, touched.stderr
    info = house.ended("two.zip", seconds=5)
    assert info["status_code"] == 499
    assert info["message"] == "Upload was cancelled by the user"
    wait_until(lambda: not request.exists(), what="for the request to be taken away")


def test_the_stranger_cannot_use_the_control_folder(rooms: tuple[House, Shelf]) -> None:
    house, _ = rooms
    house.start()
    assert as_user(STRANGER, "ls", str(house.control)).returncode != 0
    ticket = "11111111-1111-4111-8111-111111111111"
    assert as_user(STRANGER, "touch", str(house.control / f"{ticket}.cancel")).returncode != 0
