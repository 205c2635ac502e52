"""Every zip that is made to do harm, and a disk that does not keep what is written."""

import os
from pathlib import Path

import pytest

from tests.bags import bag_zip, drop
from tests.damaged_zips import DAMAGED
from tests.hostile_zips import HOSTILE
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Shelf

CODES = {
    **{name: hostile.error for name, hostile in HOSTILE.items()},
    **dict.fromkeys(DAMAGED, "incomplete-zip"),
    # the inbox looks at the end of a zip only, and before anybody else
    "empty": "not-a-zip",
    "split": "incomplete-zip",
}


def names_outside(root: Path, house: House) -> set[Path]:
    """All that lies beside the tickets and the inbox."""
    places = (house.inbox, house.uploads)
    return {p for p in root.rglob("*") if not any(map(p.is_relative_to, places))}


def test_every_hostile_zip_gets_its_named_error_and_reaches_nothing_outside(
    tmp_path: Path,
) -> None:
    root = tmp_path / "deep" / "house"
    root.mkdir(parents=True)
    with open_house(root) as house:
        house.start()
        # the last file that a start makes of its own
        wait_until((house.uploads.parent / "daemon.json").exists)
        before = names_outside(tmp_path, house)
        for number, name in enumerate(CODES):
            content = HOSTILE[name].make() if name in HOSTILE else DAMAGED[name]()
            drop(content, house.inbox / "archive" / f"{number}.zip")
        wait_until(lambda: len(house.tickets()) == len(CODES), 60)
        ended = {name: house.ended(f"{n}.zip", 60) for n, name in enumerate(CODES)}
        assert {name: info["error_code"] for name, info in ended.items()} == CODES
        assert all(info["status"] == "failed" for info in ended.values())
        for info in ended.values():
            left = set(os.listdir(house.uploads / info["ticket_number"]))
            assert left == {"claim.json", "process_info.json", "receipt.json", info["source_file"]}
        assert names_outside(tmp_path, house) == before
        assert not Path("/tmp/evil").exists()
        drop(bag_zip(), house.inbox / "archive" / "good.zip")
        assert house.ended("good.zip")["status"] == "finished"
        assert house.stop() == 0
        assert "Traceback" not in house.log


@pytest.mark.parametrize(("spoilt", "status"), [(1, "finished"), (2, "finished"), (3, "failed")])
def test_a_bag_that_the_disk_spoils_is_written_again_and_after_three_times_named(
    tmp_path: Path, spoilt: int, status: str
) -> None:
    with (
        Shelf() as shelf,
        open_house(tmp_path, targets={"shelf": shelf.target(bad_disk=str(spoilt))}) as house,
    ):
        house.start()
        drop(bag_zip({"P/a.txt": b"spoil me"}), house.inbox / "shelf" / "one.zip")
        info = house.ended("one.zip")
        assert info["status"] == status, info
        assert info["staging_attempt"] == min(spoilt + 1, 3)
        if status == "failed":
            assert info["error_code"] == "internal-error"
            assert "data/P/a.txt" in info["message"]
            assert "disk" in info["message"]
            assert (house.uploads / info["ticket_number"] / "one.zip").exists()
            assert shelf.rooms == {}
        else:
            assert shelf.stored() == {"P": {"a.txt": b"spoil me"}}
