"""The options file beside a drop."""

import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.inbox import Inbox, unused_sidecars
from presqt_daemon.inbox.answers.events import Event
from presqt_daemon.inbox.claims.sidecar import names_in, read_sidecar, remove_sidecar
from presqt_daemon.inbox.files.places import InboxFolder, open_place
from presqt_daemon.tickets.store import Uploads
from tests.bags import bag_zip, drop
from tests.inbox.running import Running, left_in, make_config, running, until

ZIP = bag_zip()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_config(tmp_path)


@pytest.fixture
def daemon(config: Config) -> Iterator[Running]:
    with running(config) as daemon:
        yield daemon


def test_a_sidecar_comes_along_with_its_zip(daemon: Running, config: Config) -> None:
    (config.inbox / "Bag.ZIP.yaml").write_text("title: T\n")
    drop(ZIP, config.inbox / "Bag.ZIP")
    claim = daemon.claim()
    assert claim.record.sidecar_name == "Bag.ZIP.yaml"
    kept = claim.folder.path / "Bag.ZIP.yaml"
    assert kept.read_text() == "title: T\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert left_in(config.inbox) == []


def test_the_kept_sidecar_is_a_copy_that_its_writer_cannot_change(
    daemon: Running, config: Config
) -> None:
    with (config.inbox / "bag.zip.yaml").open("w") as stream:
        stream.write("title: T\n")
        stream.flush()
        drop(ZIP, config.inbox / "bag.zip")
        claim = daemon.claim()
        stream.write("target: osf\n")
    assert (claim.folder.path / "bag.zip.yaml").read_text() == "title: T\n"


@pytest.mark.parametrize("kind", ["too large", "link", "folder"])
def test_a_sidecar_that_cannot_be_used_fails_the_drop(
    daemon: Running, config: Config, kind: str, tmp_path: Path
) -> None:
    path = config.inbox / "bag.zip.yaml"
    if kind == "too large":
        path.write_bytes(b"#" * 65_537)
    elif kind == "link":
        path.symlink_to("/etc/hostname")
    else:
        path.mkdir()
    drop(ZIP, config.inbox / "bag.zip")
    claim = daemon.claim()
    assert claim.error is not None
    assert claim.error.code == "bad-sidecar"
    assert "bag.zip.yaml" in claim.error.message
    assert claim.record.sidecar_name is None
    assert os.path.lexists(config.inbox / "bag.zip.yaml.unused")


def test_a_sidecar_that_is_put_away_replaces_no_older_one(daemon: Running, config: Config) -> None:
    for number in range(3):
        (config.inbox / "bag.zip.yaml").write_bytes(b"#%d" % number + b"#" * 65_536)
        drop(ZIP, config.inbox / "bag.zip")
        daemon.claims(number + 1)
    kept = {path.name: path.read_bytes()[:2] for path in config.inbox.glob("*.unused*")}
    assert kept == {
        "bag.zip.yaml.unused": b"#0", "bag.zip.yaml.unused-2": b"#1", "bag.zip.yaml.unused-3": b"#2"
    }  # fmt: skip


def test_a_sidecar_of_the_largest_size_is_read(daemon: Running, config: Config) -> None:
    (config.inbox / "bag.zip.yaml").write_bytes(b"#" * 65_536)
    drop(ZIP, config.inbox / "bag.zip")
    assert daemon.claim().error is None


def test_a_sidecar_alone_is_put_away_after_an_hour_whatever_its_time(config: Config) -> None:
    now = [1000.0]
    events: list[Event] = []
    path = config.inbox / "osf" / "bag.zip.yaml"
    path.write_text("title: T\n")
    os.utime(path, (0, 0))
    quick = replace(config, intake=replace(config.intake, rescan=0.02))
    inbox = Inbox(quick, Uploads(config.mediafiles), events.append, clock=lambda: now[0])
    inbox.start()
    try:
        until(inbox.is_idle)
        now[0] += 3500
        inbox.wake()
        until(inbox.is_idle)
        assert left_in(config.inbox / "osf") == ["bag.zip.yaml"]
        now[0] += 200
        inbox.wake()
        until(lambda: left_in(config.inbox / "osf") == ["bag.zip.yaml.unused"])
    finally:
        inbox.stop()
    assert events == []


