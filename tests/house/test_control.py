"""Cancel and retry, by the operator's folder, by command and by the sender's file."""

import random
import signal
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bags import bag_tree, bag_zip, drop, zip_bytes
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Fault, Shelf

PAYLOAD = {f"P/{number}.txt": f"{number}".encode() for number in range(5)}


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
        uploads={"retries": 0},
    ) as house:
        yield house


def ask(house: House, ticket: str, word: str) -> None:
    (house.control / f"{ticket}.{word}").touch()


def assert_cancelled(house: House, name: str, began: float) -> None:
    info = house.ended(name, 20)
    assert time.monotonic() - began < 20
    assert info["status"] == "failed"
    assert info["status_code"] == 499
    assert info["error_code"] == "cancelled"
    assert info["message"] == "Upload was cancelled by the user"
    assert (house.uploads / info["ticket_number"] / name).exists()
    assert (house.uploads / info["ticket_number"] / "receipt.json").exists()


def test_an_upload_that_hangs_is_cancelled_within_two_seconds(house: House, shelf: Shelf) -> None:
    shelf.faults.append(Fault("hang", times=100))
    house.start()
    drop(bag_zip(PAYLOAD), house.inbox / "shelf" / "one.zip")
    wait_until(lambda: any(method == "PUT" for method, _ in shelf.requests))
    info = house.of("one.zip")
    assert info is not None
    began = time.monotonic()
    ask(house, info["ticket_number"], "cancel")
    assert_cancelled(house, "one.zip", began)
    wait_until(lambda: not list(house.control.iterdir()))
    link = house.info(info["ticket_number"])["link_to_resource"]
    assert link is not None
    assert house.receipt(info["ticket_number"])["link"] == link


def test_a_ticket_in_the_queue_is_cancelled_and_never_sent(house: House, shelf: Shelf) -> None:
    shelf.faults.append(Fault("hang", method="*", times=1))
    house.start()
    drop(bag_zip({"First/a": b"1"}), house.inbox / "shelf" / "first.zip")
    wait_until(lambda: shelf.requests)
    drop(bag_zip({"Second/a": b"1"}), house.inbox / "shelf" / "second.zip")
    info = wait_until(
        lambda: (i := house.of("second.zip")) and i["stage"] == "hashed" and i, what="to be staged"
    )
    began = time.monotonic()
    ask(house, info["ticket_number"], "cancel")
    assert_cancelled(house, "second.zip", began)
    assert not any("Second" in path for _, path in shelf.requests)


