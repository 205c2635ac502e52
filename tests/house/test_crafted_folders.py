"""Damaged or crafted folders in `uploads/` end or block no start, stop, command or ticket."""

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bags import bag_zip, drop
from tests.house.house import House, open_house, wait_until

DEEP = b"[" * 200_000 + b"]" * 200_000
OPEN = {"status": "in_progress", "status_code": None, "finished_at": None, "expiration": None}
WORKING_FILES = ("journal.jsonl", "payload.jsonl", "receipt.json", "process_info.json",
                 "claim.json", ".process_info.json.tmp", ".payload.jsonl.tmp", ".receipt.json.tmp",
                 ".claim.json.tmp", ".heartbeat", ".epoch.1", ".notification-1")  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path, uploads={"max_resumes": 2}) as house:
        yield house


def finished(house: House) -> str:
    """A ticket that has ended well, as a pattern for the others."""
    house.start()
    drop(bag_zip(), house.inbox / "archive" / "good.zip")
    ticket: str = house.ended("good.zip")["ticket_number"]
    assert house.stop() == 0
    return ticket


class Craft:
    """Makes folders of tickets out of a good one's files."""

    def __init__(self, house: House, good: str) -> None:
        folder = house.uploads / good
        self.uploads = house.uploads
        self.info: dict[str, Any] = json.loads((folder / "process_info.json").read_bytes())
        self.claim: dict[str, Any] = json.loads((folder / "claim.json").read_bytes())
        self.made: list[Path] = []

    def folder(self, info: bytes | None, claim: bytes | None) -> Path:
        folder = self.uploads / str(uuid.uuid4())
        folder.mkdir()
        self.made.append(folder)
        if info is not None:
            (folder / "process_info.json").write_bytes(info)
        if claim is not None:
            (folder / "claim.json").write_bytes(claim)
        return folder

    def of(self, changes: dict[str, Any], claim: dict[str, Any] | bytes | None = None) -> Path:
        content = claim if isinstance(claim, bytes) else json.dumps({**self.claim, **(claim or {})})
        info = json.dumps({**self.info, "ticket_number": str(uuid.uuid4()), **changes})
        return self.folder(
            info.encode(), content if isinstance(content, bytes) else content.encode()
        )

    def all(self) -> None:
        received = {**OPEN, "stage": "received"}
        self.folder(DEEP, None)
        self.folder(DEEP, DEEP)
        self.of({}, DEEP)
        self.of(OPEN, DEEP)
        self.folder(b'{"schema_version": ' + b"9" * 6000 + b"}", None)
        self.folder(json.dumps(self.info).replace(": 2\n", ": 1e999\n").encode(), None)
        for version in ([1], True, "1", None, -1, 2.5):
            self.of({"schema_version": version})
        self.of({"received_at": "99999-01-01T00:00:00Z", "expiration": "0001-01-01T00:00:00Z"})
        self.of({"finished_at": "0001-01-01T00:00:00+23:59"})
        self.of({"title": "\ud800", "message": "\ud800", "source_file": "\ud800.zip"})
        self.of({**OPEN, "waited_seconds": 1e308, "waiting_for": "x"})
        self.of({**OPEN, "waited_seconds": 10**300, "next_attempt_at": "9999-12-31T23:59:59Z"})
        others: tuple[Any, ...] = (5, [], {}, True, "../../x", "a/b", "", "..", "a\0b")
        for wrong in others:
            self.of(received, {"zip_name": wrong})
            self.of(received, {"sidecar_name": wrong})
            self.of(received, {"inbox_name": wrong})
            self.of(received, {"inbox_folder": wrong})
        self.of(received, {"route": {"target": 7, "resource_id": []}, "dropped_by_uid": "x"})
        self.of(received, {"route": 3})
        self.of(received, {"owner": {"host": [], "boot_id": 1, "pid": "x", "started": None}})
        self.of(received, {"received_at": "yesterday"})
        for stage in ("received", "hashed", "uploaded"):
            for name in WORKING_FILES:
                folder = self.of({**OPEN, "stage": stage})
                (folder / name).unlink(missing_ok=True)
                os.mkfifo(folder / name)
                folder = self.of({**OPEN, "stage": stage})
                (folder / name).unlink(missing_ok=True)
                (folder / name).symlink_to("/dev/zero")
        for name in WORKING_FILES:
            for stage in ("received", "hashed"):
                folder = self.of({**OPEN, "stage": stage})
                (folder / name).unlink(missing_ok=True)
                (folder / name / "inner").mkdir(parents=True)
                folder = self.of({**OPEN, "stage": stage})
                # zeros without a line's end; what is read at a start may be as large as a disk
                with (folder / name).open("wb") as stream:
                    stream.truncate(1 << (20 if name.endswith(".jsonl") else 40))
        for rows in (DEEP, b"7\n", b'{"folder": 3}\n', b'{"end": []}\n', b"\xff\n", b"[" * 99):
            for name in ("payload.jsonl", "journal.jsonl", "receipt.json"):
                (self.of({**OPEN, "stage": "hashed"}) / name).write_bytes(rows)
                (self.of({}) / name).write_bytes(rows)

    def odd_places(self, good: str) -> None:
        """What is no folder where a ticket's is looked for, and odd files of the daemon's own."""
        for prefix in ("", ".new-"):
            places = [self.uploads / f"{prefix}{uuid.uuid4()}" for _ in range(7)]
            places[0].symlink_to(good)
            places[1].symlink_to("/")
            places[2].symlink_to(places[2].name)
            os.mkfifo(places[3])
            places[4].write_bytes(DEEP)
            places[5].mkdir()
            os.mkfifo(places[5] / "drop.zip")
            places[6].mkdir()
            (places[6] / "drop.zip").symlink_to("/dev/zero")
        mediafiles = self.uploads.parent
        (mediafiles / ".in-hand").mkdir()
        control = mediafiles / "control"
        os.mkfifo(control / f"{good}.cancel")
        (control / f"{good}.retry").symlink_to("/dev/zero")
        (control / f"{uuid.uuid4()}.cancel").mkdir()
        for name in ("prepare_upgrade", "reload.1", "hold", "resume", f"{good}.hold", "x.answer"):
            (control / name / "inner").mkdir(parents=True)
        (control / "nobody.cancel").write_bytes(DEEP)
        state = mediafiles / "prepare_upgrade" / "process_info.json"
        state.unlink(missing_ok=True)
        os.mkfifo(state)


