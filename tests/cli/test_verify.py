"""What `verify` says of deposits that were really made into a folder."""

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.bags import bag_zip, drop
from tests.cli.program import Program
from tests.tickets.infos import new_info

CONFIGURATION = """
inbox: inbox
targets:
  archive: {type: folder, path: archive}
"""


@pytest.fixture
def deposits(tmp_path: Path) -> tuple[Program, list[str]]:
    """Three deposits, P0 to P2 with a file `a.txt` each, and a rejected drop; their tickets."""
    (tmp_path / "archive").mkdir()
    program = Program(tmp_path, CONFIGURATION)
    for number in range(3):
        drop(bag_zip({f"P{number}/a.txt": b"a"}), program.inbox / "archive" / f"{number}.zip")
    drop(b"junk", program.inbox / "archive" / "junk.zip")
    assert program.run("run", "--once").returncode == 1
    by_name = {
        info["source_file"]: info["ticket_number"]
        for info in (json.loads(p.read_bytes()) for p in program.uploads.root.glob("*/p*o.json"))
    }
    return program, [by_name[f"{number}.zip"] for number in range(3)] + [by_name["junk.zip"]]


def last_event(program: Program, ticket: str) -> dict[str, Any]:
    tree = json.loads(program.uploads.folder(ticket).receipt.read_bytes())
    event: dict[str, Any] = tree["events"][-1]
    return event


def test_each_deposit_is_told_by_itself_and_its_record_says_what_was_found(
    deposits: tuple[Program, list[str]],
) -> None:
    program, (same, changed, gone, _junk) = deposits
    (program.folder / "archive" / "P1" / "a.txt").write_bytes(b"b")
    (program.folder / "archive" / "P2" / "a.txt").unlink()
    ended = program.run("verify", "--all")
    assert ended.returncode == 2
    assert f"changed: /P1/a.txt ({changed})" in ended.stdout
    assert f"gone: /P2/a.txt ({gone})" in ended.stdout
    assert "2 files of 2 deposits changed or are gone" in ended.stderr
    rows = {line.split()[0]: line for line in ended.stdout.splitlines()[1:4]}
    day = rf"{datetime.now(UTC):%Y}-[0-9-]{{5}}"
    assert re.fullmatch(rf"{same}  ok      {day}  P0     1 same", rows[same])
    assert re.fullmatch(rf"{changed}  wrong   {day}  P1     1 changed", rows[changed])
    assert re.fullmatch(rf"{gone}  wrong   {day}  P2     1 gone", rows[gone])
    assert "Traceback" not in ended.stderr
    assert [program.run("verify", ticket).returncode for ticket in (same, changed, gone)] == [
        0, 2, 2,
    ]  # fmt: skip
    events = [last_event(program, ticket) for ticket in (same, changed, gone)]
    assert {event["event_type"] for event in events} == {"fixity check"}
    assert [event["outcome"] for event in events] == ["success", "failure", "failure"]
    assert "/P1/a.txt" in events[1]["detail"]


def test_a_drop_that_was_never_deposited_is_passed_over_and_refused_by_name(
    deposits: tuple[Program, list[str]],
) -> None:
    program, (*_, junk) = deposits
    program.add(new_info())
    ended = program.run("verify", "--all")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert junk not in ended.stdout
    refused = program.run("verify", junk)
    assert refused.returncode == 6
    assert "nothing of it is at a target" in refused.stderr
    sample = program.run("verify", "--sample", "2")
    assert sample.returncode == 0
    assert sample.stdout.count(" ok ") == 2 or sample.stdout.count("ok") == 2


def test_a_damaged_record_is_told_and_verify_can_ask_again_once_it_was_made_anew(
    deposits: tuple[Program, list[str]],
) -> None:
    program, (first, *_) = deposits
    receipt = program.uploads.folder(first).receipt
    receipt.write_bytes(receipt.read_bytes()[:20])
    told = program.run("verify", first)
    assert told.returncode == 6
    assert "run prepare-upgrade" in told.stderr
    assert program.run("verify", "--all").returncode == 1
    assert program.run("prepare-upgrade").returncode == 0
    assert program.run("verify", first).returncode == 0


@pytest.mark.parametrize("is_empty_mount_point", [True, False])
def test_an_archive_whose_disk_is_away_is_no_lost_deposit(
    deposits: tuple[Program, list[str]], is_empty_mount_point: bool
) -> None:
    program, (first, *_) = deposits
    shutil.move(program.folder / "archive", program.folder / "away")
    if is_empty_mount_point:
        (program.folder / "archive").mkdir()
    before = program.uploads.folder(first).receipt.read_bytes()
    one, every = program.run("verify", first), program.run("verify", "--all")
    assert (one.returncode, every.returncode) == (1, 1), (one, every)
    assert "gone: " not in one.stdout + every.stdout
    assert "is its disk not mounted?" in one.stdout
    assert "3 of 3 deposits could not be verified" in every.stderr
    assert program.uploads.folder(first).receipt.read_bytes() == before
    shutil.rmtree(program.folder / "archive", ignore_errors=True)
    shutil.move(program.folder / "away", program.folder / "archive")
    assert program.run("verify", first).returncode == 0
