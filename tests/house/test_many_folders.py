"""Eight targets with eighty resource folders each cost no threads of their own."""

from pathlib import Path

import psutil

from tests.bags import bag_zip, drop
from tests.house.house import open_house, wait_until

TARGETS = [f"t{number}" for number in range(8)]
FOLDERS = 80


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
        for name in TARGETS:
            for drop_name in (f"{name}.zip", f"{name}-inner.zip"):
                assert house.ended(drop_name, 120)["status"] == "finished"
        wait_until(lambda: daemon.num_threads() < 40, what="for fewer than 40 threads")
        assert "not watched" not in house.log
