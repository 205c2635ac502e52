from pathlib import Path

from presqt_daemon.upload.calls.archive_disk import EXPECTED_FOLDER
from tests.cli.program import Program


def _rows(text: str) -> dict[str, tuple[str, str]]:
    """what -> (state, detail) of the plain table."""
    rows = {}
    for line in text.splitlines()[1:]:
        state, what, detail = (cell.strip() for cell in line.split("  ", 1)[0:1] + _rest(line))
        rows[what] = (state, detail)
    return rows


def _rest(line: str) -> list[str]:
    what, _, detail = line.split("  ", 1)[1].strip().partition("  ")
    return [what, detail]


def test_the_defaults_are_all_well(program: Program) -> None:
    ended = program.run("check")
    assert ended.returncode == 0, ended.stdout
    rows = _rows(ended.stdout)
    assert rows["inbox"][0] == "ok"
    assert rows["target archive"] == ("ok", f"{program.folder / 'archive'} will be made")
    assert rows["daemon"] == ("ok", "is not running now")


def test_a_running_daemon_is_seen(program: Program) -> None:
    lock = program.hold()
    assert _rows(program.run("check").stdout)["daemon"] == ("ok", "is running")
    lock.release()


def test_a_wrong_configuration_is_78_with_every_problem(program: Program) -> None:
    program.file.write_text("inbax: x\nstaging: {workers: none}\n", encoding="utf-8")
    ended = program.run("check")
    assert ended.returncode == 78
    assert "did you mean inbox?" in ended.stderr
    assert "staging.workers" in ended.stderr
    assert ended.stderr.count("\n") == 2


def test_a_profile_is_shown_by_its_identifier_and_a_bad_one_is_78(program: Program) -> None:
    program.file.write_text("staging: {profile: p.json}\n", encoding="utf-8")
    ended = program.run("check")
    assert ended.returncode == 78
    assert "staging.profile: " in ended.stderr
    profile = (
        '{"BagIt-Profile-Info": {"BagIt-Profile-Identifier": "https://example.org/p.json"}, '
        '"Accept-BagIt-Version": ["1.0"]}'
    )
    (program.folder / "p.json").write_text(profile, encoding="utf-8")
    row = _rows(program.run("check").stdout)["BagIt profile"]
    assert row == ("ok", "https://example.org/p.json")


def test_a_folder_that_is_a_file_is_wrong(program: Program) -> None:
    (program.folder / "archive").write_bytes(b"")
    ended = program.run("check")
    assert ended.returncode == 1
    assert _rows(ended.stdout)["target archive"][0] == "wrong"


def test_a_folder_without_rights_is_wrong(program: Program) -> None:
    program.inbox.chmod(0o555)
    program.folder.chmod(0o555)
    ended = program.run_without_power("check")
    program.folder.chmod(0o755)
    assert ended.returncode == 1, ended.stderr
    rows = _rows(ended.stdout)
    assert rows["inbox"] == ("wrong", f"{program.inbox} cannot be written by this user")
    assert rows["target archive"] == (
        "wrong",
        (
            f"{program.folder / 'archive'} is missing and cannot be made in {program.folder}"
            ", which cannot be written by this user"
        ),
    )


def test_too_little_space_is_wrong(program: Program) -> None:
    ended = program.run("check", "--set", "staging.min_free_bytes=1000000 TB")
    assert ended.returncode == 1
    assert _rows(ended.stdout)["disk"][0] == "wrong"


def test_an_unknown_group_is_wrong(program: Program) -> None:
    ended = program.run("check", "--set", "permissions.group=no-such-group")
    assert ended.returncode == 1
    assert "there is no group" in _rows(ended.stdout)["group"][1]


def test_missing_and_loose_tokens_are_said_and_never_shown(tmp_path: Path) -> None:
    token = tmp_path / "osf.token"
    token.write_text("s3cret-canary\n", encoding="utf-8")
    token.chmod(0o644)
    program = Program(
        tmp_path,
        "targets:\n"
        "  lab-a: {type: osf, token_file: missing.token}\n"
        "  lab-b: {type: zenodo, token_credential: zenodo}\n"
        "  lab-c: {type: gitlab, token_env: CHECK_TOKEN}\n"
        "  lab-d: {type: osf, token_file: osf.token, url: 'http://127.0.0.1:9'}\n",
    )
    ended = program.run("check", environment={"CHECK_TOKEN": ""})
    assert ended.returncode == 1
    rows = _rows(ended.stdout)
    assert rows["target lab-a"][0] == "wrong"
    assert rows["target lab-b"] == (
        "warning",
        "the credential zenodo is only seen by the service; a run by hand needs token_file",
    )
    assert rows["target lab-c"][0] == "wrong"
    assert rows["target lab-d"][0] == "wrong"
    assert rows["token of lab-d"][0] == "wrong"
    assert "s3cret-canary" not in ended.stdout + ended.stderr


def test_a_check_of_bags_that_is_not_there_is_wrong(program: Program) -> None:
    program.file.write_text("staging: {check_command: [/nowhere/scan, --all]}\n", encoding="utf-8")
    ended = program.run("check")
    assert ended.returncode == 1
    assert (
        "/nowhere/scan (staging.check_command) is not there: every drop will wait" in ended.stdout
    )
    program.file.write_text("staging: {check_command: ['true', --all]}\n", encoding="utf-8")
    assert "true looks at every valid bag" in program.run("check").stdout


def test_an_archive_that_may_not_be_looked_at_is_not_called_unmounted(program: Program) -> None:
    assert program.run("check", "--accept", "archive").returncode == 0
    known = program.mediafiles / EXPECTED_FOLDER / "archive"
    known.chmod(0)
    said = program.run_without_power("check").stdout
    row = _rows(said)["archive of archive"]
    assert row[0] == "wrong"
    assert f"{known}: Permission denied" in row[1]
    assert "mounted" not in row[1]
