"""What a worker can do to itself must cost its own ticket only."""

import random
import signal
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.bags import bag_tree, bag_zip, drop, zip_bytes
from tests.house.house import open_house, wait_until
from tests.house.shelf import Fault, Shelf

PAYLOAD = {f"P/{number}.txt": bytes([number]) * 1000 for number in range(6)}


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf() as shelf:
        yield shelf


FILES = 40


def targets(shelf: Shelf, misbehave: str, **more: Any) -> dict[str, Any]:
    return {
        "archive": {"type": "folder", "path": "archive"},
        "bad": {**shelf.target(misbehave=misbehave), **more},
    }


@pytest.mark.parametrize(
    ("misbehave", "code", "words"),
    [
        ("signal 15", "resume-limit", "SIGTERM"),
        ("signal 9", "resume-limit", "SIGKILL"),
        ("signal 11", "resume-limit", "SIGSEGV"),
        ("exit 9", "resume-limit", "exit code 9"),
        ("raise", "internal-error", "ZeroDivisionError"),
        ("memory", "worker-died", "memory"),
    ],
)
def test_a_worker_that_dies_costs_its_own_ticket_only(
    tmp_path: Path, shelf: Shelf, misbehave: str, code: str, words: str
) -> None:
    with open_house(
        tmp_path, targets=targets(shelf, misbehave), uploads={"max_resumes": 2, "retries": 0}
    ) as house:
        house.start()
        drop(bag_zip(PAYLOAD), house.inbox / "bad" / "bad.zip")
        for number in range(3):
            drop(bag_zip(PAYLOAD), house.inbox / "archive" / f"good{number}.zip")
        for number in range(3):
            assert house.ended(f"good{number}.zip")["status"] == "finished"
        info = house.ended("bad.zip")
        assert (info["status"], info["error_code"]) == ("failed", code), info
        assert words in info["message"]
        assert info["status_code"] == 500
        assert info["function_process_id"] is None
        assert house.receipt(info["ticket_number"])["files"]
        assert "Traceback" not in info["message"]


def test_a_disk_that_keeps_nothing_ends_the_ticket_and_says_so(
    tmp_path: Path, shelf: Shelf
) -> None:
    with open_house(tmp_path, targets=targets(shelf, "rot"), uploads={"max_resumes": 2}) as house:
        house.start()
        drop(bag_zip(PAYLOAD), house.inbox / "bad" / "bad.zip")
        info = house.ended("bad.zip")
        assert info["error_code"] == "resume-limit"
        assert "The server's disk does not keep what is written to it: 3 times" in info["message"]
        assert "it is staged again" in house.log
        assert not any(shelf.stored().get("P", {}).values())


@pytest.mark.parametrize("misbehave", ["deaf", "orphans"])
def test_a_hanging_worker_is_reaped_at_its_time_limit_with_all_it_started(
    tmp_path: Path, shelf: Shelf, misbehave: str
) -> None:
    with open_house(tmp_path, targets=targets(shelf, misbehave, time_limit="1500ms")) as house:
        house.start()
        drop(bag_zip(PAYLOAD), house.inbox / "bad" / "bad.zip")
        orphans = wait_until(
            lambda: [
                p for p in psutil.process_iter() if cmd(p)[-1:] == ["import time; time.sleep(3600)"]
            ]
        )
        if misbehave == "orphans":
            family = {member.pid for member in house.family()}
            wait_until(lambda: all(p.ppid() not in family for p in orphans))
        info = house.ended("bad.zip")
        assert info["status_code"] == 504
        assert info["error_code"] == "timed-out"
        assert info["message"].startswith("The process took too long on the server.")
        assert "limit 1.5 s" in info["message"]
        wait_until(lambda: not any(is_alive(p) for p in orphans), 5)


def sleeps_in_c(process: psutil.Process) -> bool:
    """Whether a thread is in sleep(3), as `stuck` has it, which holds the GIL for an hour."""
    waits = Path(f"/proc/{process.pid}/task").glob("*/wchan")
    return any("nanosleep" in wait.read_text() for wait in waits)


def test_a_worker_that_runs_no_python_any_more_ends_with_its_daemon(
    tmp_path: Path, shelf: Shelf
) -> None:
    with open_house(tmp_path, targets=targets(shelf, "stuck", time_limit="1h")) as house:
        house.start()
        drop(bag_zip(PAYLOAD), house.inbox / "bad" / "bad.zip")
        worker = psutil.Process(
            wait_until(lambda: (i := house.of("bad.zip")) and i["function_process_id"])
        )
        wait_until(lambda: [room for room in shelf.rooms.values() if room.title == "P"])
        wait_until(lambda: sleeps_in_c(worker))
        assert house.process is not None
        house.process.kill()
        house.process.wait(60)
        wait_until(lambda: not is_alive(worker), 60, what="for the worker to end")


