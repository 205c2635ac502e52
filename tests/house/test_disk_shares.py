"""The disk of the tickets is shared by inbox folder, also where the inbox lies on another disk."""

import io
import os
import zipfile
from pathlib import Path

from tests.bags import bag_zip, drop
from tests.house.disks import small_disk
from tests.house.house import open_house, wait_until

MB = 1 << 20
TARGETS = {name: {"type": "folder", "path": f"archive-{name}"} for name in ("lab", "other")}


def large_junk() -> bytes:
    """A zip without a bag, rejected and kept for `retention.rejected`."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("x.bin", os.urandom(2 * MB))
    return content.getvalue()


def test_a_folder_whose_copied_drops_fill_the_disk_waits_alone(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "mediafiles", "24m"),
        open_house(tmp_path, targets=TARGETS) as house,
    ):
        house.start()
        junk = large_junk()
        for number in range(16):
            drop(junk, house.inbox / "lab" / f"{number}.zip")
        wait_until(lambda: "has no room for it beside" in house.log, 60)
        drop(bag_zip({"P/a.bin": os.urandom(MB // 2)}), house.inbox / "other" / "small.zip")
        info = house.ended("small.zip", 60)
        assert info["status"] == "finished", house.log
        waiting = len(list((house.inbox / "lab").glob(".claimed-*")))
        assert waiting >= 4, house.log
        # nothing was removed for it
        assert len(list(house.uploads.glob("*/*.zip"))) + waiting >= 16
