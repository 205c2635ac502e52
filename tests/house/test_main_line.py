import json
import os
import re
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bags import bag_zip, drop, zip_bytes
from tests.house.house import House, open_house, wait_until

PAYLOAD = {"Project/a.txt": b"alpha\n", "Project/sub/b.txt": b"beta\n", "Project/empty": b""}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as house:
        yield house


def test_a_dropped_zip_becomes_a_verified_deposit(house: House) -> None:
    house.start()
    drop(bag_zip(PAYLOAD), house.inbox / "archive" / "one.zip")
    info = house.ended("one.zip")
    assert info["status"] == "finished"
    assert info["status_code"] == 200
    assert info["message"] == "Upload successful."
    assert info["stage"] == "uploaded"
    assert info["hash_algorithm"] == "sha512"
    assert info["failed_fixity"] == []
    assert info["unverified_fixity"] == []
    assert info["job_percentage"] == 100
    assert info["upload_files_finished"] == info["upload_total_files"] == 3
    assert info["title"] == "Project"
    assert info["link_to_resource"].startswith("file://")
    assert house.deposited("Project") == {
        "a.txt": b"alpha\n", "sub/b.txt": b"beta\n", "empty": b"",
    }  # fmt: skip
    receipt = house.receipt(info["ticket_number"])
    assert {row["path"]: row["fixity"] for row in receipt["files"]} == {
        "/Project/a.txt": "matched", "/Project/sub/b.txt": "matched", "/Project/empty": "matched",
    }  # fmt: skip
    assert house.stop() == 0


