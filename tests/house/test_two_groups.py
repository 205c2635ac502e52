"""Senders of two groups, as real users: nobody acts for another."""

import os
from collections.abc import Iterator

import pytest

from tests.bags import bag_zip
from tests.house.house import House, wait_until
from tests.house.shelf import Fault, Shelf
from tests.house.users import as_user, house_of_users

ANN, BEN, CARL = 61011, 61012, 61013
LAB_A, LAB_B = 61111, 61112
GROUP = {ANN: LAB_A, BEN: LAB_A, CARL: LAB_B}


@pytest.fixture
def rooms() -> Iterator[tuple[House, Shelf]]:
    groups = {"a": LAB_A, "b": LAB_B}
    with house_of_users(groups, lambda shelf: {name: shelf.target() for name in groups}) as rooms:
        yield rooms


def does(uid: int, script: str) -> int:
    """What a sender's shell makes of it, with its own umask."""
    return as_user(uid, "sh", "-c", f"umask 002; {script}", groups=(GROUP[uid],)).returncode


def brings(house: House, uid: int, folder: str, name: str) -> None:
    """A sender moves a zip of his own into a folder."""
    aside = house.root / f"aside-{uid}-{name}"
    aside.write_bytes(bag_zip())
    os.chown(aside, uid, uid)
    landing = house.inbox / folder
    script = f"cp {aside} {landing}/.{name}.part && mv {landing}/.{name}.part {landing}/{name}"
    assert does(uid, script) == 0


def running(house: House, shelf: Shelf, name: str) -> str:
    """Ann's ticket, which is being sent and will be for long."""
    shelf.faults.append(Fault("hang", method="PUT", times=100))
    brings(house, ANN, "a", name)
    info = wait_until(lambda: house.of(name))
    wait_until(lambda: any(method == "PUT" for method, _ in shelf.requests))
    return str(info["ticket_number"])


def test_no_file_of_another_sender_cancels_a_ticket_whatever_its_form(
    rooms: tuple[House, Shelf],
) -> None:
    """By another of the group, of another group, by a link, a name of a note or of a copy."""
    house, shelf = rooms
    house.start()
    ticket = running(house, shelf, "thesis.zip")
    stem = f"thesis.zip.{ticket[:8]}"
    a, b = house.inbox / "a", house.inbox / "b"
    tried = {
        # nobody may write in another group's folder
        f"touch {a}/{stem}.cancel": CARL,
        f"touch {b}/{stem}.cancel": CARL,
        f"touch {a}/{stem}.cancel; true": BEN,
        f"mv {a}/{stem}.cancel {a}/thesis.zip.cancel": BEN,
        f"rm {a}/thesis.zip.cancel; ln -s /dev/null {a}/{stem}.cancel": BEN,
        f"rm {a}/{stem}.cancel; cp {a}/{stem}.ticket.json {a}/{stem}.cancel": BEN,
        f"rm {a}/{stem}.cancel; mv {a}/{stem}.ticket.json {a}/{stem}.cancel": BEN,
        f"touch {b}/x; ln {b}/x {b}/{stem}.CANCEL": CARL,
        f"mkdir {a}/{stem}.retry; mkfifo {a}/thesis.zip.retry": BEN,
    }
    refused = [does(uid, script) for script, uid in tried.items()]
    assert refused[0] != 0
    assert refused[1:] == [0] * (len(tried) - 1)
    # a request of the owner's own is answered after all of them were looked at
    brings(house, ANN, "a", "second.zip")
    second = wait_until(lambda: house.of("second.zip"))["ticket_number"]
    assert does(ANN, f"touch {a}/second.zip.{second[:8]}.cancel") == 0
    assert house.ended("second.zip")["error_code"] == "cancelled"
    assert house.info(ticket)["status"] == "in_progress"
    assert does(ANN, f"rm -rf {a}/{stem}.cancel; touch {a}/{stem}.cancel") == 0
    assert house.ended("thesis.zip")["error_code"] == "cancelled"
    assert "Traceback" not in house.log


def test_a_side_car_of_another_refuses_the_drop_and_names_its_owner(
    rooms: tuple[House, Shelf],
) -> None:
    house, _ = rooms
    house.start()
    a = house.inbox / "a"
    for number, script in enumerate(
        (
            "echo 'title: Mine' > {0}.yaml",
            "echo 'title: Mine' > {0}.YML",
            "ln -s /etc/hostname {0}.yaml",
            "echo 'title: Mine' > {0}.yaml.part; ln {0}.yaml.part {0}.yaml",
            "mkfifo {0}.yaml",
        )
    ):
        assert does(BEN, script.format(a / f"{number}.zip")) == 0
        brings(house, ANN, "a", f"{number}.zip")
    for number in range(5):
        info = house.ended(f"{number}.zip")
        assert info["error_code"] == "bad-sidecar", info
        assert info["title"] is None
    assert str(BEN) in (house.of("0.zip") or {})["message"]
    assert house.stop() == 0


def test_a_claimed_name_of_a_sender_is_a_new_drop_of_its_own(rooms: tuple[House, Shelf]) -> None:
    """Also under the number of somebody's ticket, ended or open, in this or another folder."""
    house, shelf = rooms
    house.start()
    ticket = running(house, shelf, "thesis.zip")
    a, b = house.inbox / "a", house.inbox / "b"
    for folder, uid, name in ((a, BEN, "ben.zip"), (b, CARL, "carl.zip")):
        aside = house.root / f"aside-{uid}"
        aside.write_bytes(bag_zip({"Evil/x.txt": b"x"}))
        os.chown(aside, uid, uid)
        part = folder / ".x.part"
        assert does(uid, f"cp {aside} {part} && mv {part} {folder}/.claimed-{ticket}-{name}") == 0
        info = wait_until(lambda name=name: house.of(name), what=house.log)  # type: ignore[misc]
        assert info["ticket_number"] != ticket
        assert info["dropped_by"]["uid"] == uid
    assert house.info(ticket)["dropped_by"]["uid"] == ANN
