import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from presqt_daemon.tickets.holds import (
    RESUME,
    Holds,
    end_hold,
    hold_in,
    put_on_hold,
    read_holds,
)

TICKET = "11111111-1111-4111-8111-111111111111"
SINCE = datetime(2030, 1, 2, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hold", (True, None)),
        ("osf.hold", (True, "osf")),
        ("lab.a.hold", (True, "lab.a")),
        ("reload.hold", (True, "reload")),
        (f"{TICKET}.hold", (True, TICKET)),
        (".hold", (False, None)),
        ("osf.holdup", (False, "osf")),
        ("prepare_upgrade", (False, None)),
    ],
)
def test_a_file_holds_whom_its_name_says(name: str, expected: tuple[bool, str | None]) -> None:
    assert hold_in(name) == expected
    assert hold_in(name.replace("hold", "resume", 1), RESUME)[0] == expected[0]


def test_a_hold_lies_on_the_disk_until_it_is_ended(tmp_path: Path) -> None:
    control = tmp_path / "control"
    assert not read_holds(control)
    assert put_on_hold(control, "osf")
    assert not put_on_hold(control, "osf")
    assert put_on_hold(control, TICKET)
    held = read_holds(control)
    assert held.targets == {"osf"}
    assert held.tickets == {TICKET}
    assert held.everything is None
    assert put_on_hold(control, None)
    assert read_holds(control).everything is not None
    assert end_hold(control, None)
    assert not end_hold(control, None)
    assert end_hold(control, "osf")
    assert read_holds(control).named.keys() == {TICKET}


def test_a_hold_made_by_touch_counts_since_its_time_and_a_link_is_not_followed(
    tmp_path: Path,
) -> None:
    (tmp_path / "osf.hold").symlink_to(tmp_path / "nowhere")
    (tmp_path / "hold").touch()
    os.utime(tmp_path / "hold", (SINCE.timestamp(), SINCE.timestamp()))
    held = read_holds(tmp_path)
    assert held.everything == SINCE
    assert held.targets == {"osf"}


@pytest.mark.parametrize(
    ("holds", "covered"),
    [
        (Holds(), set()),
        (Holds(SINCE), {"a1", "a2", "b1"}),
        (Holds(None, {"a": SINCE}), {"a1", "a2"}),
        (Holds(None, {"a1": SINCE, "b": SINCE}), {"a1", "b1"}),
    ],
)
def test_a_hold_covers_its_tickets_and_no_others(holds: Holds, covered: set[str]) -> None:
    found = {ticket for ticket in ("a1", "a2", "b1") if holds.cover(ticket, ticket[0])}
    assert found == covered
    assert {t for t in ("a1", "a2", "b1") if holds.reason(t, t[0]) is not None} == covered


def test_the_sender_is_told_who_holds_what_since_when_and_that_it_goes_on() -> None:
    assert Holds(None, {"osf": SINCE}).reason(TICKET, "osf") == (
        "On hold: the operator has put osf on hold at 2030-01-02 03:04 UTC. "
        "The drop is safe, and goes on by itself when that ends."
    )


@pytest.mark.parametrize("seconds", [-(10**9), 2**31, 10**11, 2**40])
def test_a_hold_of_any_time_counts_and_a_folder_of_such_a_name_is_none(
    tmp_path: Path, seconds: int
) -> None:
    (tmp_path / "hold").touch()
    try:
        os.utime(tmp_path / "hold", (seconds, seconds))
    except OSError as error:
        pytest.skip(f"this file system keeps no such time: {error.strerror}")
    (tmp_path / f"{TICKET}.hold").mkdir()
    holds = read_holds(tmp_path)
    assert holds.everything is not None
    assert not holds.named


def test_a_folder_of_such_a_name_holds_nothing_and_holds_up_no_resume(tmp_path: Path) -> None:
    (tmp_path / "osf.hold").mkdir()
    assert not read_holds(tmp_path)
    assert not end_hold(tmp_path, "osf")
    assert (tmp_path / "osf.hold").is_dir()
