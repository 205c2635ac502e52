"""The sender's answer beside the note."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.inbox.answers import status_copies
from presqt_daemon.inbox.answers.events import Claimed
from tests.bags import bag_zip, drop
from tests.inbox.running import Running, make_config, running, until, with_intake

ZIP = bag_zip()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_config(tmp_path)


@pytest.fixture
def daemon(config: Config) -> Iterator[Running]:
    with running(config) as daemon:
        yield daemon


def copy_of(claim: Claimed) -> Path:
    return Path(claim.record.inbox_folder) / claim.record.copy_name


def write_status(daemon: Running, claim: Claimed, **changes: object) -> bytes:
    """Another status of the ticket, and word of it."""
    path = claim.folder.info
    tree = {**json.loads(path.read_bytes()), **changes}
    content = json.dumps(tree).encode()
    path.with_name(".new").write_bytes(content)
    path.with_name(".new").rename(path)
    daemon.inbox.status_changed(claim.ticket)
    return content


def end(daemon: Running, claim: Claimed, **changes: object) -> bytes:
    moment = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    return write_status(daemon, claim, **{"status": "finished", "finished_at": moment, **changes})


def test_the_end_is_told_beside_the_note_byte_for_byte(daemon: Running, config: Config) -> None:
    drop(ZIP, config.inbox / "osf" / "bag.zip")
    claim = daemon.claim()
    assert copy_of(claim).name == f"bag.zip.{claim.ticket[:8]}.process_info.json"
    assert not copy_of(claim).exists()
    content = end(daemon, claim)
    until(copy_of(claim).exists)
    assert copy_of(claim).read_bytes() == content
    assert copy_of(claim).stat().st_mode & 0o777 == config.permissions.status


def test_a_retry_and_the_next_end_refresh_the_copy(daemon: Running, config: Config) -> None:
    drop(ZIP, config.inbox / "osf" / "bag.zip")
    claim = daemon.claim()
    end(daemon, claim, status="failed", message="no")
    until(copy_of(claim).exists)
    content = end(daemon, claim, message="well")
    until(lambda: copy_of(claim).read_bytes() == content)


def test_a_ticket_that_waits_for_longer_than_a_minute_is_told_of(
    daemon: Running, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_copies, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(status_copies, "WAITING_SECONDS", 0.3)
    drop(ZIP, config.inbox / "osf" / "bag.zip")
    claim = daemon.claim()
    content = write_status(daemon, claim, waiting_for="the target")
    until(copy_of(claim).exists)
    assert copy_of(claim).read_bytes() == content


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's file")
def test_a_file_of_somebody_else_is_never_replaced(daemon: Running, config: Config) -> None:
    drop(ZIP, config.inbox / "osf" / "bag.zip")
    claim = daemon.claim()
    copy_of(claim).write_text("mine")
    os.chown(copy_of(claim), 64_001, 64_001)
    end(daemon, claim)
    daemon.scanned()
    assert copy_of(claim).read_text() == "mine"
    assert [name for name in os.listdir(config.inbox / "osf") if name.startswith(".")] == []


def test_no_copy_is_made_where_it_is_switched_off(tmp_path: Path) -> None:
    config = with_intake(make_config(tmp_path), status_beside=False)
    with running(config) as daemon:
        drop(ZIP, config.inbox / "osf" / "bag.zip")
        claim = daemon.claim()
        end(daemon, claim)
        daemon.scanned()
        assert not copy_of(claim).exists()


def test_a_copy_that_a_crash_prevented_is_made_at_the_next_start(config: Config) -> None:
    with running(config) as daemon:
        drop(ZIP, config.inbox / "osf" / "bag.zip")
        claim = daemon.claim()
    content = end(daemon, claim)
    assert not copy_of(claim).exists()
    with running(config):
        until(copy_of(claim).exists)
    assert copy_of(claim).read_bytes() == content


def test_a_copy_of_a_long_name_or_without_its_note_goes_too(config: Config) -> None:
    folder = config.inbox / "osf"
    kept = replace(config, retention=replace(config.retention, notes=3600.0))
    with running(kept) as daemon:
        for number, name in enumerate(("a" * 251 + ".zip", "plain.zip")):
            (folder / ".aside").write_bytes(ZIP)
            (folder / ".aside").rename(folder / name)
            claim = daemon.claims(number + 1)[number]
            end(daemon, claim)
            until(copy_of(claim).exists)
            write_status(daemon, claim, finished_at="2020-01-01T00:00:00+00:00")
            os.utime(copy_of(claim), (0, 0))
            os.utime(folder / claim.record.receipt_name, (0, 0))
        (folder / daemon.claimed[1].record.receipt_name).unlink()
    with running(kept):
        until(lambda: os.listdir(folder) == [])


def test_note_and_copy_go_when_their_time_is_over_and_the_ticket_has_ended(config: Config) -> None:
    folder = config.inbox / "osf"
    kept = replace(config, retention=replace(config.retention, notes=3600.0))
    with running(kept) as daemon:
        drop(ZIP, folder / "open.zip")
        opened = daemon.claim()
        drop(ZIP, folder / "ended.zip")
        ended = daemon.claims(2)[1]
        end(daemon, ended)
        until(copy_of(ended).exists)
        write_status(daemon, ended, finished_at="2020-01-01T00:00:00+00:00")
        notes = [folder / claim.record.receipt_name for claim in (opened, ended)]
    for note in notes:
        os.utime(note, (0, 0))
    with running(kept):
        until(lambda: not notes[1].exists() and not copy_of(ended).exists())
        assert notes[0].exists()
