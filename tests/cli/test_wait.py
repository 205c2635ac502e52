from dataclasses import replace

from presqt_daemon.system.files import json_bytes
from tests.cli.program import Program
from tests.tickets.infos import failed_info, finished_info, sending_info


def test_wait_returns_at_once_for_an_ended_ticket(program: Program) -> None:
    good, bad = finished_info(), failed_info()
    program.add(good)
    program.add(bad)
    assert program.run("wait", good.ticket_number).returncode == 0
    assert program.run("wait", bad.ticket_number).returncode == 1


def test_wait_returns_when_the_ticket_ends(program: Program) -> None:
    info = sending_info()
    program.add(info)
    with program.start("wait", info.ticket_number) as waiting:
        assert waiting.stdout is not None
        waiting.stdout.readline()
        program.add(replace(finished_info(ticket_number=info.ticket_number), failed_fixity=("/a",)))
        waiting.stdout.read()
        assert waiting.wait(60) == 2


def test_wait_says_at_once_that_a_ticket_is_held_and_why(program: Program) -> None:
    info = replace(
        sending_info(), waiting_for="the target", message="Waiting for the target: it is down."
    )
    program.add(info)
    with program.start("wait", info.ticket_number) as waiting:
        assert waiting.stdout is not None
        assert "it is down" in waiting.stdout.readline()
        program.add(finished_info(ticket_number=info.ticket_number))
        waiting.stdout.read()
        assert waiting.wait(60) == 0


def test_wait_gives_up_after_its_time_with_3(program: Program) -> None:
    info = sending_info()
    program.add(info)
    for time in ("300ms", "0.3", "0"):
        assert program.run("wait", info.ticket_number, "--timeout", time).returncode == 3


def test_wait_for_an_unknown_ticket_is_4(program: Program) -> None:
    assert program.run("wait", "abcdef").returncode == 4


def test_wait_says_when_no_daemon_would_ever_end_it(program: Program) -> None:
    info = sending_info()
    program.add(info)
    assert "no daemon is running" in program.run("wait", "thesis.zip", "--timeout", "0").stderr
    lock = program.hold()
    assert program.run("wait", "thesis.zip", "--timeout", "0").stderr == ""
    lock.release()


def test_a_drop_in_the_inbox_is_waited_for_until_it_is_taken(program: Program) -> None:
    drop = program.inbox / "archive" / "thesis.zip"
    drop.write_bytes(b"PK")
    with program.start("wait", drop) as waiting:
        assert waiting.stderr is not None
        assert "has not been taken yet" in waiting.stderr.readline()
        info = finished_info()
        program.add(info)
        note = drop.with_name(f"{drop.name}.{info.ticket_number[:8]}.ticket.json")
        note.write_bytes(json_bytes({"ticket_number": info.ticket_number}))
        drop.unlink()
        waiting.communicate(timeout=60)
        assert waiting.returncode == 0


def test_a_drop_that_is_never_taken_ends_the_wait_with_3(program: Program) -> None:
    drop = program.inbox / "archive" / "thesis.zip"
    drop.write_bytes(b"PK")
    assert program.run("wait", drop, "--timeout", "100ms").returncode == 3


def test_a_bad_time_is_wrong_usage(program: Program) -> None:
    ended = program.run("wait", "abcd", "--timeout", "soon")
    assert ended.returncode == 64
    assert "a time such as" in ended.stderr
    assert ended.stderr.count("\n") == 1
