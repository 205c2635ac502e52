"""Killed anywhere in a claim: after the next start nothing is lost and nothing is doubled."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.inbox.claims.recover import read_origin
from presqt_daemon.system.failpoints import VARIABLE
from presqt_daemon.system.host import start_ticks
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.processes.options import claim_of
from tests.bags import bag_zip
from tests.inbox.running import left_in, make_config, names_in, running

ROOT = Path(__file__).parents[2]
CLAIM_POINTS = ("claim-folder", "claim-info", "claim-sidecar", "claim-zip", "claim-named",
                "claim-noted", "claim-kept")  # fmt: skip
COPY_POINTS = ("copy-renamed", "copy-copied", "copy-named", "copy-unlinked")
WITH_SIDECAR = ("a.zip", "linked.zip")
TICKET = "0f8fad5b-d9cb-469f-a165-70867728950e"


def run(base: Path, failpoint: str = "") -> int:
    """The exit code of an inbox that takes everything, or dies on the way."""
    environment = os.environ | {VARIABLE: failpoint, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.inbox.child", str(base)],
        cwd=ROOT, env=environment, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr.decode()
    return done.returncode


def fill(config: Config) -> dict[str, bytes]:
    """Drops of both ways to be taken, two with a side-car; by name."""
    drops = {
        name: bag_zip({f"P/{name}.txt": name.encode()}) for name in ("a.zip", "b.zip", "linked.zip")
    }
    for name in WITH_SIDECAR:
        (config.inbox / "osf" / f"{name}.yaml").write_text(f"title: {name}\n")
    for name, content in drops.items():
        (config.inbox / "osf" / name).write_bytes(content)
    os.link(config.inbox / "osf" / "linked.zip", config.inbox.parent / "other name.zip")
    return drops


def check(config: Config, drops: dict[str, bytes]) -> None:
    """Every drop is in one ticket, with its side-car and its note; nothing else is left."""
    uploads = Uploads(config.mediafiles)
    assert left_in(config.inbox / "osf") == []
    found = {}
    notes = set()
    for name in names_in(uploads.root):
        folder = uploads.folder(name)
        record = claim_of(folder)
        assert record.inbox_name not in found
        zip_path = folder.find_zip()
        assert zip_path is not None
        found[record.inbox_name] = zip_path.read_bytes()
        assert folder.read_info().source_file == record.inbox_name
        notes.add(record.receipt_name)
        note = json.loads((config.inbox / "osf" / record.receipt_name).read_bytes())
        assert note["ticket_number"] == record.ticket
        assert (record.sidecar_name is not None) == (record.inbox_name in WITH_SIDECAR)
        expected = {"claim.json", "process_info.json", record.zip_name, record.sidecar_name}
        assert set(os.listdir(folder.path)) == expected - {None}
        assert os.stat(zip_path).st_mode & 0o777 == 0o600
    assert found == drops
    assert set(os.listdir(config.inbox / "osf")) == notes


@pytest.mark.parametrize(
    "failpoint", [*CLAIM_POINTS, *COPY_POINTS, "claim-zip:2", "claim-info:3", "claim-named:3"]
)
def test_a_kill_at_any_step_loses_nothing_and_doubles_nothing(
    tmp_path: Path, failpoint: str
) -> None:
    config = make_config(tmp_path)
    drops = fill(config)
    assert run(tmp_path, failpoint) == -signal.SIGKILL
    assert run(tmp_path) == 0
    check(config, drops)


@pytest.mark.parametrize("failpoint", ["claim-zip:2", "claim-named:2"])
def test_a_power_loss_that_emptied_a_claim_of_an_earlier_version_loses_no_drop_and_no_target(
    tmp_path: Path, failpoint: str
) -> None:
    config = make_config(tmp_path)
    names = ("a.zip", "b.zip")
    drops = {name: bag_zip({f"P/{name}.txt": name.encode()}) for name in names}
    for name, content in drops.items():
        (config.inbox / "osf" / name).write_bytes(content)
    assert run(tmp_path, failpoint) == -signal.SIGKILL
    uploads = Uploads(config.mediafiles)
    folders = [
        *map(uploads.new_folder, uploads.new_tickets()), *map(uploads.folder, uploads.tickets())
    ]  # fmt: skip
    folders = [folder for folder in folders if list(folder.path.glob("*.zip"))]
    assert folders, "nothing was left to be kept"
    for folder in folders:
        # that version noted by a link's text where the drop had lain
        origin = config.inbox / "osf" / next(folder.path.glob("*.zip")).name
        (folder.path / ".from").symlink_to(origin)
    for folder in folders:
        for file in ("claim.json", "process_info.json"):
            (folder.path / file).write_bytes(b"")
    with running(config) as daemon:
        daemon.settled()
        assert left_in(config.inbox / "osf") == []
        found = {}
        for name in names_in(uploads.root):
            folder = uploads.folder(name)
            record = claim_of(folder)
            assert record.route.target == "osf"
            assert record.dropped_by_uid == os.geteuid()
            assert read_origin(folder) is None
            zip_path = folder.find_zip()
            assert zip_path is not None
            found[record.inbox_name] = zip_path.read_bytes()
            assert (config.inbox / "osf" / record.receipt_name).exists()
        assert found == drops


def test_a_claim_without_record_and_without_origin_stays_a_ticket_of_its_own(
    tmp_path: Path,
) -> None:
    config = make_config(tmp_path)
    (config.inbox / "osf" / "a.zip").write_bytes(bag_zip())
    assert run(tmp_path, "claim-zip") == -signal.SIGKILL
    uploads = Uploads(config.mediafiles)
    (ticket,) = uploads.new_tickets()
    (uploads.new_folder(ticket).path / "claim.json").unlink()
    with running(config):
        assert list(uploads.tickets()) == [ticket]
        assert (uploads.folder(ticket).path / "a.zip").read_bytes() == bag_zip()


@pytest.mark.full
def test_random_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    drops = fill(config)
    for number in range(200):
        name = f"{number}.zip"
        drops[name] = bag_zip({"x": name.encode()})
        (config.inbox / "osf" / name).write_bytes(drops[name])
    chance = random.Random(7)
    for _ in range(20):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.inbox.child", str(tmp_path)],
            cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(0.25 + chance.random() / 4)
        child.kill()
        child.wait()
    assert run(tmp_path) == 0
    check(config, drops)


def test_a_claim_is_followed_up_whoever_made_it_and_be_that_process_there_or_not(
    tmp_path: Path,
) -> None:
    """Who has the daemon's lease knows that nobody else goes on with it: it may be frozen."""
    config = make_config(tmp_path)
    (config.inbox / "osf" / "a.zip").write_bytes(bag_zip())
    assert run(tmp_path, "claim-zip") == -signal.SIGKILL
    uploads = Uploads(config.mediafiles)
    (ticket,) = uploads.new_tickets()
    folder = uploads.new_folder(ticket)
    record = claim_of(folder)
    parent = os.getppid()
    started = start_ticks(parent)
    assert started is not None
    folder.write_claim(replace(record, owner=replace(record.owner, pid=parent, started=started)))
    with running(config):
        assert list(uploads.new_tickets()) == []
        assert list(uploads.tickets()) == [ticket]