def test_crafted_folders_hold_up_no_start_no_stop_no_command_and_no_other_ticket(
    house: House,
) -> None:
    good = finished(house)
    craft = Craft(house, good)
    craft.all()
    craft.odd_places(good)
    house.start()
    assert house.process is not None
    assert house.process.poll() is None, house.log
    drop(bag_zip({"Next/a.txt": b"a"}), house.inbox / "archive" / "next.zip")
    ours: list[Path] = []

    def ended() -> bool:
        ours.extend(
            path for path in house.inbox.glob("archive/next.zip.*.ticket.json") if path not in ours
        )
        if not ours:
            return False
        ticket = json.loads(ours[0].read_bytes())["ticket_number"]
        return bool(house.info(ticket)["status"] == "finished")

    wait_until(ended, 120, what=house.log)
    # what a person asks for is heard behind all that lies there
    told = house.run("cancel", craft.made[-1].name)
    assert told.returncode in {0, 6}, told
    wait_until(lambda: not list(house.control.glob(f"{craft.made[-1].name}.cancel*")), 60)
    for arguments in (("status",), ("status", "--json"), ("verify", "--all"), ("check",)):
        told = house.run(*arguments)
        assert "Traceback" not in told.stderr, told.stderr
        assert "internal error" not in told.stderr, told.stderr
    assert "Traceback" not in house.log
    assert house.stop() == 0, house.log
    assert (house.uploads / good / "good.zip").is_file()


def killed_starts(house: House, count: int) -> None:
    for _ in range(count):
        house.start(failpoint="start-in-hand", ready=False)
        assert house.process is not None
        assert house.process.wait(60) == -9
        house.process = None


def test_a_ticket_over_which_starts_die_is_given_up_alone_and_its_zip_stays(house: House) -> None:
    house.configure(targets={"archive": {"type": "osf", "token_file": "none"}})
    house.start()
    drop(bag_zip(), house.inbox / "archive" / "bad.zip")
    ticket = wait_until(lambda: (i := house.of("bad.zip")) and i["waiting_for"] == "a token" and i)
    ticket = ticket["ticket_number"]
    assert house.stop() == 0
    killed_starts(house, 2)
    house.start()
    assert house.info(ticket)["status"] == "in_progress", "as many resumes as it may have"
    assert house.stop() == 0
    killed_starts(house, 3)
    house.start()
    info = house.info(ticket)
    assert (info["status"], info["error_code"]) == ("failed", "resume-limit")
    assert "3 times" in info["message"]
    assert info["source_file"] == "bad.zip"
    assert (house.uploads / ticket / "bad.zip").is_file()
    drop(bag_zip({"N/a": b"1"}), house.inbox / "archive" / "next.zip")
    wait_until(lambda: (i := house.of("next.zip")) and i["waiting_for"] == "a token")
    assert house.stop() == 0
    assert not (house.root / "mediafiles" / ".in-hand").exists()
