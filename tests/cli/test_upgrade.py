import json
import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from presqt_daemon.system.files import json_bytes
from presqt_daemon.tickets.locks import FolderLock
from presqt_daemon.upgrade.state import JobState, StateFile, ended, started
from tests.cli.program import Program, eventually
from tests.cli.terminal import Terminal
from tests.upgrade.past import TOKEN, presqt

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def state_file(program: Program) -> StateFile:
    folder = program.mediafiles / "prepare_upgrade"
    folder.mkdir(exist_ok=True)
    (program.mediafiles / "control").mkdir(exist_ok=True)
    return StateFile(folder)


def running(progress: int) -> JobState:
    state = started(JobState(requested_at=NOW, updated_at=NOW), NOW, 40)
    return JobState(
        requested_at=NOW, updated_at=NOW, started_at=NOW, run=state.run, total=40, progress=progress
    )


def test_json_begins_with_what_pict_rs_answers(program: Program) -> None:
    presqt(program.uploads.root)
    result = program.run("prepare-upgrade", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    tree = json.loads(result.stdout)
    assert list(tree)[:3] == ["complete", "progress", "total"]
    assert (tree["complete"], tree["progress"], tree["total"]) == (True, 1, 1)


def test_a_terminal_gets_a_bar_of_the_job_done_here(program: Program) -> None:
    for _ in range(3):
        presqt(program.uploads.root)
    terminal = Terminal(program, "prepare-upgrade")
    text = terminal.end()
    assert terminal.process.returncode == 0
    assert "3 of 3 tickets" in text
    assert "━" in text
    assert "Every past ticket has its record." in text
    assert TOKEN not in text


def test_a_terminal_gets_a_bar_that_follows_the_daemons_job(program: Program) -> None:
    file = state_file(program)
    file.create(running(10))
    lock = program.hold()
    terminal = Terminal(program, "prepare-upgrade", "--wait")
    eventually(lambda: b"10 of 40 tickets" in terminal.content, "the first figures")
    file.write(ended(running(40), NOW), durable=False)
    text = terminal.end()
    lock.release()
    assert terminal.process.returncode == 0
    assert "40 of 40 tickets" in text


def test_a_pipe_gets_plain_lines(program: Program) -> None:
    presqt(program.uploads.root)
    result = program.run("prepare-upgrade")
    assert result.returncode == 0
    assert "1 of 1 tickets: Every past ticket has its record." in result.stdout
    assert "\x1b" not in result.stdout


def test_what_could_not_be_done_is_told_and_is_an_exit_code(program: Program) -> None:
    folder = presqt(program.uploads.root)
    folder.info.write_text("{")
    result = program.run("prepare-upgrade")
    assert result.returncode == 1
    assert re.search(rf"{folder.ticket}: not JSON", result.stdout)
    assert program.run("prepare-upgrade").returncode == 1


def test_beside_a_daemon_it_only_asks(program: Program) -> None:
    presqt(program.uploads.root)
    file = state_file(program)
    lock = program.hold()
    result = program.run("prepare-upgrade", "--json")
    assert result.returncode == 3, result
    assert json.loads(result.stdout)["total"] == 1
    assert (program.mediafiles / "control" / "prepare_upgrade").read_bytes() == b""
    again = program.run("prepare-upgrade", "--json")
    lock.release()
    assert json.loads(again.stdout) == json.loads(result.stdout)
    found = file.read()
    assert found is not None
    assert found.started_at is None


def test_force_is_refused_while_one_runs(program: Program) -> None:
    state_file(program).create(running(10))
    lock = program.hold()
    result = program.run("prepare-upgrade", "--force")
    lock.release()
    assert result.returncode == 6
    assert "10 of 40" in result.stderr


def test_a_damaged_state_is_said_and_force_begins_anew(program: Program) -> None:
    presqt(program.uploads.root)
    state_file(program).path.write_bytes(b"{")
    result = program.run("prepare-upgrade")
    assert result.returncode == 1
    assert "damaged" in result.stderr
    assert program.run("prepare-upgrade", "--force").returncode == 0


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_state_of_a_newer_version_is_not_touched(program: Program, force: tuple[str]) -> None:
    path = state_file(program).path
    path.write_bytes(json_bytes({"schema_version": 2}))
    assert program.run("prepare-upgrade", *force).returncode == 78
    assert path.read_bytes() == json_bytes({"schema_version": 2})


def test_folders_are_made_where_there_are_none(tmp_path: Path) -> None:
    program = Program(tmp_path)
    program.uploads.root.rmdir()
    assert program.run("prepare-upgrade", "--json").returncode == 0
    FolderLock(program.mediafiles).release()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes what is another's")
@pytest.mark.parametrize("is_there", [True, False])
def test_what_root_makes_before_the_first_start_belongs_to_the_service(
    tmp_path: Path, is_there: bool
) -> None:
    service = 65_534
    program = Program(tmp_path)
    presqt(program.uploads.root)
    if not is_there:
        shutil.rmtree(program.mediafiles)
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, service, service)
    assert program.run("prepare-upgrade", "--force").returncode == 0
    made = sorted(program.mediafiles.rglob("*"))
    assert {path.name for path in made} >= {".presqt-daemon.lock", "control", "prepare_upgrade"}
    owners = {str(p): (p.lstat().st_uid, p.lstat().st_gid) for p in (program.mediafiles, *made)}
    assert set(owners.values()) == {(service, service)}, owners
