"""Eight targets with eighty resource folders each cost no threads of their own."""

import contextlib
from pathlib import Path

import psutil

from tests.bags import bag_zip, drop
from tests.house.house import House, open_house, wait_until

TARGETS = [f"t{number}" for number in range(8)]
FOLDERS = 80
UNIT_TASKS = 512
"""`TasksMax=` of the unit."""


def threads_of(house: House) -> int:
    """Threads of the daemon and all its workers; of one that ends meanwhile none."""
    count = 0
    for member in house.family():
        with contextlib.suppress(psutil.Error):
            count += member.num_threads()
    return count


def test_eighty_folders_in_each_of_eight_targets_are_watched_by_one_thread(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        house.configure(
            targets={name: {"type": "folder", "path": f"archive/{name}"} for name in TARGETS},
            intake={"rescan": "60s"},
        )
        for name in TARGETS:
            for number in range(FOLDERS):
                (house.inbox / name / f"res{number}").mkdir(parents=True)
                (house.archive / name / f"res{number}").mkdir(parents=True)
        house.start()
        assert house.process is not None
        daemon = psutil.Process(house.process.pid)
        for name in TARGETS:
            drop(bag_zip({f"{name}/a.txt": b"1"}), house.inbox / name / f"{name}.zip")
            inner = house.inbox / name / f"res{FOLDERS - 1}" / f"{name}-inner.zip"
            drop(bag_zip({"in.txt": b"1"}), inner)
        for name in TARGETS[:4]:
            drop(bag_zip({"in.txt": b"2"}), house.inbox / name / "res0" / f"{name}-more.zip")
        names = [f"{name}{kind}.zip" for name in TARGETS for kind in ("", "-inner")]
        names += [f"{name}-more.zip" for name in TARGETS[:4]]
        assert len(names) == 20
        most = 0
        for drop_name in names:
            assert house.ended(drop_name, 120)["status"] == "finished"
            most = max(most, threads_of(house))
        assert most < UNIT_TASKS
        wait_until(lambda: daemon.num_threads() < 40, what="for fewer than 40 threads")
        assert "not watched" not in house.log
