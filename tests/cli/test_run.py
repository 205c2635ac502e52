import json
import os
import signal
from pathlib import Path

import pytest

from presqt_daemon.system.files import json_bytes
from presqt_daemon.tickets.locks import is_held
from presqt_daemon.tickets.process_info import tree_from_info
from tests.bags import bag_zip, drop
from tests.cli.program import Program, eventually
from tests.tickets.infos import finished_info


def test_a_drop_is_submitted_waited_for_shown_and_pruned(program: Program) -> None:
    source = program.folder / "thesis.zip"
    source.write_bytes(bag_zip())
    with program.start("run") as daemon:
        eventually(lambda: is_held(program.mediafiles), "the daemon's lock")
        arguments = ("--target", "archive", "--title", "My thesis", "--wait")
        submitted = program.run("submit", source, *arguments)
        assert submitted.returncode == 0, submitted.stderr
        assert (program.folder / "archive" / "My thesis").is_dir()
        ticket = submitted.stdout.splitlines()[0]
        shown = program.run("status", program.inbox / "archive" / "thesis.zip", "--json")
        assert shown.returncode == 0
        assert json.loads(shown.stdout)["ticket_number"] == ticket
        assert program.run("cancel", ticket).returncode == 6
        assert program.run("retry", ticket).returncode == 6
        pruned = program.run("prune", "--unverified", ticket)
        assert "thesis.zip" in pruned.stdout
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=60)
        assert daemon.returncode == 0


def test_a_second_instance_is_75_and_the_first_goes_on(program: Program) -> None:
    with program.start("run") as daemon:
        eventually(lambda: is_held(program.mediafiles), "the daemon's lock")
        for arguments in (("run",), ("run", "--once")):
            second = program.run(*arguments)
            assert second.returncode == 75
            assert f"pid {daemon.pid}" in second.stderr
            assert second.stderr.count("\n") == 1
        daemon.send_signal(signal.SIGINT)
        daemon.communicate(timeout=60)
        assert daemon.returncode == 0


@pytest.mark.parametrize(("content", "code"), [(bag_zip(), 0), (b"no zip", 1), (None, 0)])
def test_once_ends_with_the_worst_ticket(
    program: Program, content: bytes | None, code: int
) -> None:
    if content is not None:
        drop(content, program.inbox / "archive" / "thesis.zip")
        drop(bag_zip(), program.inbox / "archive" / "good.zip")
    assert program.run("run", "--once").returncode == code
    tickets = json.loads(program.run("status", "--json").stdout)
    assert len(tickets) == (0 if content is None else 2)


WAITING = "targets: {osf: {type: osf, token_file: not-there}}\nintake: {settle: 100ms}\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 3), (signal.SIGINT, 130)])
def test_once_that_is_told_to_stop_does_not_say_that_all_is_done(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    program = Program(tmp_path, WAITING)
    (program.inbox / "osf").mkdir()
    drop(bag_zip(), program.inbox / "osf" / "thesis.zip")
    with program.start("run", "--once") as running:
        eventually(lambda: _waits_for(program) == ["a token"], "the ticket to wait")
        running.send_signal(number)
        running.communicate(timeout=60)
    assert running.returncode == code
    assert _waits_for(program) == ["a token"]


def _waits_for(program: Program) -> list[str | None]:
    return [
        program.uploads.folder(ticket).read_info().waiting_for
        for ticket in program.uploads.tickets()
    ]


def test_once_names_each_drop_that_it_could_not_wait_for(program: Program) -> None:
    drop(bag_zip(), program.inbox / "archive" / "good.zip")
    with (program.inbox / "archive" / "held.zip").open("wb") as writer:
        writer.write(bag_zip())
        writer.flush()
        ended = program.run("run", "--once", "--max-wait", "2s")
    assert ended.returncode == 3
    assert ended.stderr.count("left in the inbox: ") == 1
    assert "archive/held.zip: somebody is writing to it" in ended.stderr
    assert len(list(program.uploads.tickets())) == 1


@pytest.mark.parametrize("what", ["drop.zip", "r1/drop.zip"])
def test_once_is_not_done_with_a_drop_that_it_cannot_read(program: Program, what: str) -> None:
    path = program.inbox / "archive" / what
    path.parent.mkdir(exist_ok=True)
    closed = path if path.parent.name == "archive" else path.parent
    drop(bag_zip(), path)
    closed.chmod(0)
    ended = program.run_without_power("run", "--once")
    closed.chmod(0o700)
    assert ended.returncode == 3, ended.stderr
    assert ended.stderr.count("left in the inbox: ") == 1
    assert f"{closed.name}: " in ended.stderr
    assert path.exists()


def test_a_bad_configuration_is_78_with_every_problem(program: Program) -> None:
    program.file.write_text("inbax: x\nstop_grace: soon\n", encoding="utf-8")
    ended = program.run("run")
    assert ended.returncode == 78
    assert ended.stderr.count("\n") == 2


def test_files_of_a_newer_version_are_78_and_not_touched(program: Program) -> None:
    folder = program.add(finished_info())
    newer = json_bytes({**tree_from_info(folder.read_info()), "schema_version": 99})
    folder.info.write_bytes(newer)
    ended = program.run("run", "--once")
    assert ended.returncode == 78
    assert "newer version" in ended.stderr
    assert folder.info.read_bytes() == newer


def test_the_configuration_that_ships_runs_as_it_is(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "config.example.yaml"
    program = Program(tmp_path, example.read_text(encoding="utf-8"))
    drop(bag_zip(), program.inbox / "archive" / "thesis.zip")
    assert program.run("run", "--once").returncode == 0
    assert [name for name in os.listdir(tmp_path / "archive") if name[0] != "."] == ["Project"]
