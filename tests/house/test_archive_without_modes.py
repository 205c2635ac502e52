"""An archive on a disk that keeps neither owners nor modes, as FAT, and SMB with `dir_mode`."""

import os
from pathlib import Path

from tests.bags import bag_zip, drop
from tests.house.house import PLUGINS, open_house

EVERYTHING_IS_0777 = """
import os
real = os.mkdir
def mkdir(path, mode=0o777, *, dir_fd=None):
    real(path, mode, dir_fd=dir_fd)
    above = os.readlink(f"/proc/self/fd/{dir_fd}") if dir_fd else ""
    where = os.path.join(above, os.fsdecode(path))
    if "/archive" in where:
        os.chmod(path, 0o777, dir_fd=dir_fd)
os.mkdir = mkdir
"""
"""mount.cifs(8): without Unix extensions every folder has `dir_mode`, whatever mkdir asks for."""


def test_an_archive_without_modes_takes_every_deposit_and_is_told_once(tmp_path: Path) -> None:
    patch = tmp_path / "patch"
    patch.mkdir()
    (patch / "sitecustomize.py").write_text(EVERYTHING_IS_0777)
    with open_house(tmp_path) as house:
        house.environment["PYTHONPATH"] = os.pathsep.join(
            [str(patch), str(PLUGINS), *filter(None, [os.environ.get("PYTHONPATH")])]
        )
        house.start()
        for number in range(3):
            content = {f"P{number}/a.txt": b"alpha"}
            drop(bag_zip(content), house.inbox / "archive" / f"{number}.zip")
            info = house.ended(f"{number}.zip")
            assert info["status"] == "finished", house.log
            assert info["failed_fixity"] == info["unverified_fixity"] == []
        assert house.log.count("the same owner or mode") == 1, house.log
