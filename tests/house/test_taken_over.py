"""What ce54275 left behind, killed at every point, is taken over: nothing lost, nothing twice."""

import json
import os
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from presqt_daemon.tickets.process_info import SCHEMA_VERSION, info_from_bytes
from presqt_daemon.upload.calls.archive_disk import ID_NAME
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Shelf
from tests.upgrade.taken_over.record import POINTS
from tests.upgrade.taken_over.recorded import lay_out, payload

WAITING = {"waits.zip", "again.zip"}
"""Drops for a target without a token."""

ENDED = {"verified.zip", "rejected.zip", "refused.zip", "a-bag", "into.zip"}
SCHEMAS = {
    name: json.loads(resources.files("presqt_daemon.schemas").joinpath(name).read_bytes())
    for name in ("process_info.json", "receipt.json")
}


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf() as shelf:
        yield shelf


@pytest.fixture(params=["the same boot", "a later boot"])
def house(request: pytest.FixtureRequest, tmp_path: Path, shelf: Shelf) -> Iterator[House]:
    lay_out(tmp_path, shelf, same_boot=request.param == "the same boot")
    targets = {
        "archive": {"type": "folder", "path": "archive"},
        "shelf": shelf.target(),
        "closed": {"type": "osf", "token_file": "no-token"},
    }
    with open_house(tmp_path, targets=targets) as house:
        yield house


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Relative path -> inode and content of every visible file."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(".")
    }


def title_of(name: str) -> str:
    with_title = POINTS[name].how == "with a side-car"
    return f"With {name}" if with_title else name.replace(":", "-")


def settled(house: House) -> bool:
    """Whether every drop that can end has its ticket and its end."""
    infos = [info for info in house.infos() if "source_file" in info]
    names = {f"{name}.zip" for name in POINTS} | WAITING | ENDED
    return {info["source_file"] for info in infos} == names and all(
        info["status"] != "in_progress"
        if info["source_file"] not in WAITING
        else info["waiting_for"] == "a token"
        for info in infos
    )


def assert_record_is_right(house: House, info: dict[str, Any], name: str) -> None:
    receipt = house.receipt(info["ticket_number"])
    jsonschema.validate(receipt, SCHEMAS["receipt.json"])
    if info["schema_version"] == SCHEMA_VERSION:
        jsonschema.validate(info, SCHEMAS["process_info.json"])
    else:
        # one that had ended stays byte for byte as it was, and is read as it is
        assert info_from_bytes(json.dumps(info).encode()).title == title_of(name)
    bodies = {path.partition("/")[2]: body for path, body in payload(name).items()}
    told = {file["path"].split("/", 2)[2]: file for file in receipt["files"]}
    assert {path: file["size"] for path, file in told.items()} == {
        path: len(body) for path, body in bodies.items()
    }
    assert {file["fixity"] for file in told.values()} == {"matched"}


def test_tickets_in_every_stage_of_ce54275_go_on_and_nothing_is_lost_or_sent_twice(
    house: House, shelf: Shelf
) -> None:
    stored = contents(house.archive)
    on_the_shelf = {(r.title, file) for r in shelf.rooms.values() for file in r.files}
    before = {
        path: path.read_bytes()
        for info in house.uploads.glob("[0-9a-f]*/process_info.json")
        if json.loads(info.read_bytes())["status"] != "in_progress"
        for path in info.parent.glob("*.json")
    }
    presqt = [t for t in house.tickets() if "source_file" not in house.info(t)]
    house.start()
    wait_until(lambda: settled(house), 120, what=house.log)
    assert house.stop() == 0, house.log

    infos = [info for info in house.infos() if "source_file" in info]
    assert sorted(info["source_file"] for info in infos) == sorted(
        {f"{name}.zip" for name in POINTS} | WAITING | ENDED
    ), "a drop became two tickets"
    for name, point in POINTS.items():
        info = house.of(f"{name}.zip")
        assert info is not None
        assert (info["status"], info["title"]) == ("finished", title_of(name)), info
        assert info["failed_fixity"] == info["unverified_fixity"] == []
        assert (house.uploads / info["ticket_number"] / f"{name}.zip").is_file()
        assert_record_is_right(house, info, name)
        bodies = {path.partition("/")[2]: body for path, body in payload(name).items()}
        if point.target == "archive":
            assert house.deposited(title_of(name)) == bodies
        else:
            assert shelf.stored()[title_of(name)] == bodies

    after = contents(house.archive)
    assert {path: after.get(path) for path in stored} == stored, "what was there was sent again"
    titles = {title_of(name) for name, point in POINTS.items() if point.target == "archive"}
    assert {path.name for path in house.archive.iterdir()} - {ID_NAME} == titles | {
        "verified",
        "gone",
    }
    assert set(shelf.stored()) == {t for n, p in POINTS.items() if p.target == "shelf"
                                   for t in [title_of(n)]}  # fmt: skip
    assert not shelf.needless
    assert not {key for key in on_the_shelf if shelf.puts[key]}, "sent again"

    assert {path: path.read_bytes() for path in before} == before, "an ended ticket was changed"
    for ticket in presqt:
        assert house.receipt(ticket)["source"], "PresQT's own have a record"
    left = [path for path in house.inbox.rglob("*") if path.is_file()]
    assert all(
        path.name.endswith((".ticket.json", ".process_info.json", ".lock"))
        or path.name.startswith(".kept-")
        or path.parent.name in {"a-bag", "data"}
        for path in left
    ), left
    assert sum(path.name.startswith(".kept-") for path in left) == 4
    assert not [name for name in os.listdir(house.uploads) if name.startswith(".new-")]
