"""A run that must be ended is ended on its own host, by the same limits and with the same words."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bags import bag_zip, drop
from tests.cluster.cluster import LONG, open_cluster
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Shelf
from tests.house.test_workers import sleeps_in_c

pytest.importorskip("distributed", reason="needs the extra dask")
pytestmark = pytest.mark.full

PAYLOAD = {f"P/{number}.txt": bytes([number]) * 1000 for number in range(3)}
FIGURES = re.compile(r"[\d.]+ (s|MB|GB)")


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf() as shelf:
        yield shelf


def faulty_targets(shelf: Shelf) -> dict[str, Any]:
    """One for each way to need an end, and one that needs none."""
    return {
        "stuck": {**shelf.target(misbehave="stuck"), "time_limit": "4s"},
        "deaf": {**shelf.target(misbehave="deaf"), "time_limit": "4s"},
        "hog": shelf.target(misbehave="hog"),
        "good": shelf.target(),
    }


def drop_on_each(house: House) -> dict[str, dict[str, Any]]:
    """How the bag of each target has ended."""
    names = list(house.settings["targets"])
    for name in names:
        drop(bag_zip(PAYLOAD), house.inbox / name / f"{name}.zip")
    return {name: house.ended(f"{name}.zip", LONG) for name in names}


def words(info: dict[str, Any]) -> tuple[object, ...]:
    """What a person is told, without the figures of this run."""
    shown = FIGURES.sub("#", info["message"])
    return info["status"], info["status_code"], info["error_code"], shown


def configure(house: House, shelf: Shelf) -> None:
    house.configure(targets=faulty_targets(shelf), uploads={"memory_limit": "300 MB"})


def run_locally(root: Path, shelf: Shelf) -> dict[str, dict[str, Any]]:
    root.mkdir()
    with open_house(root) as house:
        configure(house, shelf)
        house.start()
        return drop_on_each(house)


def test_stuck_in_c_over_memory_or_over_time_ends_on_its_host_as_with_the_local_engine(
    tmp_path: Path, shelf: Shelf
) -> None:
    locally = run_locally(tmp_path / "local", shelf)
    shelf.rooms.clear()
    shelf.puts.clear()
    with open_cluster(tmp_path) as cluster:
        configure(cluster.house, shelf)
        host = cluster.start_host("a", threads=4)
        cluster.house.start()
        ends = drop_on_each(cluster.house)
        assert {name: words(info) for name, info in ends.items()} == {
            name: words(info) for name, info in locally.items()
        }
        assert [ends[name]["error_code"] for name in ("stuck", "deaf", "hog", "good")] == [
            "timed-out",
            "timed-out",
            "worker-died",
            None,
        ]
        # the host's worker lives, and took nothing else with it
        assert host.process.poll() is None
        wait_until(lambda: not host.is_at_work(), LONG)
        assert set(shelf.puts.values()) == {1}
        assert len(shelf.rooms) == 4


def test_a_run_that_is_stuck_in_c_ends_with_its_hosts_worker(tmp_path: Path, shelf: Shelf) -> None:
    with open_cluster(tmp_path) as cluster:
        targets = {"stuck": {**shelf.target(misbehave="stuck"), "time_limit": "1h"}}
        cluster.house.configure(targets=targets)
        host = cluster.start_host("a")
        cluster.house.start()
        drop(bag_zip(PAYLOAD), cluster.house.inbox / "stuck" / "stuck.zip")
        wait_until(lambda: shelf.rooms, LONG, what="for the upload to begin")
        (run,) = wait_until(host.at_work, LONG)
        wait_until(lambda: sleeps_in_c(run), LONG, what="to be stuck")
        host.signal(signal.SIGKILL, whole=False)
        wait_until(lambda: not run.is_running(), 30, what="for the run to end")