def cmd(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def test_a_worker_without_progress_is_reaped_and_one_that_trickles_is_not(
    tmp_path: Path, shelf: Shelf
) -> None:
    house_targets = {
        "silent": shelf.target(timeout="600"),
        "slow": shelf.target(timeout="600"),
    }
    shelf.faults.append(Fault("hang", part="/files/0.txt", times=1))
    with open_house(tmp_path, targets=house_targets, uploads={"stall_limit": "1500ms"}) as house:
        house.start()
        drop(bag_zip({"P/0.txt": b"0"}), house.inbox / "silent" / "silent.zip")
        info = house.ended("silent.zip")
        assert info["error_code"] == "timed-out"
        assert "Nothing moved for" in info["message"]
        shelf.faults.append(Fault("sip", part="/files/large"))
        large = bag_tree({"Q/large": random.Random(1).randbytes(32 << 20)})
        content = zip_bytes(large, method=zipfile.ZIP_STORED)
        drop(content, house.inbox / "slow" / "slow.zip")
        wait_until(lambda: any("/files/large" in path for _, path in shelf.requests))
        began = time.monotonic()
        assert house.ended("slow.zip", 60)["status"] == "finished"
        assert time.monotonic() - began > 2 * 1.5, "it did not outlive the limit"
        assert shelf.puts["Q", "large"] == 1


def test_a_worker_that_eats_memory_is_reaped_with_the_figures(tmp_path: Path, shelf: Shelf) -> None:
    with open_house(
        tmp_path, targets=targets(shelf, "hog"), uploads={"memory_limit": "300 MB"}
    ) as house:
        house.start()
        drop(bag_zip(PAYLOAD), house.inbox / "bad" / "bad.zip")
        info = house.ended("bad.zip")
        assert info["error_code"] == "worker-died"
        assert "limit 300.0 MB" in info["message"]


def test_the_pool_goes_on_when_the_forkserver_is_killed(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        house.start()
        drop(bag_zip(PAYLOAD), house.inbox / "archive" / "one.zip")
        house.ended("one.zip")
        servers = [p for p in house.family() if "forkserver" in " ".join(cmd(p))]
        assert servers
        for server in servers:
            server.send_signal(signal.SIGKILL)
        for number in range(4):
            drop(bag_zip(PAYLOAD), house.inbox / "archive" / f"next{number}.zip")
        for number in range(4):
            assert house.ended(f"next{number}.zip")["status"] == "finished"


def test_killed_workers_under_load_lose_and_double_nothing(
    tmp_path: Path, shelf: Shelf, full: bool
) -> None:
    shelf.faults.append(Fault("slowly", method="PUT", times=10**6))
    with open_house(
        tmp_path, targets={"shelf": shelf.target()}, uploads={"max_resumes": 1000}
    ) as house:
        house.start()
        count = 40 if full else 8
        for number in range(count):
            payload = {f"T{number}/{file}": bytes([file]) * 50 for file in range(FILES)}
            drop(bag_zip(payload), house.inbox / "shelf" / f"{number}.zip")
        killed = 0
        while any(info["status"] == "in_progress" for info in house.infos()) or (
            len(house.infos()) < count
        ):
            for info in house.infos():
                if info["function_process_id"] and killed < 5 * count:
                    try:
                        worker = psutil.Process(info["function_process_id"])
                        if house.process and worker.ppid() != house.process.pid:
                            worker.kill()
                            killed += 1
                    except psutil.Error:
                        continue
            time.sleep(0.05)
        assert killed, "no worker was met at work"
        assert [i["status"] for i in house.infos()] == ["finished"] * count, house.log
        stored = shelf.stored()
        assert sorted(stored) == sorted(f"T{number}" for number in range(count))
        assert all(len(files) == FILES for files in stored.values())


def test_processes_that_are_all_frozen_for_a_while_use_up_no_limit(
    tmp_path: Path, shelf: Shelf
) -> None:
    shelf.faults.append(Fault("sip", part="/files/P/large"))
    with open_house(
        tmp_path, targets={"shelf": shelf.target()}, uploads={"stall_limit": "5s", "retries": 0}
    ) as house:
        house.start()
        content = bag_zip({"P/large": random.randbytes(20 << 20), "P/small": b"s"})
        drop(content, house.inbox / "shelf" / "a.zip")
        wait_until(lambda: any(method == "PUT" for method, _path in shelf.requests))
        family = house.family()
        # as a container's pause: all at once, and time goes on for nobody but us
        for member in family:
            member.suspend()
        time.sleep(8)
        for member in reversed(family):
            member.resume()
        info = house.ended("a.zip", 120)
        assert (info["status"], info["resumes"]) == ("finished", 0), house.log
        assert "reaping" not in house.log
