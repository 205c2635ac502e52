"""What is on hold is taken and staged, and not sent, whoever dies meanwhile."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.bags import bag_zip, drop
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Fault, Shelf
from tests.house.test_crash import (
    COPY_ONLY,
    START_ONLY,
    drop_linked,
    end_the_daemon,
    failpoints,
    payload,
)

STATUS = "status-in_progress-received"
OFTEN = {"stage-hashed"}
BEFORE_SENDING = [
    pytest.param(name, marks=() if name in OFTEN else pytest.mark.full)
    for name in sorted({*failpoints(), STATUS} - START_ONLY)
    if name.startswith(("claim-", "stage-", "payload-", "copy-", STATUS))
]
"""Every instant at which a daemon can die before anything would be sent."""


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
        uploads={"retries": 0, "connections": 1},
    ) as house:
        yield house


def held(house: House, name: str) -> dict[str, Any]:
    """The status of a drop's ticket once it says that it is on hold."""
    found: dict[str, Any] = wait_until(
        lambda: (i := house.of(name)) and i["waiting_for"] == "hold" and i,
        what=f"for {name} to be on hold: {house.of(name)}\n{house.log}",
    )
    assert found["stage"] == "hashed"
    assert found["status"] == "in_progress"
    assert found["message"].startswith("On hold: the operator has put ")
    return found


def hold(house: House, name: str = "") -> Path:
    """A hold as an operator makes it by hand."""
    house.control.mkdir(parents=True, exist_ok=True)
    path = house.control / (f"{name}.hold" if name else "hold")
    path.touch()
    return path


@pytest.mark.parametrize("point", BEFORE_SENDING)
def test_a_hold_outlives_a_kill_at_every_step_before_sending(
    house: House, shelf: Shelf, point: str
) -> None:
    marker = hold(house, "shelf")
    house.start(failpoint=point)
    content, place = bag_zip(payload(1)), house.inbox / "shelf" / "one.zip"
    if point in COPY_ONLY:
        drop_linked(content, house, place)
    else:
        drop(content, place)
    end_the_daemon(house)
    house.start()
    held(house, "one.zip")
    assert shelf.requests == []
    marker.unlink()
    assert house.ended("one.zip")["status"] == "finished"
    assert set(shelf.puts.values()) == {1}


def test_what_is_being_sent_goes_to_its_end_and_what_comes_after_it_waits(
    house: House, shelf: Shelf
) -> None:
    shelf.faults.append(Fault("late", times=1))
    house.start()
    drop(bag_zip(payload(1)), house.inbox / "shelf" / "one.zip")
    wait_until(lambda: any(method == "PUT" for method, _ in shelf.requests))
    hold(house, "shelf")
    drop(bag_zip(payload(2)), house.inbox / "shelf" / "two.zip")
    drop(bag_zip(payload(3)), house.inbox / "archive" / "three.zip")
    held(house, "two.zip")
    assert house.ended("three.zip")["status"] == "finished"
    shelf.released.set()
    assert house.ended("one.zip")["status"] == "finished"
    assert not any("T2" in room.title for room in shelf.rooms.values())
    assert held(house, "two.zip")["waiting_since"] is not None
    (house.control / "shelf.resume").touch()
    assert house.ended("two.zip")["status"] == "finished"
    wait_until(lambda: not list(house.control.iterdir()))


def test_an_upload_that_is_killed_under_a_hold_goes_on_after_it_and_sends_nothing_twice(
    house: House, shelf: Shelf
) -> None:
    shelf.faults.append(Fault("hang", times=1, after=2))
    house.start()
    drop(bag_zip(payload(1)), house.inbox / "shelf" / "one.zip")
    wait_until(lambda: sum(method == "PUT" for method, _ in shelf.requests) == 3)
    hold(house)
    wait_until(lambda: "all sending is on hold" in house.log)
    workers = house.family()
    house.stop(signal.SIGKILL)
    # one that outlives the daemon for a moment would send its next file
    for worker in workers:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()
    psutil.wait_procs(workers)
    shelf.released.set()
    before = len(shelf.requests)
    house.start()
    held(house, "one.zip")
    assert len(shelf.requests) == before
    (house.control / "resume").touch()
    info = house.ended("one.zip")
    assert (info["status"], info["failed_fixity"]) == ("finished", [])
    assert shelf.needless == []


def test_a_ticket_on_hold_can_be_cancelled_and_leaves_no_hold_behind(
    house: House, shelf: Shelf
) -> None:
    everything = hold(house)
    house.start()
    drop(bag_zip(payload(1)), house.inbox / "shelf" / "one.zip")
    ticket = held(house, "one.zip")["ticket_number"]
    hold(house, ticket)
    everything.unlink()
    wait_until(lambda: "this ticket" in house.info(ticket)["message"])
    (house.control / f"{ticket}.retry").touch()
    wait_until(lambda: not list(house.control.glob(f"{ticket}.retry*")))
    assert house.info(ticket)["waiting_for"] == "hold"
    (house.control / f"{ticket}.cancel").touch()
    assert house.ended("one.zip")["error_code"] == "cancelled"
    wait_until(lambda: not list(house.control.iterdir()))
    assert shelf.requests == []


def test_a_retried_ticket_waits_when_its_target_is_on_hold_also_after_reload_and_stop(
    house: House, shelf: Shelf
) -> None:
    shelf.faults.append(Fault("status 400", part="/files/2.txt", times=1))
    house.start()
    drop(bag_zip(payload(1)), house.inbox / "shelf" / "one.zip")
    ticket = house.ended("one.zip")["ticket_number"]
    hold(house, "shelf")
    wait_until(lambda: "shelf is on hold" in house.log)
    before = len(shelf.requests)
    assert house.run("retry", ticket).returncode == 0
    held(house, "one.zip")
    assert house.run("reload").returncode == 0
    house.stop()
    assert house.run("prepare-upgrade", "--wait").returncode == 0
    house.start()
    held(house, "one.zip")
    assert len(shelf.requests) == before
    (house.control / "shelf.hold").unlink()
    assert house.ended("one.zip")["status"] == "finished"


def test_run_once_leaves_what_is_on_hold_in_progress_and_ends(house: House, shelf: Shelf) -> None:
    hold(house)
    house.configure()
    (house.inbox / "shelf").mkdir(parents=True)
    drop(bag_zip(payload(1)), house.inbox / "shelf" / "one.zip")
    assert house.run("run", "--once").returncode == 3
    held(house, "one.zip")
    assert shelf.requests == []


@pytest.mark.full
def test_the_hold_of_a_ticket_that_a_crash_left_behind_goes_at_the_next_start(
    house: House,
) -> None:
    house.start()
    drop(bag_zip(payload(1)), house.inbox / "archive" / "one.zip")
    ticket = house.ended("one.zip")["ticket_number"]
    house.stop()
    left = hold(house, ticket)
    house.start()
    assert not left.exists()
