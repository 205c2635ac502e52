"""Full, read-only and closed disks: nothing is lost, all is said, and it heals when mended."""

import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bags import bag_zip, drop
from tests.house.disks import call, fill, need_root, small_disk
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Fault, Shelf
from tests.house.users import SERVICE, python_for_all

RETRY_SECONDS = 40.0
"""Longer than any pause between two tries of the daemon."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as house:
        yield house


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf() as shelf:
        yield shelf


def mediafiles(house: House) -> Path:
    return house.root / "mediafiles"


def bag(title: str, size: int = 2000) -> bytes:
    return bag_zip({f"{title}/a.bin": bytes(size), f"{title}/b.txt": title.encode()})


def finished(house: House, name: str) -> dict[str, Any]:
    info = house.ended(name, RETRY_SECONDS)
    assert info["status"] == "finished", info
    return info


def statuses(house: House) -> list[dict[str, Any]]:
    """Every status file, each of which must be whole JSON."""
    found = []
    for ticket in house.tickets():
        with contextlib.suppress(FileNotFoundError):
            found.append(json.loads((house.uploads / ticket / "process_info.json").read_bytes()))
    return found


def test_a_bag_waits_for_disk_space_and_goes_on_when_there_is_some(house: House) -> None:
    with small_disk(mediafiles(house), "12m") as disk:
        house.start()
        ballast = fill(disk, leave=2 << 20)
        drop(bag("Large", 5 << 20), house.inbox / "archive" / "large.zip")
        info = wait_until(lambda: (i := house.of("large.zip")) and i["next_attempt_at"] and i)
        assert info["status"] == "in_progress"
        assert info["waiting_for"] == "disk space"
        assert info["message"] == "Waiting for disk space."
        drop(bag("Small"), house.inbox / "archive" / "small.zip")
        finished(house, "small.zip")
        ballast.unlink()
        finished(house, "large.zip")
        assert house.stop() == 0
    assert house.deposited("Large")["b.txt"] == b"Large"


def test_a_bag_that_no_disk_here_could_hold_fails(house: House) -> None:
    with small_disk(mediafiles(house), "8m"):
        house.start()
        drop(bag("Huge", 20 << 20), house.inbox / "archive" / "huge.zip")
        info = house.ended("huge.zip")
        assert info["status_code"] == 507
        assert info["error_code"] == "out-of-space"


def test_a_drop_stays_in_the_inbox_while_the_disk_is_full(house: House) -> None:
    with small_disk(mediafiles(house), "8m") as disk:
        house.start()
        ballast = fill(disk)
        path = drop(bag("Project"), house.inbox / "archive" / "one.zip")
        wait_until(lambda: "No space left" in house.log, what=house.log)
        assert not statuses(house)
        assert path.read_bytes() or list(path.parent.glob(".claimed-*-one.zip"))
        ballast.unlink()
        finished(house, "one.zip")
        assert house.log.count("No space left") <= 2
    assert set(house.deposited("Project")) == {"a.bin", "b.txt"}


def test_a_last_status_is_written_on_a_full_disk(house: House, shelf: Shelf) -> None:
    shelf.faults.append(Fault("hang", times=100))
    house.configure(targets={"shelf": {**shelf.target(), "workers": 1}})
    with small_disk(mediafiles(house), "8m") as disk:
        house.start()
        for name in ("running", "queued"):
            drop(bag(name), house.inbox / "shelf" / f"{name}.zip")
            wait_until(lambda: (i := house.of(f"{name}.zip")) and i["stage"] == "hashed")  # noqa: B023
        wait_until(lambda: any(method == "PUT" for method, _ in shelf.requests))
        tickets = [info["ticket_number"] for info in statuses(house)]
        fill(disk)
        for ticket in tickets:
            house.control.joinpath(f"{ticket}.cancel").touch()
        for name in ("running", "queued"):
            info = house.ended(f"{name}.zip", 20)
            assert info["error_code"] == "cancelled"
            assert house.receipt(info["ticket_number"])["error_code"] == "cancelled"


def test_a_request_to_cancel_outlives_a_disk_that_cannot_tell_of_it(
    house: House, shelf: Shelf
) -> None:
    shelf.faults.append(Fault("hang", times=100))
    house.configure(targets={"shelf": shelf.target()})
    with small_disk(mediafiles(house), "8m") as disk:
        house.start()
        drop(bag("One"), house.inbox / "shelf" / "one.zip")
        wait_until(lambda: any(method == "PUT" for method, _ in shelf.requests))
        info = house.of("one.zip")
        assert info is not None
        (disk / ".reserve").unlink()
        ballast = fill(disk)
        (house.control / f"{info['ticket_number']}.cancel").touch()
        wait_until(lambda: "No space left" in house.log, what=house.log)
        assert [info["status"] for info in statuses(house)] == ["in_progress"]
        ballast.unlink()
        assert house.ended("one.zip", RETRY_SECONDS)["error_code"] == "cancelled"


def test_a_disk_that_fills_and_empties_at_any_moment_loses_and_tears_nothing(
    house: House, full: bool
) -> None:
    dice = random.Random(4)
    count = 60 if full else 8
    stop = threading.Event()
    torn: list[str] = []

    def read() -> None:
        while not stop.wait(0.002):
            try:
                statuses(house)
            except ValueError as error:
                torn.append(repr(error))

    with small_disk(mediafiles(house), "24m") as disk:
        house.configure(uploads={"max_resumes": 1000})
        house.start()
        reader = threading.Thread(target=read)
        reader.start()
        try:
            for number in range(count):
                drop(bag(f"T{number}", 50_000), house.inbox / "archive" / f"{number}.zip")
                ballast = fill(disk, leave=dice.choice([0, 0, 4096, 8192, 20_000, 70_000]))
                stop.wait(dice.random() * 0.3)
                ballast.unlink()
                stop.wait(dice.random() * 0.1)
            for number in range(count):
                info = house.ended(f"{number}.zip", 90)
                assert info["status"] == "finished", info
        finally:
            stop.set()
            reader.join()
        assert not torn
        assert len(house.tickets()) == count
        assert house.stop() == 0
    stored = house.deposited()
    assert {name for name in stored if name.endswith("b.txt")} == {
        f"T{number}/b.txt" for number in range(count)
    }
    assert all(len(c) == 50_000 for name, c in stored.items() if name.endswith("a.bin"))


def test_a_full_archive_parks_the_ticket_until_there_is_room(house: House) -> None:
    with small_disk(house.archive, "4m") as disk:
        house.configure(uploads={"retries": 0, "stall_limit": "1m"})
        ballast = fill(disk, leave=64 << 10)
        house.start()
        drop(bag_zip({"Large/a.bin": os.urandom(1 << 20)}), house.inbox / "archive" / "large.zip")
        info = wait_until(
            lambda: (
                (i := house.of("large.zip")) and (i["next_attempt_at"] or i["finished_at"]) and i
            )
        )
        assert info["status"] == "in_progress", info
        assert info["waiting_for"] in {"the target", "disk space"}
        ballast.unlink()
        assert house.process is not None
        house.process.send_signal(1)
        finished(house, "large.zip")
        assert list(house.deposited("Large")) == ["a.bin"]


def test_an_archive_that_cannot_be_written_is_told_and_a_retry_works_when_it_can(
    house: House,
) -> None:
    with small_disk(house.archive, "4m") as disk:
        call("mount", "-o", "remount,ro", disk)
        house.start()
        drop(bag("Project"), house.inbox / "archive" / "one.zip")
        info = house.ended("one.zip")
        assert info["error_code"] == "target-refused"
        assert info["status_code"] == 502
        assert "Read-only file system" in info["message"]
        assert str(house.root) not in info["message"]
        call("mount", "-o", "remount,rw", disk)
        assert house.run("retry", info["ticket_number"]).returncode == 0
        wait_until(lambda: house.infos()[0]["status"] == "finished")
        assert set(house.deposited("Project")) == {"a.bin", "b.txt"}


def test_uploads_that_cannot_be_changed_keep_drops_waiting_until_they_can(house: House) -> None:
    need_root("chattr")
    house.start()
    drop(bag("First"), house.inbox / "archive" / "first.zip")
    finished(house, "first.zip")
    if subprocess.run(["chattr", "+i", house.uploads], check=False).returncode != 0:
        pytest.skip("no immutable folders here")
    try:
        path = drop(bag("Second"), house.inbox / "archive" / "second.zip")
        wait_until(lambda: "second.zip cannot be taken yet" in house.log, what=house.log)
        assert path.exists()
    finally:
        call("chattr", "-i", house.uploads)
    finished(house, "second.zip")
    assert "Traceback" not in house.log


def test_a_ticket_that_cannot_be_written_goes_on_when_it_can(house: House, shelf: Shelf) -> None:
    need_root("chattr")
    shelf.faults.append(Fault("trickle", times=2))
    house.configure(targets={"shelf": shelf.target()})
    house.start()
    drop(bag("Project"), house.inbox / "shelf" / "one.zip")
    wait_until(lambda: any(method == "PUT" for method, _ in shelf.requests))
    folder = house.uploads / house.tickets()[0]
    if subprocess.run(["chattr", "+i", folder], check=False).returncode != 0:
        pytest.skip("no immutable folders here")
    try:
        wait_until(lambda: "cannot go on now" in house.log, what=house.log)
        assert house.infos()[0]["status"] == "in_progress"
    finally:
        call("chattr", "-i", folder)
    finished(house, "one.zip")
    assert len(shelf.rooms) == 1
    assert "Traceback" not in house.log


def test_rights_taken_from_the_service_are_told_and_it_heals(shelf: Shelf) -> None:
    need_root("setpriv")
    found = python_for_all()
    if found is None:
        pytest.skip("no Python here that another user could run")
    root = Path(tempfile.mkdtemp(prefix="rights-"))
    os.chown(root, SERVICE, SERVICE)
    try:
        with open_house(root) as house:
            house.command = (
                "setpriv", f"--reuid={SERVICE}", f"--regid={SERVICE}", "--clear-groups",
            )  # fmt: skip
            house.python, house.environment["PYTHONPATH"] = found
            house.environment["PYTHONDONTWRITEBYTECODE"] = "1"
            places = {name: {"type": "folder", "path": name} for name in ("archive", "other")}
            house.configure(targets=places)
            house.start()

            def put(name: str, folder: str = "archive") -> None:
                aside = root / "aside"
                aside.write_bytes(bag(name))
                os.chown(aside, SERVICE, SERVICE)
                aside.rename(house.inbox / folder / f"{name}.zip")

            put("first")
            finished(house, "first.zip")
            (house.inbox / "archive").chmod(0)
            put("second")
            put("third", "other")
            wait_until(lambda: "inbox/archive cannot be read: Permission denied" in house.log)
            finished(house, "third.zip")
            (house.inbox / "archive").chmod(0o755)
            finished(house, "second.zip")
            house.uploads.chmod(0o500)
            put("fourth")
            wait_until(lambda: "fourth.zip cannot be taken yet: Permission denied" in house.log)
            house.uploads.chmod(0o755)
            finished(house, "fourth.zip")
            house.archive.chmod(0o500)
            put("fifth")
            info = house.ended("fifth.zip")
            assert info["error_code"] == "target-refused", info
            assert "Permission denied" in info["message"]
            house.archive.chmod(0o755)
            put("sixth")
            finished(house, "sixth.zip")
            assert "Traceback" not in house.log
    finally:
        shutil.rmtree(root)


def traced(house: House) -> list[str]:
    """The calls that matter for durability, in order, as `name(what)`, with paths below root.

    One that was told in parts, since another was made meanwhile, stands where it has ended.
    """
    calls = []
    begun: dict[str, str] = {}
    text = (house.root / "trace").read_text(errors="replace")
    for told in text.splitlines():
        who, line = told.split(" ", 1)
        if line.endswith("<unfinished ...>"):
            begun[who] = line.removesuffix("<unfinished ...>").rstrip()
            continue
        if resumed := re.match(r" *<\.\.\. \w+ resumed>(.*)", line):
            line = begun.pop(who, "") + resumed[1]
        found = re.match(r" *(\w+)\((.*)\) += 0", line)
        if found is None:
            continue
        name, arguments = found.groups()
        paths = re.findall(r'(?:\d+|AT_FDCWD)<([^>]*)>(?:, "([^"]*)")?|"([^"]*)"', arguments)
        joined = [
            os.path.join(base, inner) if base and inner else base or alone
            for base, inner, alone in paths
        ]
        calls.append(f"{name}({' -> '.join(joined)})")
    return [item.replace(str(house.root) + "/", "") for item in calls]


TRACED = (
    "sync", "syncfs", "fsync", "fdatasync", "rename", "renameat", "renameat2", "unlink", "unlinkat",
    "link", "linkat",
)  # fmt: skip


def test_data_reach_the_disk_before_their_name_and_the_name_before_what_follows(
    house: House,
) -> None:
    if shutil.which("strace") is None:
        pytest.skip("needs the program strace")
    house.command = (
        "strace", "-D", "-f", "-y", "-s", "400", "-o", str(house.root / "trace"),
        "-e", f"trace={','.join(TRACED)}",
    )  # fmt: skip
    house.configure(uploads={"connections": 1})
    if subprocess.run([*house.command, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("strace may not trace here")
    house.start()
    drop(bag("Project"), house.inbox / "archive" / "one.zip")
    ticket = finished(house, "one.zip")["ticket_number"]
    assert house.stop() == 0
    calls = wait_until(lambda: [c for c in traced(house) if "one.zip" in c] and traced(house))
    new, folder = f"mediafiles/uploads/.new-{ticket}", f"mediafiles/uploads/{ticket}"

    def number(pattern: str, after: int = -1) -> int:
        """Where the first call of this form comes after another one."""
        for index, item in enumerate(calls):
            if index > after and re.fullmatch(pattern, item):
                return index
        raise AssertionError(f"no {pattern} after {after} in\n" + "\n".join(calls))

    # the record is on the disk before the drop is moved, and the ticket before anybody is told
    record = number(rf"rename\w*\({new}/\.claim\.json\.tmp -> {new}/claim\.json\)")
    named = number(rf"rename\w*\({new}/\.process_info\.json\.tmp -> {new}/process_info\.json\)")
    record_sure = number(rf"fdatasync\({new}/claim\.json\)", record)
    commit = number(rf"rename\w*\(inbox/archive/one\.zip -> {new}/one\.zip\)")
    inner = number(rf"fsync\({new}\)", commit)
    final = number(rf"rename\w*\({new} -> {folder}\)")
    outer = number(r"fsync\(mediafiles/uploads\)", final)
    told = number(r"link\w*\(.* -> inbox/archive/one\.zip\.\w+\.ticket\.json\)")
    assert record < named < commit < inner < final < outer < told
    assert record_sure < commit
    assert not [item for item in calls if re.match(r"sync(fs)?\(", item)]

    drop_synced = number(rf"f(data)?sync\({folder}/one\.zip\)", told)
    payload_named = number(rf"rename\w*\({folder}/\.payload\.jsonl\.tmp -> .*payload\.jsonl\)")
    assert drop_synced < payload_named

    # what is to be made is noted, what was made is on the disk before the journal knows it, and the
    # journal before anything is put there
    side = r"archive/\.presqt-[0-9a-f-]{36}"
    intent = number(rf"fsync\({side}/container\.json\)", payload_named)
    made = number(r"fsync\(archive\)", intent)
    known = number(rf"fsync\({folder}/journal\.jsonl\)", made)
    assert known < number(rf"fdatasync\({side}/put-.*\)") < number(r"fsync\(archive/.+\)", known)

    # it was sent at once, so that it was staged is told with the end; one sync of the folder for
    # the receipt and the last status, in this order
    receipt = number(rf"fsync\({folder}/\.receipt\.json\.tmp\)", payload_named)
    receipt_named = number(rf"rename\w*\({folder}/\.receipt\.json\.tmp -> .*\)", receipt)
    last = number(rf"fsync\({folder}/\.process_info\.json\.tmp\)", receipt_named)
    last_named = number(rf"rename\w*\({folder}/\.process_info\.json\.tmp -> .*\)", last)
    number(rf"fsync\({folder}\)", last_named)
