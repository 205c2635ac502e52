import os
from datetime import timedelta
from pathlib import Path

import pytest

from presqt_daemon.errors import HouseFault, TargetFault, UserFault
from presqt_daemon.model import UploadResult
from presqt_daemon.tickets.process_info import ProcessInfo
from tests.cli.program import Program
from tests.tickets.infos import BEGAN, failed_info, finished_info, new_info, sending_info

REFUSED = UserFault("unauthorized", "The token is refused.")
FULL = HouseFault("out-of-space", "The disk is full.")
GONE = TargetFault("target-unavailable", "No route.")


def tickets(program: Program, *infos: ProcessInfo) -> list[str]:
    for info in infos:
        program.claimed(info)
    return [info.ticket_number for info in infos]


def failed(number: int, error: object = REFUSED, **changes: object) -> ProcessInfo:
    moment = BEGAN + timedelta(minutes=number)
    return failed_info(error, received_at=moment, source_file=f"{number}.zip", **changes)  # type: ignore[arg-type]


def asked(program: Program) -> list[str]:
    """The requests, in the order in which they were made."""
    folder = program.mediafiles / "control"
    return sorted(program.requests(), key=lambda name: (folder / name).stat().st_mtime_ns)


def test_all_of_one_code_are_listed_and_asked_for_with_the_oldest_first(program: Program) -> None:
    third, first, second = tickets(program, failed(3), failed(1), failed(2))
    tickets(program, failed(4, FULL), finished_info(), sending_info())
    ended = program.run("retry", "--all", "--code", "401", "--yes")
    assert ended.returncode == 0
    lines = ended.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == [first, second, third]
    assert lines[-1] == "asked to retry 3 tickets"
    assert asked(program) == [f"{ticket}.retry" for ticket in (first, second, third)]


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["--code", "out-of-space"], {1}),
        (["--code", "503"], {2}),
        (["--target", "other"], {2}),
        (["--since", (BEGAN + timedelta(minutes=2)).isoformat()], {2, 3}),
        (["--code", "401", "--target", "archive"], {0, 3}),
        ([], {0, 1, 2, 3}),
        (["--code", "413"], set()),
    ],
)
def test_options_narrow_down_what_is_meant(
    program: Program, options: list[str], numbers: set[int]
) -> None:
    every = tickets(program, failed(0), failed(1, FULL), failed(2, GONE, target="other"), failed(3))
    ended = program.run("retry", "--all", "--yes", *options)
    assert ended.returncode == 0
    assert set(program.requests()) == {f"{every[number]}.retry" for number in numbers}
    assert ("no ticket to retry" in ended.stdout) == (not numbers)


def test_what_its_sender_cancelled_or_finished_well_is_not_tried_again(program: Program) -> None:
    cancelled = UserFault("cancelled", "Upload was cancelled by the user")
    tickets(program, failed(0, cancelled), finished_info(), new_info())
    differs = finished_info(
        UploadResult(link=None, algorithm="md5", failed_fixity=("/Thesis/a.txt",))
    )
    (wanted,) = tickets(program, differs)
    assert program.run("retry", "--all", "--yes").returncode == 0
    assert program.requests() == [f"{wanted}.retry"]


def test_what_was_cancelled_goes_again_where_that_code_is_given(program: Program) -> None:
    cancelled = UserFault("cancelled", "Upload was cancelled by the user")
    (wanted,) = tickets(program, failed(0, cancelled))
    assert program.run("retry", "--all", "--code", "499", "--yes").returncode == 0
    assert program.requests() == [f"{wanted}.retry"]


def test_those_whose_zip_is_gone_are_counted_and_passed_over(program: Program) -> None:
    (wanted,) = tickets(program, failed(0))
    for number in (1, 2):
        program.claimed(failed(number), has_zip=False)
    ended = program.run("retry", "--all", "--yes")
    assert ended.returncode == 0
    assert program.requests() == [f"{wanted}.retry"]
    assert "2 tickets cannot be asked for: its zip is gone: drop it again" in ended.stderr


def test_without_a_terminal_nothing_is_done_unless_yes_is_said(program: Program) -> None:
    tickets(program, failed(0), failed(1))
    ended = program.run("retry", "--all")
    assert ended.returncode == 64
    assert ended.stderr.endswith("nothing was done: say --yes to retry 2 tickets\n")
    assert "0.zip" in ended.stdout
    assert program.requests() == []


@pytest.mark.parametrize(("answer", "count"), [("y\n", 2), ("n\n", 0), ("\n", 0), ("\x04", 0)])
def test_a_person_is_asked_and_anything_but_yes_is_no(
    program: Program, answer: str, count: int
) -> None:
    tickets(program, failed(0), failed(1))
    ours, theirs = os.openpty()
    with program.start(
        "retry", "--all", stdin=theirs, stdout=theirs, stderr=theirs, text=False, encoding=None
    ) as running:
        os.close(theirs)
        told = _read_until(ours, "[y/N] ")
        assert "2 tickets? " in told
        os.write(ours, answer.encode())
        told = _read_until(ours, None)
        assert running.wait() == 0
    os.close(ours)
    assert ("asked to retry 2 tickets" if count else "nothing was done") in told
    assert len(program.requests()) == count


def test_all_open_tickets_of_a_target_are_cancelled_and_no_others(program: Program) -> None:
    one, two = tickets(program, new_info(), sending_info())
    tickets(program, new_info(target="other"), failed(0))
    ended = program.run("cancel", "--all", "--target", "archive", "--yes")
    assert ended.returncode == 0
    assert set(program.requests()) == {f"{one}.cancel", f"{two}.cancel"}


@pytest.mark.parametrize("arguments", [["retry"], ["cancel"], ["retry", "abcd", "--all"]])
def test_one_ticket_or_all_has_to_be_said(program: Program, arguments: list[str]) -> None:
    ended = program.run(*arguments)
    assert ended.returncode == 64
    assert "name one TICKET, or say --all" in ended.stderr


def test_a_damaged_status_holds_up_no_other(program: Program) -> None:
    wanted, damaged = tickets(program, failed(0), failed(1))
    Path(program.uploads.folder(damaged).info).write_text("{")
    ended = program.run("retry", "--all", "--yes")
    assert ended.returncode == 0
    assert program.requests() == [f"{wanted}.retry"]
    assert f"ticket {damaged} is passed over: its status cannot be read" in ended.stderr


def _read_until(terminal: int, wanted: str | None) -> str:
    """What a program writes on a terminal, until it has written this or is gone."""
    told = b""
    while wanted is None or wanted.encode() not in told:
        try:
            block = os.read(terminal, 4096)
        except OSError:
            break
        if not block:
            break
        told += block
    return told.decode("utf-8", "replace")
