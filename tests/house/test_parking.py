"""Long waits hold no worker, and a whole target's trouble fails no backlog."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.bags import bag_zip, drop
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Fault, Shelf

OUTAGES = (
    ("503", "The shelf answered 503."),
    ("refused", "ConnectionRefusedError"),
    ("name", "gaierror"),
)
"""Forms of an outage, and the words for each."""

LIMIT = "the target's rate limit"


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf(token="right") as shelf:
        yield shelf


@pytest.fixture
def house(tmp_path: Path, shelf: Shelf) -> Iterator[House]:
    target = {**shelf.target(), "token_file": "token", "workers": 1}
    with open_house(
        tmp_path,
        targets={"shelf": target, "archive": {"type": "folder", "path": "archive"}},
        uploads={"retries": 0},
    ) as house:
        (tmp_path / "token").write_text("right\n")
        yield house


def drop_some(house: House, count: int) -> None:
    for number in range(count):
        content = bag_zip({f"P{number}/a.txt": b"1"})
        drop(content, house.inbox / "shelf" / f"{number}.zip")


def test_a_refused_token_fails_no_ticket_and_all_go_when_it_is_replaced(
    house: House, shelf: Shelf
) -> None:
    (house.root / "token").write_text("wrong")
    house.start()
    drop_some(house, 4)
    wait_until(
        lambda: (
            ["Token is invalid" in i["message"] for i in house.infos()] == [True] * 4
            and all(i["next_attempt_at"] for i in house.infos())
        ),
        what="for four held tickets",
    )
    assert {i["waiting_for"] for i in house.infos()} == {"a token"}
    assert len(shelf.requests) <= 2, "the token was tried again and again"
    assert house.log.count("shelf is held since now: Token is invalid") == 1
    (house.root / "token").write_text("right")
    wait_until(lambda: [i["status"] for i in house.infos()] == ["finished"] * 4, 30)
    assert house.log.count("shelf serves again") == 1


def test_a_retry_has_a_refused_token_tried_at_once(house: House, shelf: Shelf) -> None:
    target = {**house.settings["targets"]["shelf"], "workers": 4}
    house.configure(targets={**house.settings["targets"], "shelf": target})
    (house.root / "token").write_text("wrong")
    house.start()
    drop_some(house, 4)
    wait_until(lambda: sum(i["waiting_for"] == "a token" for i in house.infos()) == 4)
    # the target takes what it refused before; the token's file stays as it is
    shelf.token = "wrong"
    wait_until(lambda: [i["function_process_id"] for i in house.infos()] == [None] * 4)
    (house.control / f"{house.infos()[0]['ticket_number']}.retry").touch()
    wait_until(lambda: [i["status"] for i in house.infos()] == ["finished"] * 4, 30)


def test_the_cancel_of_a_running_upload_lets_no_refused_target_go(
    house: House, shelf: Shelf
) -> None:
    target = {**house.settings["targets"]["shelf"], "workers": 2}
    house.configure(targets={**house.settings["targets"], "shelf": target})
    shelf.faults.append(Fault("hang", times=10**6))
    house.start()
    drop_some(house, 1)
    wait_until(lambda: any(method == "PUT" for method, _ in shelf.requests))
    (house.root / "token").write_text("wrong")
    for number in range(1, 4):
        drop(bag_zip({f"P{number}/a.txt": b"1"}), house.inbox / "shelf" / f"{number}.zip")
    wait_until(lambda: sum(i["waiting_for"] == "a token" for i in house.infos()) == 3)
    asked = len(shelf.requests)
    running = house.of("0.zip")
    assert running is not None
    (house.control / f"{running['ticket_number']}.cancel").touch()
    assert house.ended("0.zip")["error_code"] == "cancelled"
    drop(bag_zip(), house.inbox / "archive" / "other.zip")
    house.ended("other.zip")
    assert len(shelf.requests) == asked
    assert "unauthorized" not in [i["error_code"] for i in house.infos()]


def test_one_file_that_the_target_cannot_take_holds_up_nobody(house: House, shelf: Shelf) -> None:
    shelf.faults.append(Fault("status 500", method="PUT", part="poison", times=10**6))
    house.start()
    drop(bag_zip({"P/poison.txt": b"1"}), house.inbox / "shelf" / "poison.zip")
    drop_some(house, 3)
    wait_until(lambda: sum(i["status"] == "finished" for i in house.infos()) == 3)
    assert house.ended("poison.zip")["error_code"] == "target-unavailable"
    assert "is held" not in house.log


@pytest.mark.sampled(2)
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("form", "cause", "seconds"),
    [
        *((*row, 0) for row in OUTAGES),
        *(pytest.param(*row, 120, marks=pytest.mark.full) for row in OUTAGES),
    ],
)
def test_an_outage_says_its_cause_on_every_ticket_and_in_two_lines_of_the_log(
    house: House, shelf: Shelf, form: str, cause: str, seconds: float
) -> None:
    targets = house.settings["targets"]
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        places = {"refused": f"127.0.0.1:{closed.getsockname()[1]}", "name": "shelf.invalid:80"}
        if form in places:
            away = {**targets["shelf"], "options": {"address": places[form]}}
            house.configure(targets={**targets, "shelf": away})
        else:
            shelf.faults.append(Fault("status 503", method="*", times=10**6))
        house.start()
        began = time.monotonic()
        drop_some(house, 50)
        wait_until(lambda: [i["waiting_for"] for i in house.infos()] == ["the target"] * 50, 120)
        wait_until(lambda: all(i["next_attempt_at"] for i in house.infos()), 60)
        assert {i["message"] for i in house.infos() if cause not in i["message"]} == set()
        wait_until(lambda: time.monotonic() - began >= seconds, seconds + 60)
    shelf.faults.clear()
    if form in places:
        house.configure(targets=targets)
        assert house.process is not None
        house.process.send_signal(signal.SIGHUP)
    wait_until(lambda: [i["status"] for i in house.infos()] == ["finished"] * 50, 400)
    loud = [line for line in house.log.splitlines() if " WARNING " in line or " ERROR " in line]
    assert len(loud) <= 5, loud
    held = [line for line in loud if "shelf is held since now: " in line]
    assert len(held) == 1, loud
    assert cause in held[0]
    assert house.log.count("shelf serves again") == 1


def test_a_target_taken_out_of_the_configuration_holds_its_tickets(
    house: House, shelf: Shelf
) -> None:
    shelf.faults.append(Fault("status 503", method="*", times=10**6))
    house.start()
    drop_some(house, 2)
    wait_until(lambda: ["503" in i["message"] for i in house.infos()] == [True] * 2)
    shelf.faults.clear()
    targets = house.settings["targets"]
    house.configure(targets={"archive": targets["archive"]})
    assert house.process is not None
    house.process.send_signal(1)
    wait_until(lambda: ["not configured" in i["message"] for i in house.infos()] == [True] * 2)
    house.configure(targets=targets)
    house.process.send_signal(1)
    wait_until(lambda: [i["status"] for i in house.infos()] == ["finished"] * 2, 30)


def test_a_missing_token_is_waited_for(tmp_path: Path, shelf: Shelf) -> None:
    target = {**shelf.target(), "token_file": "later"}
    with open_house(tmp_path, targets={"shelf": target}) as house:
        house.start()
        drop(bag_zip(), house.inbox / "shelf" / "one.zip")
        info = wait_until(lambda: (i := house.of("one.zip")) and i["waiting_for"] and i)
        wait_until(lambda: house.info(info["ticket_number"])["waiting_for"] == "a token")
        assert not shelf.requests
        (tmp_path / "later").write_text("right")
        assert house.ended("one.zip", 40)["status"] == "finished"


def test_a_rate_limit_gives_the_worker_back_and_says_until_when(house: House, shelf: Shelf) -> None:
    shelf.faults.append(Fault("status 429 45", method="GET", times=1))
    house.start()
    drop_some(house, 1)
    info = wait_until(lambda: (i := house.of("0.zip")) and i["next_attempt_at"] and i)
    assert info["status"] == "in_progress"
    assert "rate limit" in info["waiting_for"]
    assert info["function_process_id"] is None
    drop(bag_zip(), house.inbox / "archive" / "other.zip")
    assert house.ended("other.zip")["status"] == "finished"


def test_a_rate_limit_holds_all_tickets_of_its_target(house: House, shelf: Shelf) -> None:
    shelf.faults.append(Fault("status 429 45", method="*", times=10**6))
    house.start()
    drop_some(house, 6)
    wait_until(
        lambda: (
            ["rate limit" in (i["waiting_for"] or "") for i in house.infos()] == [True] * 6
            and all(i["next_attempt_at"] for i in house.infos())
        )
    )
    assert len(shelf.requests) == 1


@pytest.mark.full
def test_a_target_lets_its_tickets_go_after_an_outage_however_the_one_that_asks_ends(
    house: House, shelf: Shelf
) -> None:
    # the account's question, when a run begins and when it ends
    shelf.faults.append(Fault("status 503", method="GET", times=2))
    shelf.faults.append(Fault("status 404", method="POST", times=1))
    house.start()
    drop_some(house, 3)
    wait_until(lambda: [i["waiting_for"] for i in house.infos()] == ["the target"] * 3)
    assert house.process is not None
    idle = psutil.Process(house.process.pid)
    before = sum(idle.cpu_times()[:2])
    shelf.faults.append(Fault("trickle", method="GET", times=3))
    wait_until(lambda: all(i["status"] != "in_progress" for i in house.infos()), 90)
    assert sorted(i["status"] for i in house.infos()) == ["failed", "finished", "finished"]
    assert sum(idle.cpu_times()[:2]) - before < 4.0, "the daemon spun while it waited"


def test_a_long_upload_after_an_outage_holds_up_no_small_one(house: House, shelf: Shelf) -> None:
    shelf.faults.append(Fault("status 503", method="*", times=10**6))
    target = {**house.settings["targets"]["shelf"], "workers": 2}
    house.configure(targets={**house.settings["targets"], "shelf": target})
    house.start()
    drop(bag_zip({"P/a.txt": b"1", "P/b.txt": b"2"}), house.inbox / "shelf" / "long.zip")
    long = wait_until(
        lambda: (i := house.of("long.zip")) and i["waiting_for"] == "the target" and i
    )
    drop(bag_zip({"Q/a.txt": b"1"}), house.inbox / "shelf" / "small.zip")
    wait_until(lambda: (i := house.of("small.zip")) and i["waiting_for"] == "the target")
    shelf.faults[:] = [Fault("hang", part="b.txt", times=10**6)]
    (house.control / f"{long['ticket_number']}.retry").touch()
    assert house.ended("small.zip")["status"] == "finished"
    wait_until(lambda: house.info(long["ticket_number"])["upload_files_finished"] == 1)
    assert house.info(long["ticket_number"])["status"] == "in_progress"


def test_a_target_that_is_down_parks_the_backlog_and_a_reload_lets_it_go(
    house: House, shelf: Shelf
) -> None:
    shelf.faults.append(Fault("status 503", method="*", times=10**6))
    house.start()
    drop_some(house, 3)
    try:
        wait_until(lambda: [i["waiting_for"] for i in house.infos()] == ["the target"] * 3)
    except AssertionError:
        raise AssertionError([(i["message"], i["waiting_for"]) for i in house.infos()]) from None
    asked = len(shelf.requests)
    assert asked <= 6, "the whole backlog was tried in vain"
    shelf.faults.clear()
    assert house.process is not None
    house.process.send_signal(1)
    wait_until(lambda: [i["status"] for i in house.infos()] == ["finished"] * 3, 40)


def test_a_ticket_that_waits_longer_than_the_deadline_fails_and_says_for_what(
    house: House, shelf: Shelf
) -> None:
    shelf.faults.append(Fault("status 429 31", method="*", times=10**6))
    house.configure(uploads={"deadline": "1s"})
    house.start()
    drop_some(house, 1)
    since = wait_until(lambda: (i := house.of("0.zip")) and i["waiting_since"])
    assert house.stop() == 0
    house.start()
    info = house.ended("0.zip", 40)
    assert info["error_code"] == "rate-limited"
    assert info["status_code"] == 429
    assert "Given up after waiting" in info["message"]
    assert since is not None


def test_no_token_is_ever_told(house: House, shelf: Shelf) -> None:
    canary = "canary-6f1c9e"
    (house.root / "token").write_text(canary)
    shelf.token = canary
    shelf.faults += [Fault("swallow", times=1), Fault("status 500", times=1)]
    house.configure(uploads={"retries": 3})
    house.start()
    drop_some(house, 2)
    for number in range(2):
        house.ended(f"{number}.zip")
    family = house.family()
    told = house.log
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # a worker goes when it has nothing to do
            told += " ".join(member.cmdline()) + str(member.environ())
    for folder, _folders, names in os.walk(house.root):
        for name in set(names) - {"token"}:
            # a verified bag is being removed meanwhile
            with contextlib.suppress(FileNotFoundError):
                told += Path(folder, name).read_bytes().decode(errors="replace")
    assert canary not in told


def test_a_token_from_the_environment_is_taken_out_of_it(tmp_path: Path, shelf: Shelf) -> None:
    target = {**shelf.target(), "token_env": "SHELF_TOKEN"}
    with open_house(tmp_path, targets={"shelf": target}) as house:
        house.environment["SHELF_TOKEN"] = "right"
        house.start()
        drop(bag_zip(), house.inbox / "shelf" / "one.zip")
        assert house.ended("one.zip")["status"] == "finished"
        workers = house.family()[1:]
        assert workers
        assert not [member for member in workers if "SHELF_TOKEN" in member.environ()]


def test_a_wait_inside_a_worker_says_what_for_and_until_when_and_goes_afterwards(
    house: House, shelf: Shelf
) -> None:
    house.configure(uploads={"retries": 3})
    shelf.faults.append(Fault("status 429 8", times=1))
    house.start()
    drop_some(house, 1)
    info = wait_until(lambda: (i := house.of("0.zip")) and i["waiting_for"] == LIMIT and i)
    assert info["next_attempt_at"]
    assert info["function_process_id"], "the worker keeps the ticket"
    assert info["message"] == f"Waiting for {LIMIT}."
    end = house.ended("0.zip")
    assert end["status"] == "finished"
    assert end["waiting_for"] is end["next_attempt_at"] is None
