"""Every file that a daemon writes for others, at every moment, against the schemas that ship."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema

import presqt_daemon.schemas
from tests.bags import bag_tree, bag_zip, drop, zip_bytes
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Fault, Shelf

SCHEMAS = Path(presqt_daemon.schemas.__file__).parent


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((SCHEMAS / name).read_bytes()))


INFO, RECEIPT = validator("process_info.json"), validator("receipt.json")


def problems(house: House) -> Iterator[str]:
    for name, check in (("process_info.json", INFO), ("receipt.json", RECEIPT)):
        for ticket in house.tickets():
            path = house.uploads / ticket / name
            if path.exists():
                for error in check.iter_errors(json.loads(path.read_bytes())):
                    yield f"{name} {error.json_path}: {error.message}"


def test_every_status_and_receipt_of_a_run_meets_its_schema(tmp_path: Path) -> None:
    with Shelf() as shelf, open_house(tmp_path) as house:
        house.configure(
            targets={
                "archive": {"type": "folder", "path": "archive", "sender_may": ["resource_id"]},
                "shelf": shelf.target(),
            }
        )
        house.start()
        archive = house.inbox / "archive"
        shelf.faults += [Fault("spoil", method="PUT", times=2), Fault("hang", part="P2", times=100)]
        spoilt = bag_tree({"a": b"1"}) | {"data/a": b"2"}
        (archive / "titled.zip.yaml").write_text("title: Titled\nfile_duplicate_action: update\n")
        (archive / "car.zip.yaml").write_text("- a list\n")
        (archive / "chosen.zip.yaml").write_text("resource_id: missing\n")
        drops = {
            "good.zip": bag_zip(), "titled.zip": bag_zip(), "car.zip": bag_zip(),
            "chosen.zip": bag_zip(), "text.zip": b"text", "empty.zip": b"",
            "cut.zip": bag_zip({"P/a": os.urandom(5000)})[:3000],
            "spoilt.zip": zip_bytes(spoilt), "odd.tar.gz": b"\x1f\x8b",
            os.fsdecode(b"not-utf8-\xff.zip"): bag_zip(), "new\nline.zip": bag_zip(),
        }  # fmt: skip
        for name, content in drops.items():
            drop(content, archive / name)
        drop(bag_zip({"P1/a": b"1"}), house.inbox / "shelf" / "mismatched.zip")
        drop(bag_zip(), house.inbox / "nowhere.zip")
        (archive / "folder" / "data").mkdir(parents=True)

        def have_ended() -> bool:
            assert list(problems(house)) == []
            infos: list[dict[str, Any]] = house.infos()
            ended = [info for info in infos if info["status"] != "in_progress"]
            return len(ended) == len(drops) + 3

        wait_until(have_ended, 60)
        drop(bag_zip({"P2/a": b"1"}), house.inbox / "shelf" / "hung.zip")
        hung = wait_until(lambda: house.of("hung.zip"))["ticket_number"]
        wait_until(lambda: house.info(hung)["link_to_resource"])
        assert list(problems(house)) == []
        (house.control / f"{hung}.cancel").touch()
        house.ended("hung.zip")
        assert list(problems(house)) == []
        receipts = [ticket for ticket in house.tickets() if house.receipt(ticket)]
        assert receipts == house.tickets()
        assert {info["status"] for info in house.infos()} == {"finished", "failed"}
