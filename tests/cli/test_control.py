import os
import stat
import uuid
from datetime import UTC, datetime

import pytest

from presqt_daemon.model import Route, UploadResult
from presqt_daemon.schemas.json_values import text_from_time
from presqt_daemon.tickets.claim_record import ClaimRecord, Owner
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import TicketFolder
from tests.cli.program import Program
from tests.tickets.infos import failed_info, finished_info, new_info, sending_info


def _claimed(program: Program, info: ProcessInfo, *, has_zip: bool = True) -> TicketFolder:
    folder = program.add(info, content=b"zip" if has_zip else None)
    owner = Owner(host="depot", boot_id="x", pid=1, started=1)
    folder.write_claim(
        ClaimRecord(
            ticket=info.ticket_number,
            inbox_folder=str(program.inbox / "archive"),
            inbox_name=info.source_file,
            zip_name=info.source_file,
            sidecar_name=None,
            route=Route(target="archive"),
            dropped_by_uid=os.getuid(),
            dropped_by_name=None,
            received_at=text_from_time(datetime.now(UTC)),
            owner=owner,
        )
    )
    return folder


def _requests(program: Program) -> list[str]:
    folder = program.mediafiles / "control"
    return sorted(os.listdir(folder)) if folder.exists() else []


@pytest.mark.parametrize("info", [new_info(), sending_info(), sending_info(waiting_for="a token")])
def test_an_open_ticket_can_be_cancelled(program: Program, info: ProcessInfo) -> None:
    _claimed(program, info)
    ended = program.run("cancel", info.ticket_number[:6])
    assert ended.returncode == 0
    assert "no daemon is running" in ended.stderr
    assert _requests(program) == [f"{info.ticket_number}.cancel"]
    assert stat.S_IMODE((program.mediafiles / "control").stat().st_mode) == 0o700


def test_a_cancel_says_what_stays_at_which_link(program: Program) -> None:
    info = sending_info(link_to_resource="https://osf.io/abc12/")
    _claimed(program, info)
    ended = program.run("cancel", info.ticket_number)
    assert ended.stdout.splitlines()[:2] == [
        f"ticket {info.ticket_number} (thesis.zip): its end is asked for",
        "what was sent stays (1 of 4 files): https://osf.io/abc12/",
    ]
    unsent = new_info()
    _claimed(program, unsent)
    assert "nothing is at a target yet" in program.run("cancel", unsent.ticket_number).stdout


def test_asking_twice_is_as_good_as_once(program: Program) -> None:
    info = new_info()
    _claimed(program, info)
    lock = program.hold()
    for _ in range(2):
        ended = program.run("cancel", info.ticket_number)
        assert (ended.returncode, ended.stderr) == (0, "")
    lock.release()
    assert len(_requests(program)) == 1


@pytest.mark.parametrize("info", [finished_info(), failed_info()])
def test_an_ended_ticket_cannot_be_cancelled(program: Program, info: ProcessInfo) -> None:
    _claimed(program, info)
    ended = program.run("cancel", info.ticket_number)
    assert ended.returncode == 6
    assert "it has ended" in ended.stderr
    assert _requests(program) == []


@pytest.mark.parametrize(
    "info",
    [
        failed_info(),
        finished_info(UploadResult(link=None, algorithm="md5", failed_fixity=("/a",))),
    ],
    ids=["failed", "failed fixity"],
)
def test_what_did_not_end_well_can_be_retried(program: Program, info: ProcessInfo) -> None:
    _claimed(program, info)
    assert program.run("retry", info.ticket_number).returncode == 0
    assert _requests(program) == [f"{info.ticket_number}.retry"]


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
    _claimed(program, info, has_zip=has_zip)
    ended = program.run("retry", info.ticket_number)
    assert ended.returncode == 6
    assert why in ended.stderr
    assert _requests(program) == []


@pytest.mark.parametrize("word", ["cancel", "retry"])
def test_an_unknown_ticket_is_4(program: Program, word: str) -> None:
    for wanted in (str(uuid.uuid4()), "../../etc/passwd", "nothing"):
        assert program.run(word, wanted).returncode == 4
    assert _requests(program) == []


@pytest.mark.parametrize("word", ["cancel", "retry"])
def test_a_drop_without_a_ticket_is_6(program: Program, word: str) -> None:
    (program.inbox / "archive" / "x.zip").write_bytes(b"PK")
    ended = program.run(word, "x.zip")
    assert ended.returncode == 6
    assert "has not been taken yet" in ended.stderr
