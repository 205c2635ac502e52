"""What a long life costs, and what the daemon tells systemd about it."""

import itertools
import os
import re
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.bags import bag_zip, drop
from tests.house.house import House, open_house, wait_until

WATCHDOG_SECONDS = 3.0


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as house:
        (tmp_path / "tmp").mkdir()
        house.environment["TMPDIR"] = str(tmp_path / "tmp")
        yield house


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the daemon and its workers hold; `files` lie around that belong to no ticket."""

    descriptors: int
    threads: int
    processes: int
    files: int
    memory: int


def held(house: House) -> Held:
    family = house.family()
    daemon = family[0]
    strangers = [
        *(house.root / "tmp").rglob("*"),
        *house.uploads.glob(".*"),
        # the secret by which a ticket finds its container again stays with it
        *(path for path in house.uploads.glob("*/.*") if path.name != ".mark"),
        *house.control.iterdir(),
        *(
            path
            for path in house.inbox.rglob("*")
            if not path.name.endswith((".ticket.json", ".process_info.json"))
        ),
        *(house.archive.glob(".*")),
    ]
    return Held(
        descriptors=daemon.num_fds(),
        threads=daemon.num_threads(),
        processes=len(family),
        files=len(strangers),
        memory=daemon.memory_info().rss,
    )


def open_things(house: House) -> list[str]:
    """What the daemon's descriptors are."""
    folder = Path(f"/proc/{house.family()[0].pid}/fd")
    return sorted(os.readlink(link) for link in folder.iterdir())


def pass_through(house: House, first: int, count: int) -> None:
    """So many tickets, a few at a time, to their end."""
    for start in range(first, first + count, 10):
        numbers = range(start, min(start + 10, first + count))
        for number in numbers:
            content = bag_zip({f"T{number}/a.txt": b"1"})
            drop(content, house.inbox / "archive" / f"{number}.zip")
        last = [house.archive / f"T{number}" / "a.txt" for number in numbers]
        wait_until(lambda: all(map(Path.exists, last)), 60)  # noqa: B023
    wait_until(lambda: len(house.tickets()) == first + count)
    newest = sorted(house.uploads.iterdir(), key=lambda path: path.stat().st_mtime)[-12:]
    for path in newest:
        if not path.name.startswith("."):
            wait_until(lambda: house.info(path.name)["finished_at"])  # noqa: B023


def test_ticket_after_ticket_leaves_nothing_open_and_nothing_behind(
    house: House, full: bool, record_property: Callable[[str, object], None]
) -> None:
    count = 1000 if full else 60
    house.start()
    pass_through(house, 0, 20)
    before = held(house)
    pass_through(house, 20, count)

    def is_flat() -> bool:
        now = held(house)
        return (
            now.descriptors <= before.descriptors + 4
            and now.threads <= before.threads + 2
            and now.processes <= before.processes + 2
            and now.files <= before.files
        )

    try:
        wait_until(is_flat, 10)
    except AssertionError:
        raise AssertionError(f"{before} became {held(house)}: {open_things(house)}") from None
    after = held(house)
    record_property("before", str(before))
    record_property("after", str(after))
    print(f"after 20 tickets {before}\nafter {count} more {after}")
    assert after.memory - before.memory < 10_000_000 + 4000 * count
    assert all(info["status"] == "finished" for info in house.infos())


def test_no_worker_stays_when_there_is_nothing_to_do(house: House) -> None:
    house.start()
    pass_through(house, 0, 10)
    # workers are children of the fork server, which stays
    wait_until(lambda: not any(child.children() for child in house.family()[0].children()))
    pass_through(house, 10, 5)


@pytest.fixture
def systemd(house: House) -> Iterator[list[tuple[float, str]]]:
    """What the daemon says to its service manager, with the moment of each."""
    said: list[tuple[float, str]] = []
    folder = tempfile.mkdtemp()  # socket names must be short
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"{folder}/notify")
        channel.settimeout(0.1)
        house.environment["NOTIFY_SOCKET"] = f"{folder}/notify"
        house.environment["WATCHDOG_USEC"] = str(int(WATCHDOG_SECONDS * 1e6))
        stop = threading.Event()

        def listen() -> None:
            while not stop.is_set():
                try:
                    said.append((time.monotonic(), channel.recv(4096).decode()))
                except TimeoutError:
                    continue

        listener = threading.Thread(target=listen)
        listener.start()
        try:
            yield said
        finally:
            stop.set()
            listener.join()
    os.unlink(f"{folder}/notify")
    os.rmdir(folder)


