import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest

import presqt_daemon.schemas
from presqt_daemon.model import RECEIVED_MESSAGE, UploadResult
from presqt_daemon.system.files import json_bytes
from presqt_daemon.tickets.process_info import ProcessInfo
from tests.cli.program import Program, eventually
from tests.tickets.infos import BEGAN, failed_info, finished_info, new_info, sending_info

SCHEMA = json.loads(
    (Path(presqt_daemon.schemas.__file__).parent / "process_info.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(
    ("info", "code"),
    [
        (finished_info(), 0),
        (finished_info(UploadResult(link=None, algorithm="md5", failed_fixity=("/a",))), 2),
        (finished_info(UploadResult(link=None, algorithm=None, unverified_fixity=("/a",))), 2),
        (
            finished_info(
                UploadResult(link=None, algorithm="md5", ignored=("/a",), ignored_different=("/a",))
            ),
            2,
        ),
        (failed_info(), 1),
        (new_info(), 3),
    ],
    ids=["matched", "failed fixity", "unverified", "ignored different", "failed", "in progress"],
)
def test_the_exit_code_says_how_the_ticket_stands(
    program: Program, info: ProcessInfo, code: int
) -> None:
    program.add(info)
    assert program.run("status", info.ticket_number).returncode == code


def test_an_unknown_ticket_is_4_and_one_line(program: Program) -> None:
    for unknown in ("00000000-0000-4000-8000-000000000000", "abcd", "nothing.zip", "x/y.zip"):
        ended = program.run("status", unknown)
        assert ended.returncode == 4
        assert ended.stdout == ""
        assert ended.stderr.count("\n") == 1
        assert unknown in ended.stderr


def test_a_ticket_is_found_by_four_characters(program: Program) -> None:
    info = finished_info()
    program.add(info)
    ended = program.run("status", info.ticket_number[:4])
    assert ended.returncode == 0
    assert info.ticket_number in ended.stdout


def test_three_characters_are_too_few(program: Program) -> None:
    info = finished_info()
    program.add(info)
    assert program.run("status", info.ticket_number[:3]).returncode == 4


def test_a_beginning_of_two_tickets_names_both(program: Program) -> None:
    first = "aaaa1111-0000-4000-8000-000000000001"
    second = "aaaa2222-0000-4000-8000-000000000002"
    program.add(finished_info(ticket_number=first))
    program.add(finished_info(ticket_number=second))
    ended = program.run("status", "aaaa")
    assert ended.returncode == 4
    assert first in ended.stderr
    assert second in ended.stderr


def test_a_ticket_is_found_by_its_note_by_the_drop_and_by_the_zips_name(program: Program) -> None:
    info = finished_info(source_file="my thesis.zip")
    program.add(info)
    note = program.inbox / "archive" / f"my thesis.zip.{info.ticket_number[:8]}.ticket.json"
    note.write_bytes(json_bytes({"ticket_number": info.ticket_number, "message": "x"}))
    for wanted in (note, note.with_name("my thesis.zip"), "my thesis.zip", note.name):
        ended = program.run("status", wanted)
        assert ended.returncode == 0, ended.stderr
        assert info.ticket_number in ended.stdout


def test_of_two_drops_with_one_name_the_newest_is_meant(program: Program) -> None:
    older = failed_info()
    newer = finished_info(received_at=BEGAN + timedelta(hours=1))
    program.add(older)
    program.add(newer)
    assert program.run("status", "thesis.zip").returncode == 0


def test_a_drop_that_still_lies_in_the_inbox_is_in_progress(program: Program) -> None:
    program.add(finished_info(source_file="again.zip"))
    drop = program.inbox / "archive" / "again.zip"
    drop.write_bytes(b"PK")
    for wanted in (drop, "again.zip"):
        ended = program.run("status", wanted)
        assert ended.returncode == 3
        assert "has not been taken yet" in ended.stderr
        assert "no daemon is running" in ended.stderr


def test_the_message_comes_first_then_what_is_wrong_capped(program: Program) -> None:
    paths = tuple(f"/Project/{number}.dat" for number in range(25))
    result = UploadResult(link="https://example.org/x", algorithm="md5", failed_fixity=paths)
    info = finished_info(result)
    program.add(info)
    lines = program.run("status", info.ticket_number).stdout.splitlines()
    assert lines[0] == "Upload successful."
    assert lines[2] == "files whose digest at the target differs (25):"
    assert lines[3] == "  /Project/0.dat"
    assert lines[13] == "  ... and 15 more"
    assert any(line.split() == ["link", "https://example.org/x"] for line in lines)
    assert any(line.endswith("process_info.json") for line in lines)


def test_json_is_the_status_file(program: Program) -> None:
    info = sending_info()
    folder = program.add(info)
    ended = program.run("status", info.ticket_number, "--json")
    assert ended.returncode == 3
    assert json.loads(ended.stdout) == json.loads(folder.info.read_bytes())


def test_the_table_shows_all_newest_first(program: Program) -> None:
    old, young = finished_info(), sending_info(received_at=BEGAN + timedelta(days=1))
    program.add(old)
    program.add(young)
    ended = program.run("status")
    assert ended.returncode == 0
    daemon, header, first, second, blank, totals = ended.stdout.splitlines()
    assert daemon.startswith("no daemon is running")
    assert (blank, totals) == ("", "2 tickets: 1 at work, 1 finished (3.0 MB)")
    assert header.split()[:3] == ["TICKET", "STATUS", "CODE"]
    assert first.startswith(f"{young.ticket_number}  in_progress")
    assert second.startswith(f"{old.ticket_number}  finished")


def test_a_list_of_statuses_as_json_meets_the_schema(program: Program) -> None:
    for info in (finished_info(), failed_info(), new_info()):
        program.add(info)
    tickets = json.loads(program.run("status", "--json").stdout)
    assert len(tickets) == 3
    for tree in tickets:
        jsonschema.validate(tree, SCHEMA)


def test_a_table_without_a_single_ticket_is_fine(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("inbox: inbox\n", encoding="utf-8")
    command = [sys.executable, "-m", "presqt_daemon", "--config", str(tmp_path / "config.yaml")]
    ended = subprocess.run([*command, "status", "--json"], capture_output=True, check=False)
    assert (ended.returncode, json.loads(ended.stdout)) == (0, [])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"schema_version": 1}'])
def test_a_damaged_status_is_said_and_no_crash(program: Program, content: bytes) -> None:
    good, bad = finished_info(), finished_info()
    program.add(good)
    program.add(bad).info.write_bytes(content)
    table = program.run("status")
    assert table.returncode == 0
    assert f"{bad.ticket_number}  unreadable" in table.stdout
    assert good.ticket_number in table.stdout
    one = program.run("status", bad.ticket_number)
    assert one.returncode == 1
    assert "cannot be read" in one.stderr
    listed = program.run("status", "--json")
    assert [tree["ticket_number"] for tree in json.loads(listed.stdout)] == [good.ticket_number]
    assert bad.ticket_number in listed.stderr


def test_a_status_of_a_newer_version_is_said(program: Program) -> None:
    info = finished_info()
    folder = program.add(info)
    tree = json.loads(folder.info.read_bytes())
    folder.info.write_bytes(json_bytes({**tree, "schema_version": 99}))
    ended = program.run("status", info.ticket_number)
    assert ended.returncode == 1
    assert "schema version 99" in ended.stderr


def test_names_cannot_move_the_cursor(program: Program) -> None:
    evil = "a\x1b[2J\n\u202egnp\u009b.zip"
    result = UploadResult(link=None, algorithm="md5", failed_fixity=(f"/{evil}",))
    info = finished_info(result, source_file=evil, title=evil)
    program.add(info, content=None)
    for arguments in ((), (info.ticket_number,)):
        shown = program.run("status", *arguments).stdout
        assert not {"\x1b", "\u202e", "\u009b", "\r"} & set(shown)
        assert "\\x1b[2J\\x0a\\u202egnp\\x9b.zip" in shown


def test_a_terminal_that_knows_ascii_only_is_no_reason_to_crash(program: Program) -> None:
    info = finished_info(title="Straße")
    program.add(info)
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    ended = program.run("status", info.ticket_number, environment=environment)
    assert ended.returncode == 0, ended.stderr
    assert "Stra\\xdfe" in ended.stdout


def test_watch_follows_a_ticket_to_its_end(program: Program) -> None:
    info = sending_info()
    program.add(info)
    with program.start("status", info.ticket_number, "--watch") as watching:
        assert watching.stdout is not None
        assert RECEIVED_MESSAGE in watching.stdout.readline()
        program.add(replace(info, upload_files_finished=3, job_percentage=80))
        assert "3 of 4 files" in watching.stdout.readline()
        program.add(finished_info(ticket_number=info.ticket_number))
        rest = watching.stdout.read()
        assert watching.wait(60) == 0
    assert "Upload successful." in rest


def test_watching_the_table_tells_what_changes(program: Program) -> None:
    info = sending_info()
    program.add(info)
    with program.start("status", "--watch") as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().startswith("TICKET")
        assert "in_progress" in watching.stdout.readline()
        program.add(finished_info(ticket_number=info.ticket_number))
        assert "finished" in watching.stdout.readline()
        watching.terminate()
        eventually(lambda: watching.poll() is not None, "the end of the watcher")


def test_status_loads_none_of_the_heavy_libraries(program: Program) -> None:
    info = finished_info()
    program.add(info)
    script = (
        "import sys\n"
        "from presqt_daemon.__main__ import main\n"
        f"main(['--config', {str(program.file)!r}, 'status', {info.ticket_number!r}])\n"
        "heavy = {'requests', 'watchdog', 'bagit', 'rich', 'psutil', 'logging'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert ended.stderr == "[]\n"
