"""Whole screens, compared with what a person should see: 80 and 120 columns, dumb, no colours."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from presqt_daemon.condition import (
    CONDITION_NAME,
    DaemonCondition,
    TargetCondition,
    UntakenDrop,
    tree_from_condition,
)
from presqt_daemon.errors import UserFault
from presqt_daemon.model import Finding, UploadResult
from presqt_daemon.system.files import json_bytes
from presqt_daemon.tickets.locks import FolderLock
from tests.cli.program import Program
from tests.cli.terminal import Terminal, on_terminal
from tests.tickets.infos import failed_info, finished_info, new_info, sending_info

TARGETS = """
inbox: inbox
targets:
  archive: {type: folder, path: archive}
  osf: {type: osf, token_file: token}
"""


def number(which: int) -> str:
    return f"{which:08x}-0000-4000-8000-000000000000"


def fill(program: Program) -> FolderLock:
    """A ticket of each kind, two drops that are not taken, a target that is down; a daemon runs."""
    program.file.write_text(TARGETS, encoding="utf-8")
    now = datetime.now(UTC)

    def ago(**parts: float) -> datetime:
        return now - timedelta(**parts)

    differs = UploadResult(link=None, algorithm="md5", failed_fixity=("/P/a",))
    tickets = [
        new_info(ticket_number=number(1), received_at=ago(minutes=2.5)),
        sending_info(
            ticket_number=number(2),
            received_at=ago(minutes=12.5),
            source_file="glacier photographs 2019-2024.zip",
            target="osf",
            message="Uploading files to osf...",
        ),
        sending_info(
            ticket_number=number(3),
            received_at=ago(hours=3.5),
            target="osf",
            function_process_id=None,
            waiting_for="the target",
            waiting_since=ago(hours=2),
            message="Waiting for the target: osf.io refuses the connection.",
        ),
        failed_info(
            UserFault("forbidden", "The target says no: the token may not write."),
            ticket_number=number(4),
            received_at=ago(days=1.5),
        ),
        finished_info(
            ticket_number=number(5), received_at=ago(days=5.5), source_file="Straße – 測試文件.zip"
        ),
        replace(
            finished_info(differs, ticket_number=number(6), received_at=ago(days=50.5)),
            message="Upload successful but with fixity errors.",
        ),
    ]
    for info in tickets:
        program.add(info, content=None)
    for name in ("photos.zip.part", "cut.zip"):
        (program.inbox / "archive" / name).write_bytes(b"PK")
    told = DaemonCondition(
        targets=(
            TargetCondition(target="archive", in_use=1, places=2),
            TargetCondition(
                target="osf",
                down_since=ago(hours=2),
                cause="osf.io refuses the connection",
                places=2,
                waiting=1,
            ),
        ),
        untaken=(UntakenDrop(path="archive/cut.zip", why="the end of the zip is missing"),),
        untaken_total=1,
    )
    (program.mediafiles / CONDITION_NAME).write_bytes(json_bytes(tree_from_condition(told)))
    return program.hold()


def timeless(lines: list[str]) -> list[str]:
    """The lines without the hour, which is another one at every run."""
    return [re.sub(r"since (\d\d-\d\d )?\d\d:\d\d", "since --:--", line).rstrip() for line in lines]


AT_80 = """\
osf is down since --:-- (2h): osf.io refuses the connection
TICKET    STATE        AGE  TARGET   FILE              MESSAGE
00000001  waiting       2m  archive  thesis.zip        The server is processing…
00000002  sending 50%  12m  osf      glacier photogr…  Uploading files to osf...
00000003  waiting       3h  osf      thesis.zip        for the target: osf.io r…
00000004  failed 403    1d  archive  thesis.zip        The target says no: the …
00000005  finished      5d  archive  Straße – 測試文…  Upload successful.
00000006  finished      7w  archive  thesis.zip        Upload successful but wi…

in the inbox, not taken yet (2):
  archive/cut.zip: the end of the zip is missing
  archive/photos.zip.part: by its name it is still being copied; once it is
  whole, rename it to end in .zip
