"""`check` on rights: who may take another's place, read a token, or is in the wrong group."""

import grp
import os
import pwd
import stat
from pathlib import Path

import pytest

from presqt_daemon.cli.check import rights
from presqt_daemon.cli.check.rights import check_rights
from presqt_daemon.cli.check.rows import State
from presqt_daemon.config import Config, TargetConfig

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """An installation whose rights are in order."""
    monkeypatch.setattr(rights, "TOKENS", tmp_path / "tokens")
    config = Config(
        inbox=tmp_path / "inbox",
        mediafiles=tmp_path / "mediafiles",
        targets={"lab": TargetConfig(name="lab", type="folder", path=tmp_path / "archive")},
    )
    for folder, mode in (
        (config.inbox, 0o2755),
        (config.inbox / "lab", 0o2770),
        (config.mediafiles, 0o755),
        (config.uploads_folder, 0o755),
        (config.control_folder, 0o700),
        (tmp_path / "tokens", 0o700),
    ):
        folder.mkdir()
        folder.chmod(mode)
    file = tmp_path / "config.yaml"
    file.write_text("{}")
    file.chmod(0o644)
    return config


def found(config: Config) -> dict[str, tuple[State, str]]:
    rows = check_rights(config.inbox.parent / "config.yaml", config)
    return {row.what: (row.state, row.detail) for row in rows}


def test_rights_that_are_in_order_are_one_line(config: Config) -> None:
    assert set(found(config)) == {"rights"}


@NEEDS_ROOT
def test_an_inbox_whose_group_could_replace_a_labs_folder_is_wrong(config: Config) -> None:
    os.chown(config.inbox / "lab", -1, 12345)
    assert set(found(config)) == {"rights"}
    config.inbox.chmod(0o2775)
    (config.inbox / "lab").chmod(0o2770)
    state, detail = found(config)["inbox of lab"]
    assert state is State.WRONG
    assert "in the place of lab/" in detail


def test_an_inbox_for_one_group_alone_may_be_that_groups(config: Config) -> None:
    config.inbox.chmod(0o2775)
    assert set(found(config)) == {"rights"}


def test_an_inbox_that_everybody_may_write_is_wrong(config: Config) -> None:
    config.inbox.chmod(0o2777)
    assert found(config)["inbox of lab"][0] is State.WRONG


def test_a_folder_that_keeps_files_from_its_group_is_told(config: Config) -> None:
    (config.inbox / "lab").chmod(0o770)
    assert stat.S_IMODE((config.inbox / "lab").stat().st_mode) == 0o770
    state, detail = found(config)["inbox of lab"]
    assert (state, "chmod g+s" in detail) == (State.WARNING, True)


@NEEDS_ROOT
def test_a_sender_in_the_services_own_group_is_named(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = pwd.getpwnam("daemon")
    os.chown(config.mediafiles, daemon.pw_uid, daemon.pw_gid)
    members = grp.struct_group(("daemon", "x", daemon.pw_gid, ["daemon", "anna"]))
    monkeypatch.setattr(grp, "getgrgid", lambda _number: members)
    state, detail = found(config)["own group"]
    assert state is State.WRONG
    assert detail.startswith("anna in the service's own group daemon")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_credential_that_another_can_read_is_wrong(config: Config, mode: int) -> None:
    token = rights.TOKENS / "zenodo"
    token.write_text("canary\n")
    token.chmod(0o600)
    if os.geteuid() == 0:
        assert set(found(config)) == {"rights"}
    token.chmod(mode)
    state, detail = found(config)["credentials"]
    assert state is State.WRONG
    assert str(token) in detail
    assert "canary" not in detail


def test_a_folder_of_credentials_that_another_can_enter_is_wrong(config: Config) -> None:
    rights.TOKENS.chmod(0o755)
    state, detail = found(config)["credentials"]
    assert (state, "chmod 0700" in detail) == (State.WRONG, True)
