from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from presqt_daemon.cli.tickets.overview import TargetRow, since_text, target_rows
from presqt_daemon.condition import TargetCondition
from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.tickets.holds import Holds
from tests.tickets.infos import BEGAN, finished_info, new_info, sending_info

CONFIG = Config(
    inbox=Path("/inbox"),
    mediafiles=Path("/mediafiles"),
    targets={name: TargetConfig(name=name, type="osf", workers=3) for name in ("a", "b")},
)


def rows(*told: TargetCondition, holds: Holds | None = None) -> dict[str, TargetRow]:
    infos = [
        sending_info(target="a"),
        new_info(target="a", waiting_for="a worker"),
        new_info(target="a", waiting_for="the target"),
        new_info(target="gone", waiting_for="the target's configuration"),
        finished_info(target="b"),
    ]
    known = {item.target: item for item in told}
    return {row.target: row for row in target_rows(CONFIG, known, holds or Holds(), infos)}


def test_open_and_held_tickets_are_counted_also_of_a_target_that_is_configured_no_more() -> None:
    found = rows()
    assert {name: (row.open, row.held) for name, row in found.items()} == {
        "a": (3, 1),
        "b": (0, 0),
        "gone": (1, 1),
    }
    assert found["gone"].state == "not configured"


def test_without_a_daemons_word_nobody_knows() -> None:
    assert rows()["a"].state == "unknown"


def test_up_down_without_a_token_and_on_hold_are_told_apart() -> None:
    up = TargetCondition(target="a", in_use=2, places=3)
    down = replace(up, down_since=BEGAN, cause="refused")
    without = replace(up, cause="there is no token")
    assert (rows(up)["a"].state, rows(up)["a"].in_use, rows(up)["a"].places) == ("up", 2, 3)
    assert (rows(down)["a"].state, rows(down)["a"].since) == ("down", BEGAN)
    assert (rows(without)["a"].state, rows(without)["a"].why) == ("no token", "there is no token")
    held = rows(up, holds=Holds(named={"a": BEGAN}))
    assert (held["a"].state, held["a"].since, held["b"].state) == ("on hold", BEGAN, "unknown")
    every = rows(up, holds=Holds(everything=BEGAN))
    assert {row.state for row in every.values()} == {"on hold", "not configured"}


def test_a_moment_of_another_day_has_its_day() -> None:
    noon = BEGAN.astimezone().replace(hour=12, minute=0)
    assert since_text(noon, noon + timedelta(minutes=5)) == "12:00 (5m)"
    assert since_text(noon, noon + timedelta(days=3)) == f"{noon:%m-%d} 12:00 (3d)"