6 tickets: 1 at work, 2 waiting, 2 finished (6.0 MB, 1 not as sent), 1 failed
"""

AT_120 = """\
osf is down since --:-- (2h): osf.io refuses the connection
TICKET    STATE        AGE  TARGET   FILE                      MESSAGE
00000001  waiting       2m  archive  thesis.zip                The server is processing the request.
00000002  sending 50%  12m  osf      glacier photographs 201…  Uploading files to osf...
00000003  waiting       3h  osf      thesis.zip                for the target: osf.io refuses the connection.
00000004  failed 403    1d  archive  thesis.zip                The target says no: the token may not write.
00000005  finished      5d  archive  Straße – 測試文件.zip     Upload successful.
00000006  finished      7w  archive  thesis.zip                Upload successful but with fixity errors.

in the inbox, not taken yet (2):
  archive/cut.zip: the end of the zip is missing
  archive/photos.zip.part: by its name it is still being copied; once it is whole, rename it to end in .zip
6 tickets: 1 at work, 2 waiting, 2 finished (6.0 MB, 1 not as sent), 1 failed
"""  # noqa: E501


@pytest.mark.parametrize(("columns", "expected"), [(80, AT_80), (120, AT_120)], ids=["80", "120"])
def test_the_table_of_all_tickets_fits_the_terminal(
    program: Program, columns: int, expected: str
) -> None:
    lock = fill(program)
    with on_terminal(program, "status", columns=columns) as terminal:
        text = terminal.end()
        assert timeless(terminal.lines()) == expected.splitlines()
    assert "\x1b[32mfinished" in text
    assert "\x1b[31mfailed 403" in text
    assert "\x1b[33mfinished" in text  # with fixity errors
    lock.release()


def test_a_narrow_terminal_keeps_state_age_and_file(program: Program) -> None:
    lock = fill(program)
    with on_terminal(program, "status", columns=40) as terminal:
        terminal.end()
        lines = timeless(terminal.lines())
    start = next(i for i, line in enumerate(lines) if line.startswith("TICKET"))
    assert lines[start : start + 5] == [
        "TICKET    STATE        AGE  FILE",
        "00000001  waiting       2m  thesis.zip",
        "00000002  sending 50%  12m  glacier pho…",
        "00000003  waiting       3h  thesis.zip",
        "00000004  failed 403    1d  thesis.zip",
    ]
    untaken = lines.index("in the inbox, not taken yet (2):") + 1
    totals = next(i for i, line in enumerate(lines) if line.startswith("6 tickets"))
    assert totals - untaken > 2  # what is too long for a line goes on below it
    assert all(line.startswith("  ") for line in lines[untaken:totals])
    lock.release()


@pytest.mark.parametrize(
    "more", [{"NO_COLOR": "1"}, {"term": "dumb"}], ids=["NO_COLOR", "TERM=dumb"]
)
@pytest.mark.parametrize("arguments", [(), ("--targets",), ("00000003",)], ids=str)
def test_without_colours_the_same_is_shown_and_no_control_sequence(
    program: Program, more: dict[str, str], arguments: tuple[str, ...]
) -> None:
    lock = fill(program)
    with on_terminal(program, "status", *arguments, **more) as plain:
        text = plain.end()
        without = timeless(plain.lines())
    with on_terminal(program, "status", *arguments) as coloured:
        coloured.end()
        assert without == timeless(coloured.lines())
    # bold is no colour (no-color.org); a dumb terminal gets nothing of the kind
    allowed = {"\x1b[1m", "\x1b[0m"} if "NO_COLOR" in more else set()
    assert set(re.findall(r"\x1b\[?[0-9;?]*[a-zA-Z]?", text)) <= allowed
    lock.release()


def test_the_targets_are_told_with_since_and_why(program: Program) -> None:
    lock = fill(program)
    with on_terminal(program, "status", "--targets", columns=120) as terminal:
        terminal.end()
        lines = [" ".join(line.split()) for line in terminal.lines()]
    lock.release()
    assert lines[0] == "TARGET STATE SINCE IN USE OPEN HELD WHY"
    assert lines[1] == "archive up - 1 of 2 1 0"
    assert re.fullmatch(
        r"osf down (\d\d-\d\d )?\d\d:\d\d \(2h\) 0 of 2 2 1 osf\.io refuses the connection",
        lines[2],
    )


def test_one_ticket_that_waits_says_since_when_and_what_went_wrong_last(program: Program) -> None:
    lock = fill(program)
    with on_terminal(program, "status", number(3)) as terminal:
        terminal.end()
        lines = [" ".join(line.split()) for line in terminal.lines()]
    lock.release()
    assert lines[0] == "Waiting for the target: osf.io refuses the connection."
    assert "last error osf.io refuses the connection." in lines
    assert "elapsed 3 h 30 min" in lines


def test_without_a_daemon_that_is_said_first(program: Program) -> None:
    fill(program).release()
    (program.inbox / "archive" / "whole.zip").write_bytes(b"PK")
    with on_terminal(program, "status") as terminal:
        terminal.end()
        lines = terminal.lines()
    assert lines[0] == "no daemon is running: nothing is taken or sent until one is started"
    assert "  archive/whole.zip: no daemon is running" in lines
    # what a daemon told that runs no more is out of date
    assert not any("the end of the zip" in line or "osf is down" in line for line in lines)


def test_a_table_that_is_followed_shows_bars_and_what_has_room(program: Program) -> None:
    lock = fill(program)
    info = sending_info(ticket_number=number(9), received_at=datetime.now(UTC), target="archive")
    program.add(info, content=None)
    with on_terminal(program, "status", "--watch", lines=12) as terminal:
        terminal.shows("00000009  sending 50%")
        for seconds in range(1, 4):
            moment = info.updated_at + timedelta(seconds=seconds)
            sent = 1_000_000 + 500_000 * seconds
            program.add(
                replace(info, updated_at=moment, upload_bytes_finished=sent, job_percentage=60),
                content=None,
            )
            terminal.shows("sending 60%")
        terminal.shows("━ 500.0 kB/s")
        text = terminal.text()
        assert "... and " in text
        assert len(terminal.lines()) <= 12
        # what is at work stands first
        assert text.index("00000009") < text.index("00000003")
        terminal.interrupt()
        terminal.end()
    lock.release()


def test_interrupting_a_wait_says_that_the_ticket_goes_on_and_how_to_follow_it(
    program: Program,
) -> None:
    lock = fill(program)
    with on_terminal(program, "wait", number(2), columns=400) as terminal:
        terminal.shows("1 of 4 files")
        terminal.interrupt()
        terminal.end()
        text = " ".join(terminal.text().split())
    lock.release()
    assert terminal.process.returncode == 130
    assert f"ticket {number(2)} goes on." in text
    assert f"presqt-daemon --config {program.file} status 00000002 --watch" in text
    assert f"presqt-daemon --config {program.file} cancel 00000002" in text


def test_a_dumb_terminal_gets_lines_where_others_get_bars(program: Program) -> None:
    info = sending_info(ticket_number=number(2))
    program.add(info, content=None)
    with on_terminal(program, "wait", number(2), term="dumb") as terminal:
        terminal.shows("1 of 4 files")
        program.add(finished_info(ticket_number=number(2)), content=None)
        text = terminal.end()
    assert "\x1b" not in text
    assert "Upload successful." in text


def test_the_terminal_helper_sees_what_is_wrong(program: Program) -> None:
    with on_terminal(program, "status", "nothing.zip") as terminal:
        terminal.end()
    assert isinstance(terminal, Terminal)
    assert terminal.process.returncode == 4
    assert "there is no ticket for nothing.zip" in terminal.text()


def test_long_sentences_about_a_ticket_go_on_at_a_blank_below_themselves(program: Program) -> None:
    told = "The draft lacks the creators, without which it cannot be published: fill it in there."
    title = "A heron and its two young, seen at the mouth of the river from the second bridge"
    info = replace(
        finished_info(ticket_number=number(7), title=title),
        warnings=(Finding(code="metadata-missing", message=told),),
        warnings_total=1,
    )
    program.add(info, content=None)
    with on_terminal(program, "status", number(7)) as terminal:
        terminal.end()
        lines = terminal.lines()
    at = lines.index(
        "  The draft lacks the creators, without which it cannot be published: fill it in"
    )
    assert lines[at + 1] == "  there. [metadata-missing]"
    at = next(n for n, line in enumerate(lines) if line.startswith("goes to"))
    assert " ".join(f"{lines[at]} {lines[at + 1]}".split()) == f"goes to archive, titled '{title}'"
    assert lines[at + 1].startswith(" " * len("goes to      "))
