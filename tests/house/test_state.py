"""What somebody does to the daemon's own files, to its clock, or to the machine while it is off."""

import ast
import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import pytest

import presqt_daemon
from presqt_daemon.config import Config, RetentionConfig, TargetConfig
from presqt_daemon.messages import Alive, Limited
from presqt_daemon.model import Status
from presqt_daemon.tickets.process_info import ProcessInfo, info_from_bytes
from presqt_daemon.tickets.retention import parts_due
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.expiry import Expiry
from presqt_daemon.workers.limits.permits import Permits
from presqt_daemon.workers.processes.conversation import Conversation
from presqt_daemon.workers.processes.prepare import WorkerJob
from presqt_daemon.workers.processes.reaper import Limits
from presqt_daemon.workers.processes.worker import Worker
from presqt_daemon.workers.queue.open_ticket import OpenTicket
from presqt_daemon.workers.queue.queue import TicketQueue
from presqt_daemon.workers.runs.proof import Proof
from presqt_daemon.workers.runs.run import Run, Work
from tests.bags import bag_zip, drop
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Fault, Shelf
from tests.tickets.infos import write_info, writer_of

READY_SECONDS = 30
"""For a start beside 10,000 past tickets."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as house:
        yield house


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf() as shelf:
        yield shelf


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(3000))


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other_json(path: Path) -> None:
    path.write_text('{"status": "finished", "schema_version": "one"}')


def gone(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").touch()


def a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: list[Callable[[Path], None]] = [
    garbage, cut_short, empty, other_json, gone, a_folder, a_link, a_pipe,
]  # fmt: skip


def test_a_damaged_status_of_an_open_ticket_is_made_anew_and_the_ticket_goes_on(
    house: House, shelf: Shelf
) -> None:
    shelf.faults.append(Fault("hang", method="*", times=10**6))
    house.configure(targets={"shelf": {**shelf.target(), "workers": 1}})
    house.start()
    for damage in DAMAGES:
        drop(
            bag_zip({f"{damage.__name__}/a": b"1"}),
            house.inbox / "shelf" / f"{damage.__name__}.zip",
        )
    tickets = {
        damage: wait_until(
            lambda: (i := house.of(f"{damage.__name__}.zip")) and i["stage"] == "hashed" and i  # noqa: B023
        )["ticket_number"]
        for damage in DAMAGES
    }
    house.stop(signal.SIGKILL)
    for damage, ticket in tickets.items():
        damage(house.uploads / ticket / "process_info.json")
    lost = house.uploads / str(uuid.uuid4())
    lost.mkdir()
    shelf.faults.clear()
    house.start()
    for ticket in tickets.values():
        info = ended(house, ticket)
        assert info["status"] == "finished", info
    assert shelf.stored() == {damage.__name__: {"a": b"1"} for damage in DAMAGES}
    assert list(lost.iterdir()) == [], "nobody knows whose folder that is"
    assert "Traceback" not in house.log


def test_a_damaged_status_while_the_ticket_runs_is_written_anew(house: House, shelf: Shelf) -> None:
    shelf.faults.append(Fault("hang", times=10**6))
    house.configure(targets={"shelf": {**shelf.target(), "workers": 8}})
    house.start()
    for damage in DAMAGES:
        drop(
            bag_zip({f"{damage.__name__}/a": b"1"}),
            house.inbox / "shelf" / f"{damage.__name__}.zip",
        )
    wait_until(lambda: sum(method == "PUT" for method, _ in shelf.requests) == len(DAMAGES))
    for damage in DAMAGES:
        info = house.of(f"{damage.__name__}.zip")
        assert info is not None
    tickets = {i["source_file"].removesuffix(".zip"): i["ticket_number"] for i in house.infos()}
    for damage in DAMAGES:
        damage(house.uploads / tickets[damage.__name__] / "process_info.json")
        (house.control / f"{tickets[damage.__name__]}.cancel").touch()
    for damage in DAMAGES:
        assert ended(house, tickets[damage.__name__])["error_code"] == "cancelled"
    assert "Traceback" not in house.log


def ended(house: House, ticket: str) -> dict[str, Any]:
    """A ticket's last status, once there is one that can be read."""
    path = house.uploads / ticket / "process_info.json"

    def look() -> dict[str, Any] | None:
        if path.is_symlink() or not path.is_file():
            return None
        try:
            tree: dict[str, Any] = json.loads(path.read_bytes())
        except (OSError, ValueError):
            return None
        return tree if tree.get("finished_at") else None

    try:
        return wait_until(look)  # type: ignore[no-any-return]
    except AssertionError as error:
        raise AssertionError(f"{error}\n{house.log}") from None


