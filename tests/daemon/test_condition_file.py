"""What a real daemon tells of its targets and its inbox in `daemon.json`."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import presqt_daemon.schemas
from presqt_daemon.condition import (
    CONDITION_NAME,
    DaemonCondition,
    TargetCondition,
    UntakenDrop,
    read_condition,
    tree_from_condition,
)
from presqt_daemon.system.files import json_bytes
from tests.bags import bag_zip, drop
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Fault, Shelf
from tests.tickets.infos import BEGAN

PATIENCE = 240.0
"""Seconds, on the busiest of machines; an outage is asked about again after fifteen."""

SCHEMA = json.loads((Path(presqt_daemon.schemas.__file__).parent / CONDITION_NAME).read_bytes())


def condition(house: House) -> DaemonCondition:
    return read_condition(house.uploads.parent) or DaemonCondition()


def target(house: House, name: str) -> TargetCondition:
    found = (item for item in condition(house).targets if item.target == name)
    return next(found, TargetCondition(target=name, cause="nothing is told yet"))


def test_what_was_written_is_read_and_meets_the_schema(tmp_path: Path) -> None:
    told = DaemonCondition(
        targets=(
            TargetCondition(target="a"),
            TargetCondition(
                target="b", down_since=BEGAN, cause="refused", asked_again_at=BEGAN, waiting=3
            ),
        ),
        untaken=(UntakenDrop(path="a/x.zip", why="it is not whole", is_stuck=True),),
        untaken_total=1,
        missing=("inbox",),
    )
    content = json_bytes(tree_from_condition(told))
    jsonschema.validate(json.loads(content), SCHEMA)
    (tmp_path / CONDITION_NAME).write_bytes(content)
    assert read_condition(tmp_path) == told


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"targets": 3}', b"\xff"])
def test_what_is_damaged_is_as_good_as_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CONDITION_NAME).write_bytes(content)
    assert read_condition(tmp_path) is None


@pytest.mark.full
def test_a_target_that_is_down_and_a_drop_that_is_not_whole_are_told_until_that_is_over(
    tmp_path: Path,
) -> None:
    with Shelf() as shelf, open_house(tmp_path) as house:
        shelf.faults.append(Fault("status 503", method="*", times=10**6))
        house.configure(
            intake={"incomplete_after": "10m"},
            targets={"archive": {"type": "folder", "path": "archive"}, "shelf": shelf.target()},
        )
        path = house.uploads.parent / CONDITION_NAME
        path.parent.mkdir(exist_ok=True)
        path.write_text("what a daemon that was killed has left")
        house.start()
        drop(bag_zip(), house.inbox / "shelf" / "waits.zip")
        content = bag_zip()
        (house.inbox / "archive" / "cut.zip").write_bytes(content[: len(content) // 2])
        down = wait_until(
            lambda: target(house, "shelf").down_since and target(house, "shelf"), PATIENCE
        )
        assert down.cause
        assert target(house, "archive").cause is None
        untaken = wait_until(lambda: condition(house).untaken, PATIENCE)
        assert [item.path for item in untaken] == ["archive/cut.zip"]
        assert untaken[0].why
        table = house.run("status").stdout
        assert "shelf is down since " in table.splitlines()[0]
        assert f"  archive/cut.zip: {untaken[0].why}" in table.splitlines()
        rows = json.loads(house.run("status", "--targets", "--json").stdout)
        assert [(row["target"], row["state"], row["open"], row["held"]) for row in rows] == [
            ("archive", "up", 0, 0),
            ("shelf", "down", 1, 1),
        ]
        tree: dict[str, Any] = json.loads(path.read_bytes())
        jsonschema.validate(tree, SCHEMA)
        # nothing of a ticket stands in it
        assert not {"status", "ticket_number"} & set(json.dumps(tree).replace('"', " ").split())
        shelf.faults.clear()
        os.unlink(house.inbox / "archive" / "cut.zip")
        wait_until(lambda: target(house, "shelf").cause is None, PATIENCE)
        wait_until(lambda: not condition(house).untaken, PATIENCE)
        house.stop()
        assert not path.exists()
