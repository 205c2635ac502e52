from datetime import timedelta
from pathlib import Path

import pytest

from presqt_daemon.cli.tickets.selection import Selection, urgency
from presqt_daemon.tickets.holds import ON_HOLD
from tests.cli.program import Program
from tests.tickets.infos import BEGAN, failed_info, finished_info, new_info, sending_info

INFOS = {
    "new": new_info(received_at=BEGAN + timedelta(hours=5)),
    "turn": new_info(waiting_for="a worker", received_at=BEGAN + timedelta(hours=4)),
    "down": sending_info(
        waiting_for="the target", target="osf", received_at=BEGAN + timedelta(hours=3)
    ),
    "hold": sending_info(waiting_for=ON_HOLD, received_at=BEGAN + timedelta(hours=2)),
    "sending": sending_info(upload_total_bytes=10**9, received_at=BEGAN + timedelta(hours=1)),
    "failed": failed_info(received_at=BEGAN),
    "finished": finished_info(received_at=BEGAN - timedelta(days=9)),
}
NAMES = {info.ticket_number: name for name, info in INFOS.items()}


def chosen(selection: Selection) -> list[str]:
    return [NAMES[info.ticket_number] for info in selection.choose(INFOS.values())]


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        ((), ["new", "turn", "down", "hold", "sending", "failed", "finished"]),
        (("failed",), ["failed"]),
        (("open",), ["new", "turn", "down", "hold", "sending"]),
        (("held",), ["down", "hold"]),
        (("finished",), ["finished"]),
        (("failed", "held"), ["down", "hold", "failed"]),
    ],
)
def test_of_several_groups_a_ticket_must_be_in_one(
    groups: tuple[str, ...], names: list[str]
) -> None:
    assert chosen(Selection(groups=frozenset(groups))) == names


def test_target_and_time_narrow_it_down() -> None:
    assert chosen(Selection(target="osf")) == ["down"]
    assert chosen(Selection(since=BEGAN + timedelta(hours=4))) == ["new", "turn"]
    assert chosen(Selection(target="osf", since=BEGAN + timedelta(hours=4))) == []


def test_the_largest_come_first_by_size_and_targets_by_name() -> None:
    assert chosen(Selection(order="size"))[0] == "sending"
    assert chosen(Selection(order="target"))[-1] == "down"


def test_what_is_at_work_is_the_most_urgent() -> None:
    ordered = sorted(INFOS.values(), key=urgency)
    assert [NAMES[info.ticket_number] for info in ordered][:3] == ["sending", "down", "hold"]
    assert [NAMES[info.ticket_number] for info in ordered][-1] == "finished"


def test_the_options_choose_sort_and_cut(program: Program) -> None:
    for info in INFOS.values():
        program.add(info, content=None)

    def rows(*arguments: str) -> list[str]:
        told = program.run("status", *arguments)
        assert told.returncode == 0, told.stderr
        return [NAMES[line[:36]] for line in told.stdout.splitlines() if line[:36] in NAMES]

    assert rows("--failed", "--held") == ["down", "hold", "failed"]
    assert rows("--open", "--sort", "size", "-n", "1") == ["sending"]
    assert rows("--target", "osf") == ["down"]
    assert rows("--since", "1h") == []
    told = program.run("status", "--open", "-n", "2").stdout
    assert "2 of 5 that are asked for are shown" in told
    assert "7 tickets: 1 at work, 3 waiting, 1 on hold, 1 finished" in told


@pytest.mark.parametrize(
    "arguments",
    [
        ("--json", "--watch"),
        ("abcd1234", "--failed"),
        ("--targets", "--open"),
        ("-n", "0"),
        ("-n", "x"),
        ("--since", "soon"),
        ("--sort", "luck"),
    ],
)
def test_what_cannot_go_together_is_wrong_usage(
    program: Program, arguments: tuple[str, ...]
) -> None:
    ended = program.run("status", *arguments)
    assert (ended.returncode, ended.stdout) == (64, "")
    assert ended.stderr.count("\n") == 1


def test_a_target_that_is_not_configured_is_said_above_an_empty_table(program: Program) -> None:
    ended = program.run("status", "--target", "arcive")
    assert ended.returncode == 0
    assert "no target is called arcive" in ended.stderr
    assert "0 tickets chosen" in ended.stdout


def test_a_disk_that_is_too_full_to_take_up_a_bag_is_said_above_the_table(tmp_path: Path) -> None:
    program = Program(tmp_path, "staging: {min_free_bytes: 900000 TB}\n")
    assert "fewer than 900000.0 TB: drops wait" in program.run("status").stdout