def times_of(said: list[tuple[float, str]], word: str) -> list[float]:
    return [moment for moment, text in list(said) if word in text.splitlines()]


def test_the_service_manager_hears_ready_a_steady_watchdog_and_stopping(
    house: House, systemd: list[tuple[float, str]]
) -> None:
    house.start()
    wait_until(lambda: times_of(systemd, "READY=1"))
    assert not times_of(systemd[:1], "WATCHDOG=1"), "alive before it was ready"
    pass_through(house, 0, 10)
    wait_until(lambda: times_of(systemd, "WATCHDOG=1"))
    began = times_of(systemd, "WATCHDOG=1")[-1]
    wait_until(lambda: times_of(systemd, "WATCHDOG=1")[-1] - began > WATCHDOG_SECONDS)
    beats = times_of(systemd, "WATCHDOG=1")
    assert max(b - a for a, b in itertools.pairwise(beats)) < WATCHDOG_SECONDS / 2
    assert any(line.startswith("STATUS=") for _, text in systemd for line in text.splitlines())
    assert not times_of(systemd, "STOPPING=1")
    assert house.stop() == 0
    wait_until(lambda: times_of(systemd, "STOPPING=1"))


def test_the_service_manager_hears_which_target_is_down_and_who_waits(
    house: House, systemd: list[tuple[float, str]]
) -> None:
    house.configure(targets={"osf": {"type": "osf", "token_file": "none"}})
    house.start()
    assert "these targets are off and their drops wait: osf (its token file: No such" in house.log
    for number in range(2):
        drop(bag_zip({f"T{number}/a.txt": b"1"}), house.inbox / "osf" / f"{number}.zip")
    told = re.compile(r"^STATUS=osf down since \d\d:\d\d: .*; 2 tickets wait; 2 tickets open")
    wait_until(
        lambda: any(told.match(line) for _, text in list(systemd) for line in text.splitlines())
    )


def test_a_daemon_that_hangs_is_no_longer_heard_of(
    house: House, systemd: list[tuple[float, str]]
) -> None:
    house.start()
    wait_until(lambda: times_of(systemd, "WATCHDOG=1"))
    assert house.process is not None
    house.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: psutil.Process(house.process.pid).status() == psutil.STATUS_STOPPED)  # type: ignore[union-attr]
    wait_until(is_quiet_for(WATCHDOG_SECONDS, systemd), 10)
    # what systemd then does; the next one goes on
    drop(bag_zip({"T/a.txt": b"1"}), house.inbox / "archive" / "one.zip")
    house.stop(signal.SIGKILL)
    house.start()
    assert house.ended("one.zip")["status"] == "finished"


def is_quiet_for(seconds: float, said: list[tuple[float, str]]) -> Callable[[], bool]:
    """Whether nothing has been heard for so long."""
    began = time.monotonic()
    return lambda: time.monotonic() - max([began, *times_of(said, "WATCHDOG=1")]) > seconds


def test_a_daemon_that_is_killed_leaves_nothing_among_the_temporary_files_for_long(
    house: House,
) -> None:
    place = Path(tempfile.mkdtemp(prefix="pt-"))  # short, as a socket's path has to be
    house.environment["TMPDIR"] = str(place)
    for name in ("one", "two"):
        house.start()
        drop(bag_zip({f"{name}/a.txt": b"1"}), house.inbox / "archive" / f"{name}.zip")
        assert house.ended(f"{name}.zip")["status"] == "finished"
        assert len(os.listdir(place)) == 1
        if name == "one":
            assert house.process is not None
            house.process.kill()
            house.process.wait(10)
    assert house.stop() == 0
    assert os.listdir(place) == []
    place.rmdir()


def test_a_folder_of_temporary_files_with_a_long_name_is_no_obstacle(house: House) -> None:
    place = house.root / ("long" * 20)
    place.mkdir()
    house.environment["TMPDIR"] = str(place)
    house.start()
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    assert house.ended("one.zip")["status"] == "finished"
    assert house.stop() == 0