def test_staging_is_cancelled(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        house.start()
        tree = bag_tree({"Big/a.bin": bytes(300 << 20)}, algorithms=("sha512", "sha256", "md5"))
        aside = tmp_path / "aside.zip"
        aside.write_bytes(zip_bytes(tree, method=zipfile.ZIP_STORED))
        aside.rename(house.inbox / "archive" / "big.zip")
        info = wait_until(lambda: (i := house.of("big.zip")) and i["staging_attempt"] and i)
        began = time.monotonic()
        ask(house, info["ticket_number"], "cancel")
        assert_cancelled(house, "big.zip", began)
        left = {path.name for path in (house.uploads / info["ticket_number"]).iterdir()}
        assert "bag" not in left


def test_what_has_finished_stays_finished(house: House) -> None:
    house.start()
    drop(bag_zip(PAYLOAD), house.inbox / "archive" / "one.zip")
    ticket = house.ended("one.zip")["ticket_number"]
    ask(house, ticket, "cancel")
    wait_until(lambda: not list(house.control.iterdir()))
    assert house.run("cancel", ticket).returncode == 6
    assert house.info(ticket)["status"] == "finished"


def test_a_failed_ticket_goes_again_and_sends_nothing_twice(house: House, shelf: Shelf) -> None:
    shelf.faults.append(Fault("status 400", part="/files/4.txt", times=1))
    house.start()
    drop(bag_zip(PAYLOAD), house.inbox / "shelf" / "one.zip")
    info = house.ended("one.zip")
    assert info["status"] == "failed"
    ticket = info["ticket_number"]
    assert house.run("retry", ticket).returncode == 0
    again = wait_until(
        lambda: (i := house.info(ticket))["attempt"] == 2 and i["status"] != "in_progress" and i
    )
    assert again["status"] == "finished", again
    assert again["error_code"] is None
    assert again["resources_ignored"] == []
    assert len(shelf.rooms) == 1
    assert max(shelf.puts.values()) == 1
    assert shelf.stored() == {"P": {k.removeprefix("P/"): v for k, v in PAYLOAD.items()}}


def test_wait_after_retry_waits_for_the_new_end(house: House, shelf: Shelf) -> None:
    shelf.faults.append(Fault("status 400", part="/files/4.txt", times=1))
    house.start()
    drop(bag_zip(PAYLOAD), house.inbox / "shelf" / "one.zip")
    ticket = house.ended("one.zip")["ticket_number"]
    assert house.run("retry", ticket).returncode == 0
    ended = house.run("wait", ticket)
    assert ended.returncode == 0, ended.stdout


def test_a_ticket_with_failed_fixity_goes_again_and_sends_what_was_spoilt(
    house: House, shelf: Shelf
) -> None:
    shelf.faults.append(Fault("spoil", part="/files/2.txt", times=2))
    house.start()
    drop(bag_zip(PAYLOAD), house.inbox / "shelf" / "one.zip")
    info = house.ended("one.zip")
    assert info["status"] == "finished"
    assert info["message"].startswith("Upload successful but with fixity errors.")
    assert info["failed_fixity"] == ["/P/2.txt"]
    ticket = info["ticket_number"]
    assert house.run("status", ticket).returncode == 2
    ask(house, ticket, "retry")
    again = wait_until(
        lambda: (i := house.info(ticket))["attempt"] == 2 and i["status"] != "in_progress" and i
    )
    assert again["failed_fixity"] == []
    assert shelf.stored()["P"]["2.txt"] == b"2"
    assert shelf.puts["P", "1.txt"] == 1


def test_a_spoilt_file_is_sent_again_at_once(house: House, shelf: Shelf) -> None:
    shelf.faults.append(Fault("spoil", part="/files/2.txt", times=1))
    house.start()
    drop(bag_zip(PAYLOAD), house.inbox / "shelf" / "one.zip")
    info = house.ended("one.zip")
    assert info["message"] == "Upload successful."
    assert shelf.puts["P", "2.txt"] == 2


def test_a_target_without_digests_of_its_own_is_never_called_matched(
    house: House, shelf: Shelf
) -> None:
    shelf.faults.append(Fault("mute", times=100))
    house.start()
    drop(bag_zip(PAYLOAD), house.inbox / "shelf" / "one.zip")
    info = house.ended("one.zip")
    assert sorted(info["unverified_fixity"]) == sorted(f"/{name}" for name in PAYLOAD)
    assert info["failed_fixity"] == []
    assert "Fixity can't be determined because" in info["message"]
    assert info["expiration"] is None


def test_a_rejected_ticket_goes_again_from_its_zip_and_fails_alike(house: House) -> None:
    house.start()
    drop(zip_bytes({"a": b"1"}, folder="x"), house.inbox / "archive" / "nobag.zip")
    ticket = house.ended("nobag.zip")["ticket_number"]
    assert house.run("retry", ticket).returncode == 0
    again = wait_until(
        lambda: (i := house.info(ticket))["attempt"] == 2 and i["status"] != "in_progress" and i
    )
    assert again["error_code"] == "malformed-bag"


def test_the_sender_cancels_beside_the_receipt(house: House, shelf: Shelf) -> None:
    shelf.faults.append(Fault("hang", times=100))
    house.start()
    drop(bag_zip(PAYLOAD), house.inbox / "shelf" / "one.zip")
    wait_until(lambda: any(method == "PUT" for method, _ in shelf.requests))
    info = house.of("one.zip")
    assert info is not None
    request = house.inbox / "shelf" / f"one.zip.{info['ticket_number'][:8]}.cancel"
    began = time.monotonic()
    request.touch()
    assert_cancelled(house, "one.zip", began)
    wait_until(lambda: not request.exists())


@pytest.mark.parametrize("by_sender", [False, True])
def test_a_cancel_is_not_lost_by_a_kill_before_the_end_is_written(
    house: House, shelf: Shelf, by_sender: bool
) -> None:
    shelf.faults.append(Fault("hang", times=100))
    house.start(failpoint="receipt-written")
    drop(bag_zip(PAYLOAD), house.inbox / "shelf" / "one.zip")
    wait_until(lambda: any(method == "PUT" for method, _ in shelf.requests))
    ticket = wait_until(lambda: house.of("one.zip"))["ticket_number"]
    if by_sender:
        (house.inbox / "shelf" / f"one.zip.{ticket[:8]}.cancel").touch()
    else:
        ask(house, ticket, "cancel")
    assert house.process is not None
    house.process.wait(20)
    assert house.info(ticket)["status"] == "in_progress"
    house.start()
    assert_cancelled(house, "one.zip", time.monotonic())
    wait_until(lambda: not [*house.control.iterdir(), *house.inbox.rglob("*.cancel")])


def test_a_cancel_in_the_queue_of_a_daemon_that_stops_counts_at_the_next_start(
    house: House, shelf: Shelf
) -> None:
    shelf.faults.append(Fault("hang", times=100))
    house.configure(stop_grace="0s")
    house.start()
    drop(bag_zip(PAYLOAD), house.inbox / "shelf" / "one.zip")
    wait_until(lambda: any(method == "PUT" for method, _ in shelf.requests))
    ticket = wait_until(lambda: house.of("one.zip"))["ticket_number"]
    assert house.process is not None
    house.process.send_signal(signal.SIGTERM)
    ask(house, ticket, "cancel")
    assert house.stop() == 0
    house.start()
    assert_cancelled(house, "one.zip", time.monotonic())
    wait_until(lambda: not list(house.control.iterdir()))


def test_unknown_tickets_and_junk_in_the_control_folder_do_no_harm(house: House) -> None:
    house.start()
    ask(house, "11111111-1111-4111-8111-111111111111", "cancel")
    ask(house, "11111111-1111-4111-8111-111111111111", "retry")
    (house.control / "junk").write_text("?")
    wait_until(lambda: [path.name for path in house.control.iterdir()] == ["junk"])
    assert house.run("cancel", "11111111-1111-4111-8111-111111111111").returncode == 4
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    assert house.ended("one.zip")["status"] == "finished"


def test_cancel_and_retry_at_random_moments_under_load(
    house: House, shelf: Shelf, full: bool
) -> None:
    shelf.faults.append(Fault("slowly", times=10**6))
    house.start()
    count = 60 if full else 16
    dice = random.Random(3)
    for number in range(count):
        target = "shelf" if number % 2 else "archive"
        content = bag_zip({f"R{number}/{n}": b"x" for n in range(4)})
        drop(content, house.inbox / target / f"{number}.zip")
    asked: Counter[tuple[str, str]] = Counter()
    wait_until(house.tickets)
    for _ in range(4 * count):
        info = dice.choice(house.infos())
        word = {"in_progress": "cancel", "failed": "retry"}.get(info["status"])
        if word:
            ask(house, info["ticket_number"], word)
            asked[word, info["stage"]] += 1
        enough = len(shelf.requests) + dice.randrange(6)
        wait_until(lambda: len(shelf.requests) >= enough or not_in_progress(house))  # noqa: B023
    failed = [i for i in house.infos() if i["status"] == "failed"]
    assert all(info["error_code"] == "cancelled" for info in failed), failed
    # how far one was when it was asked for is told a moment later, so either word tells of it
    assert {stage for _, stage in asked} >= {"received", "hashed"}, asked
    assert {word for word, _ in asked} == {"cancel", "retry"}, asked

    def have_finished() -> bool:
        infos = house.infos()
        for info in infos:
            if info["status"] == "failed":
                ask(house, info["ticket_number"], "retry")
        return [info["status"] for info in infos] == ["finished"] * count

    wait_until(have_finished, 120, every=0.1)
    kept = {p.name: house.deposited(p.name) for p in house.archive.iterdir() if p.is_dir()}
    wanted = {str(number): b"x" for number in range(4)}
    assert {**shelf.stored(), **kept} == {f"R{number}": wanted for number in range(count)}
    assert shelf.needless == []
    assert house.stop() == 0


def not_in_progress(house: House) -> bool:
    return all(info["status"] != "in_progress" for info in house.infos())


def test_a_daemon_that_dies_again_and_again_costs_a_ticket_nothing(
    house: House, shelf: Shelf
) -> None:
    house.configure(uploads={"max_resumes": 1})
    shelf.faults.append(Fault("hang", part="/files/3.txt", times=5))
    house.start()
    drop(bag_zip(PAYLOAD), house.inbox / "shelf" / "one.zip")
    for number in range(5):
        wait_until(lambda: shelf.faults[0].times == 4 - number)  # noqa: B023
        ticket = house.tickets()[0]
        wait_until(
            lambda: (i := house.info(ticket))["function_process_id"] and i["resumes"] == number  # noqa: B023
        )
        house.stop(signal.SIGKILL)
        house.start()
    info = house.ended("one.zip")
    assert info["status"] == "finished", info
    assert info["resumes"] == 5
    assert max(shelf.puts.values()) == 1
    assert len(shelf.rooms) == 1


def test_a_stop_hands_back_what_runs_and_the_next_start_goes_on(house: House, shelf: Shelf) -> None:
    shelf.faults.append(Fault("hang", part="/files/3.txt", times=1))
    house.configure(stop_grace="1s")
    house.start()
    drop(bag_zip(PAYLOAD), house.inbox / "shelf" / "one.zip")
    wait_until(lambda: shelf.puts.total() >= 3)
    began = time.monotonic()
    assert house.stop() == 0
    assert time.monotonic() - began < 30
    info = house.of("one.zip")
    assert info is not None
    assert info["status"] == "in_progress"
    assert info["function_process_id"] is None
    house.start()
    assert house.ended("one.zip")["status"] == "finished"
    assert max(shelf.puts.values()) == 1
    assert len(shelf.rooms) == 1


def test_a_stop_lets_what_runs_finish_within_its_grace(house: House, shelf: Shelf) -> None:
    shelf.faults.append(Fault("trickle", part="/files/3.txt", times=1))
    house.start()
    drop(bag_zip(PAYLOAD), house.inbox / "shelf" / "one.zip")
    wait_until(lambda: shelf.puts.total() >= 3)
    assert house.stop() == 0
    info = house.of("one.zip")
    assert info is not None
    assert info["status"] == "finished"


def test_control_c_ends_the_daemon_cleanly(house: House) -> None:
    house.start()
    assert house.stop(signal.SIGINT) == 0
    assert "Traceback" not in house.log


def test_a_changed_configuration_is_taken_over_and_a_bad_one_is_not(
    house: House, tmp_path: Path
) -> None:
    house.start()
    assert house.process is not None
    (tmp_path / "config.yaml").write_text("nonsense: 1\n")
    house.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "the new configuration is not used" in house.log)
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    assert house.ended("one.zip")["status"] == "finished"
    house.configure(
        targets={
            "archive": {"type": "folder", "path": "archive"},
            "second": {"type": "folder", "path": "second"},
        }
    )
    house.process.send_signal(signal.SIGHUP)
    wait_until((house.inbox / "second").is_dir)
    drop(bag_zip(), house.inbox / "second" / "two.zip")
    assert house.ended("two.zip")["status"] == "finished"
    assert (tmp_path / "second" / "Project" / "a.txt").exists()