def test_a_damaged_status_of_an_ended_ticket_harms_nothing_and_is_told(
    house: House, shelf: Shelf
) -> None:
    house.configure(targets={"shelf": shelf.target()})
    house.start()
    for damage in DAMAGES:
        drop(
            bag_zip({f"{damage.__name__}/a": b"1"}),
            house.inbox / "shelf" / f"{damage.__name__}.zip",
        )
    tickets = {d: house.ended(f"{d.__name__}.zip")["ticket_number"] for d in DAMAGES}
    receipts = {ticket: house.receipt(ticket) for ticket in tickets.values()}
    for damage, ticket in tickets.items():
        damage(house.uploads / ticket / "process_info.json")
    listed = house.run("status")
    assert listed.returncode == 0
    for ticket in tickets.values():
        told = house.run("status", ticket)
        assert told.returncode != 0
        assert "Traceback" not in told.stderr
    drop(bag_zip({"Other/a": b"1"}), house.inbox / "shelf" / "other.zip")
    wait_until(lambda: "Other" in shelf.stored())
    assert house.stop() == 0
    # its zip may have gone long ago; its record still knows how it ended
    for ticket in list(tickets.values())[::2]:
        next((house.uploads / ticket).glob("*.zip")).unlink()
    house.start()
    for ticket in tickets.values():
        info = ended(house, ticket)
        assert info["status"] == "finished", info
        assert info["message"] == "Upload successful."
        assert info["unverified_fixity"] == info["failed_fixity"] == []
        assert (
            house.receipt(ticket)["times"]["finished_at"]
            == receipts[ticket]["times"]["finished_at"]
        )
    assert max(shelf.puts.values()) == 1
    assert len(shelf.rooms) == len(DAMAGES) + 1
    assert "Traceback" not in house.log


def test_a_ticket_folder_removed_by_hand_stops_nothing(house: House, shelf: Shelf) -> None:
    shelf.faults.append(Fault("trickle", times=1))
    house.configure(targets={"shelf": {**shelf.target(), "workers": 1}})
    house.start()
    for name in ("running", "queued", "last"):
        drop(bag_zip({f"{name}/a": b"1"}), house.inbox / "shelf" / f"{name}.zip")
        wait_until(lambda: (i := house.of(f"{name}.zip")) and i["stage"] == "hashed")  # noqa: B023
    wait_until(lambda: any(method == "PUT" for method, _ in shelf.requests))
    for name in ("running", "queued"):
        info = house.of(f"{name}.zip")
        assert info is not None
        folder = house.uploads / info["ticket_number"]
        while folder.exists():  # somebody writes meanwhile: once more
            shutil.rmtree(folder, ignore_errors=True)
    assert house.ended("last.zip")["status"] == "finished"
    assert len(house.tickets()) == 1
    assert house.stop() == 0
    assert "Traceback" not in house.log


def test_junk_in_uploads_is_passed_over_and_stays(house: House) -> None:
    house.uploads.mkdir(parents=True)
    (house.uploads / "notes.txt").write_text("mine")
    (house.uploads / "folder" / "inner").mkdir(parents=True)
    (house.uploads / str(uuid.uuid4())).write_text("a file named like a ticket")
    (house.uploads / str(uuid.uuid4()).upper()).mkdir()
    (house.uploads / ".new-junk").mkdir()
    (house.uploads / f".new-{uuid.uuid4()}").write_text("no folder")
    (house.uploads / "loop").symlink_to(".")
    (house.uploads / str(uuid.uuid4())).symlink_to("/")
    os.mkfifo(house.uploads / "pipe")
    before = sorted(os.listdir(house.uploads))
    house.start()
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    ticket = wait_until(lambda: set(os.listdir(house.uploads)) - set(before))
    name = wait_until(
        lambda: [n for n in set(os.listdir(house.uploads)) - set(before) if n[0] != "."]
    )[0]
    assert ticket
    wait_until(lambda: house.info(name)["status"] == "finished")
    assert house.run("status").returncode == 0
    assert sorted(os.listdir(house.uploads)) == sorted([*before, name])
    assert house.stop() == 0
    assert "Traceback" not in house.log


