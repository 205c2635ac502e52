import os

import pytest

from presqt_daemon.tickets.holds import ON_HOLD, read_holds
from tests.cli.program import Program
from tests.tickets.infos import finished_info, new_info, sending_info


def held(program: Program) -> set[str]:
    holds = read_holds(program.mediafiles / "control")
    return {*holds.named, *(() if holds.everything is None else ("",))}


def test_a_target_is_held_and_resumed_and_both_say_so_when_it_is_so_already(
    program: Program,
) -> None:
    with_worker = sending_info(target="archive")
    program.add(with_worker)
    program.add(sending_info(target="archive", function_process_id=None, waiting_for=ON_HOLD))
    program.add(new_info(target="archive"))
    first = program.run("hold", "archive")
    assert (first.returncode, first.stdout.splitlines()) == (
        0,
        [
            "archive is on hold: drops are taken and staged, nothing new is sent",
            "1 ticket being sent now (to the end), 1 ticket kept back",
        ],
    )
    assert first.stderr == (
        "presqt-daemon: no daemon is running; the hold counts when one is started\n"
    )
    again = program.run("hold", "archive")
    assert again.returncode == 0
    assert again.stdout.startswith("archive was on hold already, since 20")
    assert held(program) == {"archive"}
    assert program.run("resume", "archive").stdout == "archive is on hold no more\n"
    ended = program.run("resume", "archive")
    assert (ended.returncode, ended.stdout) == (0, "archive was not on hold\n")
    assert held(program) == set()


def test_the_hold_of_everything_ends_alone_and_the_others_are_named(program: Program) -> None:
    info = sending_info()
    program.add(info)
    running = program.hold()
    assert program.run("hold").stderr == ""
    told = program.run("hold", info.ticket_number[:8]).stdout.splitlines()
    assert told[0] == f"ticket {info.ticket_number} is on hold: it is not sent"
    assert program.run("hold", "archive").returncode == 0
    ended = program.run("resume")
    running.release()
    assert ended.returncode == 0
    told = ended.stdout.splitlines()
    assert told[0] == "the hold of everything has ended"
    assert [line.split(" UTC: ")[1] for line in told[1:]] == [
        f"resume {name}" for name in sorted([info.ticket_number, "archive"])
    ]
    assert held(program) == {"archive", info.ticket_number}
    assert program.run("resume", "thesis.zip").returncode == 0
    assert held(program) == {"archive"}


@pytest.mark.parametrize("word", ["hold", "resume"])
def test_what_is_neither_target_nor_ticket_is_unknown(program: Program, word: str) -> None:
    ended = program.run(word, "arcive")
    assert ended.returncode == 4
    assert ended.stderr == (
        "presqt-daemon: there is no ticket for arcive, nor a target of that name; "
        "targets: archive\n"
    )
    assert held(program) == set()


def test_a_ticket_that_has_ended_and_a_drop_without_a_ticket_cannot_be_held(
    program: Program,
) -> None:
    info = finished_info()
    program.add(info)
    assert program.run("hold", info.ticket_number).returncode == 6
    (program.inbox / "archive" / "new.zip").write_bytes(b"zip")
    waiting = program.run("hold", "new.zip")
    assert waiting.returncode == 6
    assert "hold its target" in waiting.stderr
    assert held(program) == set()


def test_the_hold_of_a_target_that_is_configured_no_more_can_be_ended(program: Program) -> None:
    control = program.mediafiles / "control"
    control.mkdir()
    (control / "old.hold").touch()
    assert program.run("resume", "old").stdout == "old is on hold no more\n"
    assert os.listdir(control) == []
