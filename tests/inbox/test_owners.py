"""A service that is not root takes drops of other people."""

import grp
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.tickets.store import TicketFolder, Uploads
from presqt_daemon.workers.processes.options import claim_of
from tests.bags import bag_zip
from tests.inbox.running import left_in, make_config, names_in, running

SERVICE, SENDER = 65_534, 65_533
ROOT = Path(__file__).parents[2]
ZIP = bag_zip()

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


@pytest.fixture
def config() -> Iterator[Config]:
    base = Path(tempfile.mkdtemp(prefix="inbox-owners-"))
    try:
        config = make_config(base)
        for folder, _, _ in os.walk(base):
            os.chown(folder, SERVICE, SERVICE)
            os.chmod(folder, 0o777)
        yield config
    finally:
        shutil.rmtree(base)


def put(config: Config, name: str, owner: int, mode: int) -> os.stat_result:
    path = config.inbox / "osf" / name
    path.write_bytes(ZIP)
    os.chown(path, owner, owner)
    path.chmod(mode)
    return path.stat()


def serve(config: Config) -> str:
    """Run the service once, as its own user; what it logged."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.inbox.child", str(config.inbox.parent), str(SERVICE)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr


def only_ticket(config: Config) -> TicketFolder:
    uploads = Uploads(config.mediafiles)
    (ticket,) = uploads.tickets()
    return uploads.folder(ticket)


def test_a_drop_that_others_may_read_is_copied_so_that_they_no_longer_can(config: Config) -> None:
    before = put(config, "bag.zip", SENDER, 0o644)
    serve(config)
    taken = only_ticket(config).path / "bag.zip"
    assert taken.read_bytes() == ZIP
    after = taken.stat()
    assert (after.st_uid, stat.S_IMODE(after.st_mode)) == (SERVICE, 0o600)
    assert after.st_ino != before.st_ino
    assert left_in(config.inbox / "osf") == []
    assert claim_of(only_ticket(config)).dropped_by_uid == SENDER


def test_its_own_drop_is_renamed_and_closed_to_others(config: Config) -> None:
    before = put(config, "bag.zip", SERVICE, 0o644)
    serve(config)
    after = (only_ticket(config).path / "bag.zip").stat()
    assert after.st_ino == before.st_ino
    assert stat.S_IMODE(after.st_mode) == 0o600


def test_a_drop_that_cannot_be_read_stays_and_is_said_once(config: Config) -> None:
    put(config, "secret.zip", SENDER, 0o600)
    put(config, "bag.zip", SENDER, 0o644)
    said = serve(config)
    assert claim_of(only_ticket(config)).inbox_name == "bag.zip"
    assert left_in(config.inbox / "osf") == ["secret.zip"]
    assert said.count("secret.zip cannot be taken yet: Permission denied") == 1
    (config.inbox / "osf" / "secret.zip").chmod(0o644)
    serve(config)
    assert left_in(config.inbox / "osf") == []


def test_root_gives_the_drop_to_the_service(config: Config) -> None:
    before = put(config, "bag.zip", SENDER, 0o644)
    with running(config) as daemon:
        claim = daemon.claim()
    after = (claim.folder.path / "bag.zip").stat()
    assert (after.st_ino, after.st_uid) == (before.st_ino, os.getuid())
    assert stat.S_IMODE(after.st_mode) == 0o600


def test_the_configured_group_may_read_the_status_and_the_folder(config: Config) -> None:
    group = grp.getgrall()[1]
    grouped = replace(config, permissions=replace(config.permissions, group=group.gr_name))
    put(config, "bag.zip", SENDER, 0o644)
    with running(grouped) as daemon:
        folder = daemon.claim().folder
    assert folder.path.stat().st_gid == group.gr_gid
    assert folder.info.stat().st_gid == group.gr_gid
    assert names_in(folder.path) == ["bag.zip", "claim.json", "process_info.json"]
