import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from presqt_daemon.model import UploadResult
from presqt_daemon.tickets.locks import lease_ended
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import TicketFolder
from tests.cli.program import Program
from tests.tickets.infos import failed_info, finished_info, new_info
from tests.tickets.records import claim_record

FIXITY = UploadResult(link=None, algorithm="md5", failed_fixity=("/a",))


def _aged(info: ProcessInfo, **age: float) -> ProcessInfo:
    return replace(info, finished_at=datetime.now(UTC) - timedelta(**age))


def _add(program: Program, info: ProcessInfo, *, content: bytes | None = b"zip") -> TicketFolder:
    folder = program.add(info, content=content)
    folder.receipt.write_bytes(b"{}")
    return folder


def test_what_is_due_goes_and_all_else_stays(program: Program) -> None:
    due = _add(program, _aged(finished_info(), days=6))
    refused = _add(program, _aged(failed_info(), days=31))
    young = _add(program, _aged(finished_info(), days=4))
    differs = _add(program, _aged(finished_info(FIXITY), days=999))
    is_open = _add(program, new_info())
    (due.path / "bag").mkdir()
    (due.path / "bag" / "bagit.txt").write_bytes(b"x")
    ended = program.run("prune")
    assert ended.returncode == 0
    assert sorted(os.listdir(due.path)) == ["process_info.json", "receipt.json"]
    assert sorted(os.listdir(refused.path)) == ["process_info.json", "receipt.json"]
    for folder in (young, differs, is_open):
        assert (folder.path / "thesis.zip").exists()
    removed = [line for line in ended.stdout.splitlines() if line.startswith("removed ")]
    assert len(removed) == 3
    assert str(due.path / "thesis.zip") in ended.stdout


def test_a_dry_run_lists_the_same_and_removes_nothing(program: Program) -> None:
    due = _add(program, _aged(finished_info(), days=6))
    told = program.run("prune", "--dry-run")
    assert told.stdout.splitlines() == [
        f"would remove {due.path / 'thesis.zip'} (3 B)",
        "1 file would be removed, 3 B",
    ]
    assert (due.path / "thesis.zip").exists()
    assert program.run("prune").stdout.splitlines() == [
        f"removed {due.path / 'thesis.zip'} (3 B)",
        "1 file removed, 3 B",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing had to go"),
        (("--dry-run",), "nothing would go"),
        (("--rejected-from", "archive"), "nothing had to go"),
    ],
)
def test_it_says_so_when_nothing_has_to_go(
    program: Program, arguments: tuple[str, ...], said: str
) -> None:
    _add(program, _aged(finished_info(), days=4))
    ended = program.run("prune", *arguments)
    assert (ended.returncode, ended.stdout) == (0, f"{said}\n")


def test_an_unverified_zip_goes_only_when_it_is_named(program: Program) -> None:
    info = _aged(finished_info(FIXITY), days=1)
    folder = _add(program, info)
    told = program.run("prune", "--unverified", info.ticket_number, "--dry-run")
    assert "would remove" in told.stdout
    assert (folder.path / "thesis.zip").exists()
    assert program.run("prune", "--unverified", info.ticket_number).returncode == 0
    assert sorted(os.listdir(folder.path)) == ["process_info.json", "receipt.json"]


def test_rejected_drops_of_one_folder_can_be_removed_before_their_time(program: Program) -> None:
    def came_through(info: ProcessInfo, place: str) -> TicketFolder:
        folder = _add(program, info)
        record = claim_record(folder.ticket)
        inbox = os.path.realpath(program.inbox)
        folder.write_claim(replace(record, inbox_folder=f"{inbox}/{place}"))
        return folder

    young = came_through(_aged(failed_info(), days=1), "lab")
    below = came_through(_aged(failed_info(), days=1), "lab/resource")
    other = came_through(_aged(failed_info(), days=1), "labor")
    good = came_through(_aged(finished_info(), days=1), "lab")
    told = program.run("prune", "--rejected-from", "lab", "--dry-run")
    assert told.stdout.count("would remove") == 2
    assert program.run("prune", "--rejected-from", "lab").returncode == 0
    assert [(f.path / "thesis.zip").exists() for f in (young, below, other, good)] == [
        False, False, True, True,
    ]  # fmt: skip
    assert young.info.exists()
    assert young.receipt.exists()


@pytest.mark.parametrize(("wanted", "code"), [("open", 6), ("unknown", 4)])
def test_an_open_or_unknown_ticket_is_not_given_up(
    program: Program, wanted: str, code: int
) -> None:
    info = new_info()
    folder = _add(program, info)
    ticket = info.ticket_number if wanted == "open" else "0" * 8
    assert program.run("prune", "--unverified", ticket).returncode == code
    assert (folder.path / "thesis.zip").exists()


def test_records_go_after_their_time_but_never_from_beside_a_zip(program: Program) -> None:
    program.file.write_text("retention: {records: 100d}\n", encoding="utf-8")
    done = _add(program, _aged(finished_info(), days=101), content=None)
    with_zip = _add(program, _aged(finished_info(FIXITY), days=101))
    assert program.run("prune").returncode == 0
    assert not done.path.exists()
    assert (with_zip.path / "thesis.zip").exists()
    assert with_zip.info.exists()


def test_a_ticket_with_a_damaged_status_is_left_alone(program: Program) -> None:
    folder = _add(program, _aged(finished_info(), days=6))
    folder.info.write_bytes(b"{")
    ended = program.run("prune")
    assert ended.returncode == 0
    assert "left alone" in ended.stderr
    assert (folder.path / "thesis.zip").exists()


def test_a_busy_ticket_is_told_and_loses_nothing(program: Program) -> None:
    folder = _add(program, _aged(finished_info(), days=6))
    with lease_ended(folder.path):
        ended = program.run("prune")
    assert ended.returncode == 0
    assert f"ticket {folder.ticket} is busy" in ended.stderr
    assert (folder.path / "thesis.zip").exists()


def test_an_unverified_zip_without_a_record_is_not_given_up(program: Program) -> None:
    folder = program.add(_aged(finished_info(FIXITY), days=1))
    ended = program.run("prune", "--unverified", folder.ticket)
    assert ended.returncode == 6
    assert "prepare-upgrade" in ended.stderr
    assert (folder.path / "thesis.zip").exists()


def test_a_folder_that_the_inbox_does_not_have_is_said(program: Program) -> None:
    ended = program.run("prune", "--rejected-from", "nobody")
    assert ended.stdout == "nothing had to go\n"
    assert ended.stderr == "presqt-daemon: the inbox has no folder nobody\n"
