"""Many tickets go again by one command: in their order, each once, and nobody else waits."""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from presqt_daemon.errors import UserFault
from presqt_daemon.model import Route
from presqt_daemon.records.receipt import write_receipt
from presqt_daemon.tickets.claim_record import ClaimRecord, Owner
from presqt_daemon.tickets.store import Uploads
from tests.bags import bag_zip, drop
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Shelf
from tests.tickets.infos import failed_info, write_info

FEW, MANY = 20, 500
SHARE_OUT_OF_PLACE = 5
"""Some are opened and staged at a time, so one may stand a part of all from its place; without any
order one would stand nearly as far as there are tickets."""


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf() as shelf:
        yield shelf


@pytest.fixture
def house(tmp_path: Path, shelf: Shelf) -> Iterator[House]:
    with open_house(
        tmp_path,
        targets={
            "archive": {"type": "folder", "path": "archive"},
            "shelf": {**shelf.target(), "workers": 1},
        },
    ) as house:
        yield house


def add_refused(house: House, count: int) -> list[str]:
    """Tickets that a token failed an hour ago, the oldest first; their numbers say no order."""
    uploads = Uploads(house.root / "mediafiles")
    began = datetime.now(UTC) - timedelta(hours=1)
    refused = UserFault("unauthorized", "The token is refused.")
    tickets = []
    for number in range(count):
        moment = began + timedelta(seconds=number)
        info = failed_info(refused, target="shelf", source_file=f"{number}.zip", received_at=moment)
        folder = uploads.folder(info.ticket_number)
        folder.path.mkdir(parents=True)
        content = bag_zip({f"N{number:03d}/a.txt": f"{number}".encode()})
        (folder.path / info.source_file).write_bytes(content)
        folder.write_claim(
            ClaimRecord(
                ticket=info.ticket_number,
                inbox_folder=str(house.inbox / "shelf"),
                inbox_name=info.source_file,
                zip_name=info.source_file,
                sidecar_name=None,
                route=Route(target="shelf"),
                dropped_by_uid=os.getuid(),
                dropped_by_name=None,
                received_at=moment.strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
                owner=Owner(host="h", boot_id="b", pid=1, started=1),
            ),
            durable=False,
        )
        write_info(uploads, folder, info, durable=False)
        write_receipt(folder, info, now=moment)
        tickets.append(info.ticket_number)
    return tickets


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.full)])
def test_all_that_a_token_failed_go_again_in_their_order_and_nobody_else_waits(
    house: House, shelf: Shelf, count: int
) -> None:
    tickets = add_refused(house, count)
    house.start()
    drop(b"no zip", house.inbox / "archive" / "other.zip")
    other = house.ended("other.zip")
    asked = house.run("retry", "--all", "--code", "401", "--yes")
    assert asked.returncode == 0, asked.stderr
    assert f"asked to retry {count} tickets" in asked.stdout
    # a drop for another target passes them all
    drop(bag_zip(), house.inbox / "archive" / "passes.zip")
    assert house.ended("passes.zip", 120)["status"] == "finished"
    left = [ticket for ticket in tickets if house.info(ticket)["status"] != "finished"]
    passed = len(left)

    def infos() -> list[dict[str, Any]] | None:
        found = [house.info(ticket) for ticket in tickets]
        return found if all(info["status"] == "finished" for info in found) else None

    ended = wait_until(infos, 600, what="for all", every=0.2)
    assert Counter(info["attempt"] for info in ended) == {2: count}
    # each was made once, and the oldest before the younger
    titles = [room.title for room in shelf.rooms.values()]
    assert sorted(titles) == [f"N{number:03d}" for number in range(count)]
    assert set(shelf.puts.values()) == {1}
    places = [abs(int(title[1:]) - place) for place, title in enumerate(titles)]
    assert max(places) <= max(10, count // SHARE_OUT_OF_PLACE), titles
    # whom the command did not mean stays as it was; nothing is left to be answered
    assert house.info(other["ticket_number"]) == other
    wait_until(lambda: not list(house.control.iterdir()))
    assert passed > 0 or count == FEW


@pytest.mark.full
def test_a_kill_in_the_middle_of_many_retries_loses_and_repeats_none(
    house: House, shelf: Shelf
) -> None:
    tickets = add_refused(house, FEW)
    house.start(failpoint="reopened:9")
    asked = house.run("retry", "--all", "--yes")
    assert asked.returncode == 0
    assert house.process is not None
    process = house.process
    wait_until(lambda: process.poll() is not None, what="for the failpoint")
    house.start()
    wait_until(lambda: all(house.info(ticket)["status"] == "finished" for ticket in tickets), 120)
    assert Counter(house.info(ticket)["attempt"] for ticket in tickets) == {2: FEW}
    assert sorted(room.title for room in shelf.rooms.values()) == [
        f"N{number:03d}" for number in range(FEW)
    ]
    wait_until(lambda: not list(house.control.iterdir()))


def test_all_of_a_target_are_cancelled_and_the_others_go_on(house: House, shelf: Shelf) -> None:
    (house.root / "mediafiles" / "control").mkdir(parents=True)
    (house.control / "hold").touch()
    house.start()
    for number in range(10):
        drop(bag_zip({f"S{number}/a": b"1"}), house.inbox / "shelf" / f"s{number}.zip")
        drop(bag_zip({f"A{number}/a": b"1"}), house.inbox / "archive" / f"a{number}.zip")
    wait_until(lambda: sum(info["waiting_for"] == "hold" for info in house.infos()) == 20, 120)
    asked = house.run("cancel", "--all", "--target", "shelf", "--yes")
    assert asked.returncode == 0
    wait_until(lambda: sum(i["error_code"] == "cancelled" for i in house.infos()) == 10, 60)
    assert house.run("resume").returncode == 0
    for number in range(10):
        assert house.ended(f"a{number}.zip", 60)["status"] == "finished"
    assert shelf.requests == []
