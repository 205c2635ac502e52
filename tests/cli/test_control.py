import stat
import uuid

import pytest

from presqt_daemon.model import UploadResult
from presqt_daemon.tickets.process_info import ProcessInfo
from tests.cli.program import Program
from tests.tickets.infos import failed_info, finished_info, new_info, sending_info


@pytest.mark.parametrize("info", [new_info(), sending_info(), sending_info(waiting_for="a token")])
def test_an_open_ticket_can_be_cancelled(program: Program, info: ProcessInfo) -> None:
    program.claimed(info)
    ended = program.run("cancel", info.ticket_number[:6])
    assert ended.returncode == 0
    assert "no daemon is running" in ended.stderr
    assert program.requests() == [f"{info.ticket_number}.cancel"]
    assert stat.S_IMODE((program.mediafiles / "control").stat().st_mode) == 0o700


def test_a_retry_says_that_it_is_asked_for_and_how_to_follow_it(program: Program) -> None:
    info = failed_info()
    program.claimed(info)
    assert program.run("retry", info.ticket_number).stdout.splitlines() == [
        f"ticket {info.ticket_number} (thesis.zip): another run is asked for",
        f"follow it: presqt-daemon --config {program.file} wait {info.ticket_number[:8]}",
    ]


def test_a_cancel_says_what_stays_at_which_link(program: Program) -> None:
    info = sending_info(link_to_resource="https://osf.io/abc12/")
    program.claimed(info)
    ended = program.run("cancel", info.ticket_number)
    assert ended.stdout.splitlines()[:2] == [
        f"ticket {info.ticket_number} (thesis.zip): its end is asked for",
        "what was sent stays (1 of 4 files): https://osf.io/abc12/",
    ]
    unsent = new_info()
    program.claimed(unsent)
    assert "nothing is at a target yet" in program.run("cancel", unsent.ticket_number).stdout


def test_asking_twice_is_as_good_as_once(program: Program) -> None:
    info = new_info()
    program.claimed(info)
    lock = program.hold()
    for _ in range(2):
        ended = program.run("cancel", info.ticket_number)
        assert (ended.returncode, ended.stderr) == (0, "")
    lock.release()
    assert len(program.requests()) == 1


@pytest.mark.parametrize("info", [finished_info(), failed_info()])
def test_an_ended_ticket_cannot_be_cancelled(program: Program, info: ProcessInfo) -> None:
    program.claimed(info)
    ended = program.run("cancel", info.ticket_number)
    assert ended.returncode == 6
    assert "it has ended" in ended.stderr
    assert program.requests() == []


@pytest.mark.parametrize(
    "info",
    [
        failed_info(),
        finished_info(UploadResult(link=None, algorithm="md5", failed_fixity=("/a",))),
    ],
    ids=["failed", "failed fixity"],
)
def test_what_did_not_end_well_can_be_retried(program: Program, info: ProcessInfo) -> None:
    program.claimed(info)
    assert program.run("retry", info.ticket_number).returncode == 0
    assert program.requests() == [f"{info.ticket_number}.retry"]


@pytest.mark.parametrize(
    ("info", "has_zip", "why"),
    [
        (finished_info(), True, "ended well"),
        (new_info(), True, "not ended"),
        (failed_info(), False, "zip is gone"),
    ],
)
def test_what_cannot_be_retried_is_6(
    program: Program, info: ProcessInfo, has_zip: bool, why: str
) -> None:
    program.claimed(info, has_zip=has_zip)
    ended = program.run("retry", info.ticket_number)
    assert ended.returncode == 6
    assert why in ended.stderr
    assert program.requests() == []


@pytest.mark.parametrize("word", ["cancel", "retry"])
def test_an_unknown_ticket_is_4(program: Program, word: str) -> None:
    for wanted in (str(uuid.uuid4()), "../../etc/passwd", "nothing"):
        assert program.run(word, wanted).returncode == 4
    assert program.requests() == []


@pytest.mark.parametrize("word", ["cancel", "retry"])
def test_a_drop_without_a_ticket_is_6(program: Program, word: str) -> None:
    (program.inbox / "archive" / "x.zip").write_bytes(b"PK")
    ended = program.run(word, "x.zip")
    assert ended.returncode == 6
    assert "has not been taken yet" in ended.stderr
