"""What `check` once called ok although no drop could work, and what it says of it now."""

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from presqt_daemon.cli.check import limits, rights, targets
from presqt_daemon.cli.check.command import properties_from_unit
from presqt_daemon.cli.check.rows import State
from presqt_daemon.config import Config, TargetConfig
from tests.cli.program import Program, eventually

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts")


def _found(program: Program) -> tuple[int, dict[str, tuple[str, str]]]:
    ended = program.run("check", "--json")
    tree = json.loads(ended.stdout)
    assert tree["ok"] is (ended.returncode == 0)
    return ended.returncode, {row["what"]: (row["state"], row["detail"]) for row in tree["rows"]}


@pytest.fixture
def dead_mount(tmp_path: Path) -> Iterator[Path]:
    """A FUSE mount whose server was killed: every call there fails with ENOTCONN."""
    if shutil.which("bindfs") is None or not os.access("/dev/fuse", os.W_OK):
        pytest.skip("bindfs or /dev/fuse is missing")
    real, place = tmp_path / "real", tmp_path / "dead"
    real.mkdir()
    place.mkdir()
    server = subprocess.Popen(["bindfs", "-f", str(real), str(place)])
    eventually(lambda: os.path.ismount(place), "the mount")
    server.kill()
    server.wait()
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@as_root
@pytest.mark.parametrize("what", ["archive", "mediafiles", "inbox"])
def test_a_mount_whose_server_died_is_wrong_in_words(
    what: str, program: Program, dead_mount: Path
) -> None:
    if what == "archive":
        program.file.write_text(f"targets: {{a: {{type: folder, path: {dead_mount}}}}}\n")
    else:
        program.file.write_text(f"{what}: {dead_mount}\n")
    code, rows = _found(program)
    row = rows["target a" if what == "archive" else what]
    assert code == 1
    assert row == (
        "wrong",
        f"{dead_mount} is on a mount whose server is gone; unmount it and mount it again",
    )


@as_root
def test_a_read_only_mount_is_wrong_even_for_root(program: Program) -> None:
    place = program.folder / "archive"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "none", str(place)], check=True)
    try:
        code, rows = _found(program)
    finally:
        subprocess.run(["umount", str(place)], check=True)
    assert code == 1
    assert rows["target archive"] == (
        "wrong",
        f"{place} is on a file system that is mounted read-only",
    )


@as_root
def test_a_disk_without_a_free_inode_is_wrong(program: Program) -> None:
    place = program.folder / "archive"
    place.mkdir()
    options = "nr_inodes=2,size=1m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(place)], check=True)
    try:
        (place / "last").touch()
        code, rows = _found(program)
    finally:
        subprocess.run(["umount", str(place)], check=True)
    assert code == 1
    assert "out of inodes" in rows["target archive"][1]


def test_what_is_hardly_meant_is_a_warning_and_no_failure(program: Program) -> None:
    program.file.write_text("stop_grace: 10m\n", encoding="utf-8")
    ended = program.run("check")
    assert ended.returncode == 0, ended.stdout
    [line] = [line for line in ended.stdout.splitlines() if "stop_grace" in line]
    assert line.startswith("warning")
    assert "TimeoutStopSec=" in line


def test_a_plug_in_that_breaks_ends_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(config: TargetConfig, token: str | None) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(targets, "connect", broken)
    entries = {name: TargetConfig(name=name, type="vault") for name in ("a", "b")}
    found = list(targets.check_targets(Config(targets=entries), {}))
    assert [row.what for row in found] == ["target a", "target b"]
    assert all(row.state is State.WRONG for row in found)


def _with_pids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, used: int) -> None:
    (tmp_path / "pids.max").write_text(limit)
    (tmp_path / "pids.current").write_text(str(used))
    monkeypatch.setattr(limits, "_cgroups", lambda: iter([tmp_path]))


@pytest.mark.parametrize(
    ("limit", "used", "state"),
    [("max", 5, State.OK), ("5000", 5, State.OK), ("70", 5, State.WARNING), ("20", 5, State.WRONG)],
)
def test_the_threads_allowed_are_compared_with_what_the_configuration_needs(
    limit: str, used: int, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_pids(tmp_path, monkeypatch, limit, used)
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda which: unlimited)
    many = {name: TargetConfig(name=name, type="osf") for name in "abcdefgh"}
    rows = {row.what: row for row in limits.check_limits(Config(targets=many, inbox=tmp_path))}
    assert rows["threads"].state is state


def test_more_targets_need_more_threads() -> None:
    few = {"a": TargetConfig(name="a")}
    many = {name: TargetConfig(name=name) for name in "abcdefgh"}
    assert limits.tasks_needed(Config(targets=many)) > limits.tasks_needed(Config(targets=few))


@pytest.mark.parametrize(
    ("mode", "is_wrong"), [(0o400, False), (0o600, False), (0o440, True), (0o604, True)]
)
def test_a_token_that_others_can_read_is_wrong(mode: int, is_wrong: bool, tmp_path: Path) -> None:
    token = tmp_path / "osf.token"
    token.write_text("t")
    token.chmod(mode)
    row = rights.check_secret_file("token of osf", token)
    assert (row is not None) is is_wrong
    if row is not None:
        assert row.state is State.WRONG
        assert str(token) in row.detail


@pytest.mark.parametrize("what", ["configuration", "mediafiles", "uploads", "control"])
def test_what_a_group_may_change_fails_the_check(what: str, program: Program) -> None:
    place = {
        "configuration": program.file,
        "mediafiles": program.mediafiles,
        "uploads": program.mediafiles / "uploads",
        "control": program.mediafiles / "control",
    }[what]
    (program.mediafiles / "control").mkdir(mode=0o700, exist_ok=True)
    for one in (program.mediafiles, program.mediafiles / "uploads"):
        one.chmod(0o755)
    program.file.chmod(0o644)
    assert _found(program)[0] == 0
    place.chmod(place.stat().st_mode | 0o020)
    code, rows = _found(program)
    assert code == 1
    assert "chmod g-w,o-w" in rows[f"rights of {what}"][1]


def test_the_units_user_sandbox_and_limits_are_taken_and_nothing_that_makes_it_a_service() -> None:
    text = (
        "[Unit]\nAfter=x\n[Service]\nType=notify\nExecStart=/bin/x\nUser=u\n"
        "# ProtectHome=no\nProtectHome=yes\nLoadCredential=a:/b\n[Install]\nWantedBy=y\n"
    )
    assert list(properties_from_unit(text)) == [
        "--property=User=u",
        "--property=ProtectHome=yes",
        "--property=LoadCredential=a:/b",
    ]


def test_the_example_and_the_schema_are_printed_as_they_ship(program: Program) -> None:
    assert "\ninbox: inbox " in program.run("config", "example").stdout
    schema = json.loads(program.run("config", "schema").stdout)
    assert schema["$id"] == "urn:presqt-daemon:config"