def test_the_payload_is_verified_again_after_a_reboot(house: House, shelf: Shelf) -> None:
    shelf.faults.append(Fault("hang", method="*", times=10**6))
    house.configure(targets={"shelf": shelf.target()})
    house.start()
    for name in ("spoilt", "sound"):
        drop(
            bag_zip({f"{name}/a": b"right", f"{name}/b": b"b"}),
            house.inbox / "shelf" / f"{name}.zip",
        )
        wait_until(lambda: (i := house.of(f"{name}.zip")) and i["stage"] == "hashed")  # noqa: B023
    house.stop(signal.SIGKILL)
    for name in ("spoilt", "sound"):
        info = house.of(f"{name}.zip")
        assert info is not None
        payload = house.uploads / info["ticket_number"] / "payload.jsonl"
        head, rest = payload.read_text().split("\n", 1)
        payload.write_text(json.dumps({**json.loads(head), "boot_id": "before"}) + "\n" + rest)
    spoilt = next(house.uploads.glob("*/bag/data/spoilt/a"))
    status = spoilt.stat()
    spoilt.write_bytes(b"wrong")
    os.utime(spoilt, ns=(status.st_atime_ns, status.st_mtime_ns))
    shelf.faults.clear()
    house.start()
    assert house.ended("spoilt.zip")["status"] == "finished"
    assert house.ended("sound.zip")["status"] == "finished"
    assert shelf.stored() == {
        name: {"a": b"right", "b": b"b"} for name in ("spoilt", "sound")
    }  # fmt: skip
    assert house.log.count("the payload on disk changed after staging") == 1
    assert set(shelf.puts.values()) == {1}, "the wrong bytes were sent"


def test_a_start_beside_thousands_of_past_tickets_is_quick(house: House, full: bool) -> None:
    count = 10_000 if full else 2_000
    house.start()
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    made = house.ended("one.zip")["ticket_number"]
    assert house.stop() == 0
    pattern = house.uploads / made
    names = [path.name for path in pattern.iterdir() if path.name != "one.zip"]
    contents = {name: (pattern / name).read_text() for name in names}
    for _ in range(count):
        ticket = str(uuid.uuid4())
        (house.uploads / ticket).mkdir()
        for name, content in contents.items():
            (house.uploads / ticket / name).write_text(content.replace(made, ticket))
    began = time.monotonic()
    house.start()
    seconds = time.monotonic() - began
    print(f"ready beside {count} past tickets after {seconds:.2f} s")
    # a start beside none takes part of that
    assert seconds < READY_SECONDS
    drop(bag_zip({"Next/a": b"1"}), house.inbox / "archive" / "next.zip")
    wait_until((house.archive / "Next" / "a").exists, 10)


NOW = datetime(2030, 1, 1, tzinfo=UTC)