@pytest.mark.parametrize(
    ("hidden", "plain"),
    [("bag.zip", "bag.zip"), ("..", "drop.zip"), (".from.zip", "from.zip"),
     (f".claimed-{TICKET}-x.zip", f"claimed-{TICKET}-x.zip")],
)  # fmt: skip
def test_what_no_claim_has_set_aside_gets_its_plain_name_and_a_number_of_our_own(
    tmp_path: Path, hidden: str, plain: str
) -> None:
    config = make_config(tmp_path)
    (config.inbox / f".claimed-{TICKET}-{hidden}").write_bytes(bag_zip())
    with running(config) as daemon:
        claim = daemon.claim()
        assert claim.ticket != TICKET
        assert claim.record.inbox_name == plain
        daemon.settled()
    assert left_in(config.inbox) == []


def test_a_file_that_took_the_place_of_one_set_aside_is_a_drop_of_its_own(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    path = config.inbox / "osf" / "bag.zip"
    path.write_bytes(bag_zip())
    os.link(path, tmp_path / "other name")
    assert run(tmp_path, "copy-renamed") == -signal.SIGKILL
    (aside,) = (config.inbox / "osf").glob(".claimed-*")
    (config.inbox / "osf" / ".evil").write_bytes(bag_zip({"Evil/x.txt": b"x"}))
    (config.inbox / "osf" / ".evil").rename(aside)
    with running(config) as daemon:
        claim = daemon.claim()
        daemon.settled()
        daemon.scanned()
        assert claim.ticket not in aside.name
        assert names_in(config.uploads_folder) == [claim.ticket]
    assert left_in(config.inbox / "osf") == []


def test_a_name_with_the_number_of_a_finished_ticket_hides_nothing(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    (config.inbox / "osf" / "a.zip").write_bytes(bag_zip())
    with running(config) as daemon:
        first = daemon.claim()
        path = config.inbox / "osf" / f".claimed-{first.ticket}-a.zip"
        path.write_bytes(bag_zip({"P/other.txt": b"other"}))
        second = daemon.claims(2)[1]
        assert second.ticket != first.ticket
        assert second.record.inbox_name == "a.zip"
    assert left_in(config.inbox / "osf") == []


def test_junk_in_uploads_harms_nobody(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    uploads = Uploads(config.mediafiles)
    uploads.new_folder(TICKET).path.mkdir()
    (uploads.new_folder(TICKET).path / "claim.json").write_bytes(b"{")
    (uploads.root / "junk").write_text("x")
    (uploads.root / ".new-junk").mkdir()
    with running(config) as daemon:
        daemon.settled()
    assert names_in(uploads.root) == [".new-junk", "junk"]


def test_a_zip_without_a_record_is_kept(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    uploads = Uploads(config.mediafiles)
    uploads.new_folder(TICKET).path.mkdir()
    (uploads.new_folder(TICKET).path / "bag.zip").write_bytes(bag_zip())
    with running(config):
        assert (uploads.folder(TICKET).path / "bag.zip").read_bytes() == bag_zip()