@pytest.mark.parametrize("files", [3, 1200, pytest.param(5000, marks=pytest.mark.full)])
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs the program strace")
def test_the_lists_of_a_deposit_are_opened_as_often_however_many_files_it_has(
    house: House, files: int
) -> None:
    trace = house.root / "trace"
    house.command = (
        "strace", "-D", "-f", "--seccomp-bpf", "-s", "300", "-o", str(trace), "-e", "trace=openat",
    )  # fmt: skip
    if subprocess.run([*house.command, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("strace may not trace here")
    house.start()
    payload = {f"P/{number:04}": b"%d" % number for number in range(files)}
    drop(bag_zip(payload), house.inbox / "archive" / "one.zip")
    assert house.ended("one.zip", 300)["upload_files_finished"] == files
    assert house.stop() == 0
    opened = Counter(
        found[1]
        for line in trace.read_text(errors="replace").splitlines()
        if (found := re.search(r'openat\(.*/([\w.]+\.jsonl?)", O_RD(?:ONLY|WR)', line))
    )
    # to send it, for its record, and for a sync where what was staged is told before the end
    assert 2 <= opened["payload.jsonl"] <= 3


def test_the_drop_leaves_a_receipt_that_points_to_its_status(house: House) -> None:
    house.start()
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    ticket = house.ended("one.zip")["ticket_number"]
    note = house.inbox / "archive" / f"one.zip.{ticket[:8]}.ticket.json"
    tree = json.loads(note.read_bytes())
    assert tree["ticket_number"] == ticket
    assert tree["message"] == "The server is processing the request."
    status = (note.parent / tree["upload_job"]).resolve()
    assert status == house.uploads.resolve() / ticket / "process_info.json"
    answer = note.with_name(f"one.zip.{ticket[:8]}.process_info.json")
    wait_until(answer.exists, what="for the copy of the status beside the note")
    assert answer.read_bytes() == status.read_bytes()
    assert set(note.parent.iterdir()) == {note, answer}


def test_a_taken_title_is_numbered_as_presqt_does(house: House) -> None:
    house.start()
    for number in range(3):
        drop(bag_zip(), house.inbox / "archive" / f"{number}.zip")
        house.ended(f"{number}.zip")
    assert sorted(path.name for path in house.archive.iterdir() if path.name[0] != ".") == [
        "Project", "Project (PresQT1)", "Project (PresQT2)",
    ]  # fmt: skip


def test_a_folder_named_after_a_container_adds_to_it(house: House) -> None:
    house.start()
    drop(bag_zip({"Project/a.txt": b"one"}), house.inbox / "archive" / "first.zip")
    house.ended("first.zip")
    (house.inbox / "archive" / "Project").mkdir()
    second = bag_zip({"a.txt": b"two", "new.txt": b"new"})
    drop(second, house.inbox / "archive" / "Project" / "second.zip")
    info = house.ended("second.zip")
    assert info["resource_id"] == "Project"
    assert info["resources_ignored"] == ["/a.txt"]
    assert info["ignored_different"] == ["/a.txt"]
    assert house.deposited("Project") == {"a.txt": b"one", "new.txt": b"new"}


def test_a_side_car_may_ask_for_an_update_and_a_title(house: House) -> None:
    house.start()
    side_car = house.inbox / "archive" / "one.zip.yaml"
    side_car.write_text("title: Nice name\nfile_duplicate_action: update\n")
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    info = house.ended("one.zip")
    assert info["title"] == "Nice name"
    assert info["file_duplicate_action"] == "update"
    assert info["options_from"]["title"] == "sidecar"
    assert not side_car.exists()
    assert (house.archive / "Nice name" / "a.txt").exists()


def test_keep_bag_deposits_the_whole_bag(tmp_path: Path) -> None:
    target = {"archive": {"type": "folder", "path": "archive", "keep": "bag"}}
    with open_house(tmp_path, targets=target) as house:
        house.start()
        drop(bag_zip(PAYLOAD), house.inbox / "archive" / "one.zip")
        info = house.ended("one.zip")
        assert info["status"] == "finished"
        stored = house.deposited(info["title"])
        assert stored["data/Project/a.txt"] == b"alpha\n"
        assert stored["bagit.txt"].startswith(b"BagIt-Version: 1.0")


def test_a_reader_in_a_tight_loop_never_sees_a_torn_or_empty_file(house: House) -> None:
    house.start()
    stop = threading.Event()
    seen: list[str] = []
    faults: list[str] = []

    def read() -> None:
        while not stop.is_set():
            for ticket in house.tickets():
                path = house.uploads / ticket / "process_info.json"
                content = path.read_bytes()
                try:
                    seen.append(json.loads(content)["status"])
                except ValueError:
                    faults.append(repr(content))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for number in range(12):
            drop(bag_zip(), house.inbox / "archive" / f"{number}.zip")
        for number in range(12):
            house.ended(f"{number}.zip")
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert not faults
    assert len(seen) > 100
    assert set(seen) <= {"in_progress", "finished"}


def test_once_ends_by_itself_with_every_drop_accounted_for(house: House) -> None:
    house.configure()
    folder = house.inbox / "archive"
    folder.mkdir(parents=True)
    drop(bag_zip(), folder / "good.zip")
    drop(b"this is text", folder / "text.zip")
    drop(bag_zip()[:-30], folder / "cut.zip")
    drop(b"", folder / "empty.zip")
    drop(zip_bytes({"a": b"1"}, folder="x"), folder / "nobag.zip")
    ended = house.run("run", "--once")
    assert ended.returncode == 1, ended.stderr
    statuses = {info["source_file"]: info["error_code"] for info in house.infos()}
    assert statuses == {
        "good.zip": None, "text.zip": "not-a-zip", "cut.zip": "incomplete-zip",
        "empty.zip": "not-a-zip", "nobag.zip": "malformed-bag",
    }  # fmt: skip
    assert not [
        name
        for name in os.listdir(folder)
        if not name.endswith((".ticket.json", ".process_info.json"))
    ]


def test_once_with_nothing_to_do_ends_well(house: House) -> None:
    assert house.run("run", "--once").returncode == 0


def test_a_second_daemon_is_refused_and_told_who_holds_the_folders(house: House) -> None:
    house.start()
    assert house.process is not None
    second = house.run("run")
    assert second.returncode == 75
    assert f"pid {house.process.pid}" in second.stderr
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    assert house.ended("one.zip")["status"] == "finished"


def test_a_worker_leaves_when_it_has_nothing_to_do_and_no_process_outlives_the_daemon(
    house: House,
) -> None:
    house.start()
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    house.ended("one.zip")
    family = house.family()
    assert house.stop() == 0
    wait_until(lambda: not any(member.is_running() for member in family), 10)