def is_wall_clock(node: ast.AST) -> bool:
    """Whether this asks the wall clock, by whatever name it was imported or handed on."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    name = node.func.id if isinstance(node.func, ast.Name) else name
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    is_module_time = isinstance(owner, ast.Name) and owner.id == "time" and name != "monotonic"
    return name.lstrip("_") in {"now", "utc_now", "utcnow", "today"} or is_module_time


def reckonings(source: str) -> list[str]:
    """Where times of the wall clock are compared, or taken from each other."""
    found = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        wall = {
            target.id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and any(map(is_wall_clock, ast.walk(node.value)))
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        found += [
            f"{function.name}:{node.lineno}"
            for node in ast.walk(function)
            if isinstance(node, ast.Compare)
            or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub))
            if any(
                is_wall_clock(part) or (isinstance(part, ast.Name) and part.id in wall)
                for part in ast.walk(node)
            )
        ]
    return found


@pytest.mark.parametrize(
    "line",
    [
        "waited = (self.now() - since).total_seconds()",
        "since = a or self.now()\n    return b > since",
        "return utc_now() >= end",
        "return time.time() - began",
        "return datetime.now(UTC) < end",
    ],
)
def test_a_wait_by_the_wall_clock_would_be_seen(line: str) -> None:
    assert reckonings(f"def wait(self):\n    {line}\n")


AGES = {
    # how long a file has lain is told by the file system, and by no other clock; what comes of it
    # is a wait that is a little shorter or longer, once
    "candidates.py": ["consider_drop"],
    "control.py": ["_live"],
    # days, and the minute in which a sender is told
    "status_copies.py": ["_look", "remove_expired"],
}


def test_nothing_that_waits_or_reaps_looks_at_the_wall_clock() -> None:
    package = Path(presqt_daemon.__file__).parent
    found = {}
    for room in ("inbox", "workers", "system"):
        sources = list((package / room).rglob("*.py"))
        assert len(sources) > 7
        for path in sources:
            # an arbiter's `now` is a number handed to it; only calls are followed
            reckoned = [
                place
                for place in reckonings(path.read_text())
                if place.partition(":")[0] not in AGES.get(path.name, ())
            ]
            if reckoned:
                found[path.name] = reckoned
    assert not found


def test_a_wall_clock_that_jumps_reaps_nobody(tmp_path: Path) -> None:
    now, monotonic = [NOW], [0.0]
    uploads = Uploads(tmp_path)
    folder = uploads.folder(str(uuid.uuid4()))
    folder.path.mkdir(parents=True)
    info = ProcessInfo(ticket_number=folder.ticket, received_at=NOW, updated_at=NOW)
    ours, theirs = multiprocessing.Pipe()
    keeper = multiprocessing.get_context("spawn").Process(target=tell_later, args=(theirs,))
    keeper.start()
    theirs.close()
    assert keeper.pid is not None
    identity = psutil.Process(keeper.pid)
    asked: list[datetime] = []

    def clock() -> float:
        # years pass on the wall with every look at the other clock, forth and back
        now[0] += timedelta(days=4000 if len(asked) % 2 else -4000)
        asked.append(now[0])
        monotonic[0] += 0.001
        return monotonic[0]

    conversation = Conversation(
        worker=Worker(process=keeper, identity=identity, channel=ours),  # type: ignore[arg-type]
        holder=writer_of(uploads, folder, info, clock=clock, now=lambda: now[0]),
        job=WorkerJob(
            run=Run(ticket=folder.ticket, work=Work.STAGE),
            task="a task",  # type: ignore[arg-type]
            limits=Limits(wall_seconds=3600, stall_seconds=600, memory_bytes=10**12),
        ),
        answer=lambda _question: None,
        next_job=lambda _staged: None,
        end_creating=lambda _identity: None,
        proof=Proof(folder.ticket, lambda _event: None),
        clock=clock,
    )
    end = conversation.hold()
    conversation.worker.close()
    assert isinstance(end, Limited)
    assert len(asked) > 3


def tell_later(channel: Connection) -> None:
    """A worker that lives for a while and then ends its task."""
    channel.recv()
    for _ in range(3):
        channel.send(Alive())
        threading.Event().wait(0.1)
    channel.send(Limited(reason="", waiting_for="the target", seconds=1.0))


@pytest.mark.parametrize("jump", [-timedelta(days=3650), timedelta(days=3650)])
def test_a_wall_clock_that_jumps_holds_up_no_status(tmp_path: Path, jump: timedelta) -> None:
    wall, monotonic = [NOW], [100.0]
    uploads = Uploads(tmp_path)
    folder = uploads.folder(str(uuid.uuid4()))
    folder.path.mkdir(parents=True)
    info = ProcessInfo(ticket_number=folder.ticket, received_at=NOW, updated_at=NOW)
    holder = writer_of(uploads, folder, info, clock=lambda: monotonic[0], now=lambda: wall[0])
    holder.note(info)
    wall[0] += jump
    monotonic[0] += 1.0
    holder.write_when_due()
    holder.fact(info)
    assert info_from_bytes(folder.info.read_bytes()).updated_at == NOW + jump


def test_a_parked_ticket_comes_back_by_the_monotonic_clock_alone() -> None:
    agenda = TicketQueue()
    config = Config(targets={"archive": TargetConfig(name="archive")})
    ticket = OpenTicket(ticket="a", work=Work.UPLOAD, target="archive")
    agenda.park(ticket, until=130.0)
    agenda.wake(129.0)
    assert not list(agenda.runs(Permits(config), 129.0))
    agenda.wake(130.0)
    assert [run.ticket for run in agenda.runs(Permits(config), 130.0)] == ["a"]


@pytest.mark.parametrize("jump", [timedelta(0), -timedelta(days=400), -timedelta(seconds=1)])
def test_a_wall_clock_that_goes_back_expires_nothing_early(tmp_path: Path, jump: timedelta) -> None:
    uploads = Uploads(tmp_path)
    folder = uploads.folder(str(uuid.uuid4()))
    folder.path.mkdir(parents=True)
    (folder.path / "one.zip").write_bytes(b"zip")
    info = ProcessInfo(
        ticket_number=folder.ticket,
        status=Status.FINISHED,
        status_code=200,
        received_at=NOW,
        updated_at=NOW,
        finished_at=NOW,
        expiration=NOW + timedelta(days=5),
        hash_algorithm="sha512",
        job_percentage=100,
    )
    write_info(uploads, folder, info)
    folder.receipt.write_bytes(b"{}")
    wall = [NOW + jump]
    expiry = Expiry(uploads, lambda: Config(mediafiles=tmp_path), now=lambda: wall[0])
    assert expiry.remove_due() == 0
    assert (folder.path / "one.zip").exists()
    wall[0] = NOW + timedelta(days=6)
    assert bool(parts_due(info, wall[0], RetentionConfig())) is bool(expiry.remove_due())
