"""No thread or process to be had for a while: everything waits, and goes on by itself."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.bags import bag_zip, drop
from tests.house.house import House, open_house, wait_until

GROUPS = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup"))


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group that can limit processes and threads."""
    for root in GROUPS:
        group = root / f"presqt-test-{os.getpid()}"
        with contextlib.suppress(OSError):
            group.mkdir()
            if (group / "pids.max").exists():
                break
            group.rmdir()
    else:
        pytest.skip("no control group can be made that limits pids")
    yield group
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            group.rmdir()
            return


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as house:
        yield house


def starters_and_workers(house: House) -> list[psutil.Process]:
    """The process that starts workers, and those that it has started."""
    found = []
    for member in house.family():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "forkserver" in " ".join(member.cmdline()):
                found.append(member)
    return found


def move(house: House, group: Path) -> None:
    """The daemon's whole family is in the group from now on."""
    for member in house.family():
        with contextlib.suppress(OSError):
            (group / "cgroup.procs").write_text(str(member.pid))


def limit(group: Path, more: int) -> None:
    """No more threads and processes than there are, but for so many."""
    now = int((group / "pids.current").read_text())
    (group / "pids.max").write_text(str(now + more))


def deposit(house: House, name: str) -> None:
    drop(bag_zip({f"{name}/a.txt": name.encode()}), house.inbox / "archive" / f"{name}.zip")


@pytest.mark.parametrize("more", [0, 1, 2, 3, 5])
def test_drops_end_well_though_nothing_could_be_started_for_a_while(
    house: House, group: Path, more: int
) -> None:
    house.start()
    # one before, so that there is a process that starts workers; and none before
    if more % 2:
        deposit(house, "before")
        house.ended("before.zip")
        # its worker waits for more work for a moment: its place would be no shortage afterwards
        wait_until(lambda: len(starters_and_workers(house)) == 1, 60)
    move(house, group)
    limit(group, more)
    for name in ("one", "two", "three"):
        deposit(house, name)
    wait_until(lambda: len(list(house.uploads.glob("*/claim.json"))) >= 3, 60, what=house.log)
    wait_until(lambda: "can be started now" in house.log or more == 5, 60, what=house.log)
    (group / "pids.max").write_text("max")
    for name in ("one", "two", "three"):
        info = house.ended(f"{name}.zip", 120)
        assert (info["status"], info["resumes"]) == ("finished", 0), house.log
    assert house.run("status").returncode == 0
    assert "Traceback" not in house.log
    assert house.stop() == 0


def test_a_start_without_threads_comes_up_and_goes_on_when_there_are_some(
    house: House, group: Path
) -> None:
    (house.root / "inbox" / "archive").mkdir(parents=True)
    deposit(house, "early")
    house.start(ready=False)
    assert house.process is not None
    (group / "cgroup.procs").write_text(str(house.process.pid))
    (group / "pids.max").write_text("2")
    wait_until(lambda: "ready: " in house.log, 60, what=house.log)
    (group / "pids.max").write_text("max")
    assert house.ended("early.zip", 120)["status"] == "finished"
    assert "Traceback" not in house.log
    assert house.stop() == 0


def test_the_loss_of_the_process_that_starts_workers_fails_no_ticket(house: House) -> None:
    house.start()
    deposit(house, "one")
    house.ended("one.zip")
    starter = starters_and_workers(house)[0]
    starter.kill()
    wait_until(lambda: not starter.is_running() or starter.status() == psutil.STATUS_ZOMBIE)
    deposit(house, "two")
    info = house.ended("two.zip", 60)
    assert (info["status"], info["resumes"]) == ("finished", 0)
