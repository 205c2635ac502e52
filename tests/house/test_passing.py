"""Small bags pass large ones on their way to the same target."""

import random
import zipfile
from pathlib import Path

from tests.bags import bag_tree, bag_zip, drop, zip_bytes
from tests.house.house import open_house, wait_until
from tests.house.shelf import Fault, Shelf


def test_a_small_bag_passes_large_ones_that_fill_its_target(tmp_path: Path) -> None:
    with (
        Shelf() as shelf,
        open_house(
            tmp_path,
            targets={"shelf": {**shelf.target(), "workers": 2}},
            staging={"small": "100 KB"},
        ) as house,
    ):
        shelf.faults.append(Fault("hang", part="large", times=10**6))
        house.start()
        for name in ("large-1", "large-2", "large-3"):
            tree = bag_tree({f"{name}/large.bin": random.Random(name).randbytes(200_000)})
            content = zip_bytes(tree, method=zipfile.ZIP_STORED)
            drop(content, house.inbox / "shelf" / f"{name}.zip")
        wait_until(lambda: [i["stage"] for i in house.infos()] == ["hashed"] * 3)
        wait_until(lambda: any(method == "PUT" for method, _path in shelf.requests))
        drop(bag_zip(), house.inbox / "shelf" / "small.zip")
        assert house.ended("small.zip")["status"] == "finished"
        sent = {path for method, path in shelf.requests if method == "PUT" and "large" in path}
        assert len(sent) == 1, "another large bag has begun"
        shelf.faults.clear()
