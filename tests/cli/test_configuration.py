import json

import pytest

from tests.cli.program import Program


def test_show_names_the_origin_of_a_value_and_json_says_the_same(program: Program) -> None:
    program.file.write_text("inbox: inbox\nstaging:\n  workers: 2\n", encoding="utf-8")
    told = program.run("--set", "uploads.retries=7", "config", "show")
    assert (told.returncode, told.stderr) == (0, "")
    lines = told.stdout.splitlines()
    assert f"  workers: 2  # {program.file}, line 3" in lines
    assert "  retries: 7  # --set uploads.retries" in lines
    assert "  attempts: 3  # default" in lines
    tree = json.loads(program.run("config", "show", "--json").stdout)
    assert tree["staging.workers"] == {"value": "2", "origin": f"{program.file}, line 3"}


def test_check_is_0_for_a_good_file_and_78_with_every_problem_of_a_bad_one(
    program: Program,
) -> None:
    good = program.run("config", "check")
    assert (good.returncode, good.stdout) == (0, f"{program.file}: no problem found\n")
    program.file.write_text("inbx: a\nstaging: {workers: many}\n", encoding="utf-8")
    for what in ("check", "show"):
        bad = program.run("config", what)
        assert (bad.returncode, bad.stdout) == (78, "")
        assert "did you mean inbox?" in bad.stderr
        assert "staging.workers" in bad.stderr


def test_check_remarks_on_what_is_hardly_meant(program: Program) -> None:
    program.file.write_text("inbox: inbox\nstop_grace: 10m\n", encoding="utf-8")
    told = program.run("config", "check")
    assert told.returncode == 0
    assert "TimeoutStopSec=" in told.stderr


@pytest.mark.parametrize("what", ["check", "example", "schema"])
def test_json_goes_with_show_alone(program: Program, what: str) -> None:
    assert program.run("config", what, "--json").returncode == 64