def test_a_sidecar_written_anew_meanwhile_is_not_removed(config: Config) -> None:
    path = config.inbox / "bag.zip.yaml"
    path.write_text("title: old\n")
    with open_place(config.inbox, InboxFolder(parts=())) as folder:
        sidecar = read_sidecar("bag.zip", os.geteuid(), folder.handle, names_in(folder.handle))
        assert sidecar is not None
        newer = config.inbox / ".newer"
        newer.write_text("title: new\n")
        newer.rename(path)
        remove_sidecar(sidecar, folder.handle)
    assert path.read_text() == "title: new\n"


@pytest.mark.parametrize(
    "name", ["bag.zip.yml", "bag.zip.YAML", "BAG.ZIP.Yml", "Bag.zip.yaml", "bag.zip.yaml"]
)
def test_a_sidecar_may_be_written_in_any_letter_case(
    daemon: Running, config: Config, name: str
) -> None:
    (config.inbox / name).write_text("title: T\n")
    drop(ZIP, config.inbox / "bag.zip")
    claim = daemon.claim()
    assert claim.error is None
    assert (claim.folder.path / "bag.zip.yaml").read_text() == "title: T\n"
    assert left_in(config.inbox) == []


NEAR = ["bag.yaml", "bag.yml", "BAG.YAML", "bag.zip.yaml.txt", "bag.yml.txt", "bag.zip .yaml",
        "bag .yaml", "bag.zip. yaml", "bag.zip.yaml ", "bag.zip.yaml.yaml",
        " bag.yaml"]  # fmt: skip


@pytest.mark.parametrize("name", NEAR)
def test_a_nearly_right_name_refuses_the_drop_and_names_the_right_one(
    daemon: Running, config: Config, name: str
) -> None:
    (config.inbox / name).write_text("title: T\n")
    drop(ZIP, config.inbox / "bag.zip")
    claim = daemon.claim()
    assert claim.error is not None
    assert claim.error.code == "bad-sidecar"
    assert "bag.zip.yaml" in claim.error.message
    daemon.scanned()
    assert left_in(config.inbox) == [f"{name}.unused"]


@pytest.mark.parametrize("name", NEAR)
def test_a_nearly_right_name_that_comes_after_the_zip_is_put_aside_and_is_no_ticket(
    daemon: Running, config: Config, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unused_sidecars, "LATE_AFTER_SECONDS", 0.2)
    drop(ZIP, config.inbox / "bag.zip")
    daemon.claim()
    (config.inbox / name).write_text("title: T\n")
    until(lambda: left_in(config.inbox) == [f"{name}.unused"])
    assert len(daemon.claimed) == 1


def test_a_nearly_right_name_before_the_next_zip_of_a_name_refuses_that_one(
    daemon: Running, config: Config
) -> None:
    drop(ZIP, config.inbox / "bag.zip")
    daemon.claim()
    (config.inbox / "bag.yaml").write_text("title: T\n")
    daemon.scanned()
    drop(ZIP, config.inbox / "bag.zip")
    error = daemon.claims(2)[1].error
    assert error is not None
    assert error.code == "bad-sidecar"


def test_two_sidecars_refuse_the_drop(daemon: Running, config: Config) -> None:
    (config.inbox / "bag.zip.yaml").write_text("title: A\n")
    (config.inbox / "bag.zip.yml").write_text("title: B\n")
    drop(ZIP, config.inbox / "bag.zip")
    error = daemon.claim().error
    assert error is not None
    assert error.code == "bad-sidecar"
    assert "more than one" in error.message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user")
def test_a_sidecar_of_another_owner_refuses_the_drop_and_names_that_one(
    daemon: Running, config: Config
) -> None:
    (config.inbox / "bag.zip.yaml").write_text("title: T\n")
    os.chown(config.inbox / "bag.zip.yaml", 64_001, 64_001)
    drop(ZIP, config.inbox / ".bag.zip")
    os.chown(config.inbox / ".bag.zip", 64_002, 64_002)
    (config.inbox / ".bag.zip").rename(config.inbox / "bag.zip")
    error = daemon.claim().error
    assert error is not None
    assert error.code == "bad-sidecar"
    assert "user 64001" in error.message
