"""A daemon that is frozen before any one step of a claim, followed by another, and thawed.

It does that one step; then its fence ends it. Whatever step that is and whenever it comes, each
drop is one ticket, and so is the next drop of the same name.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.inbox import leftovers
from presqt_daemon.tickets.store import TicketFolder, Uploads
from presqt_daemon.workers.processes.options import claim_of
from tests.bags import bag_zip
from tests.inbox.frozen_child import FENCED
from tests.inbox.running import Running, left_in, make_config, names_in

ROOT = Path(__file__).parents[3]
KINDS = ("renamed", "copied", "with a side-car", "refused")
LEAST_STEPS = 9
"""So many changes a claim has at least; fewer would mean that the test sees them no more."""


def start_frozen(base: Path, number: int) -> "subprocess.Popen[bytes] | None":
    """An inbox that is frozen before its n-th change; None where it has ended without so many."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.inbox.frozen_child", str(base), str(number)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return child
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return None


def thaw(base: Path, child: "subprocess.Popen[bytes]") -> None:
    (base / "taken-over").touch()
    child.send_signal(signal.SIGCONT)
    assert child.wait(60) in {0, FENCED}


def take_all(config: Config, epoch: int, *, between: "Iterator[None] | None" = None) -> None:
    """Another daemon takes all that lies there; `between` its look at claims and at the inbox."""
    daemon = Running(config)
    daemon.uploads.epoch = epoch
    daemon.inbox.recover()
    if between is not None:
        next(between)
    daemon.inbox.start()
    try:
        daemon.settled()
        daemon.scanned()
        daemon.settled()
    finally:
        daemon.inbox.stop()


def drop_first(config: Config, kind: str) -> bytes:
    content = bag_zip({"P/first.txt": b"first"})
    path = config.inbox / "osf" / "a.zip"
    if kind == "refused":
        path = config.inbox / "osf" / "bag"
        path.mkdir()
        (path / "bagit.txt").write_text("BagIt-Version: 1.0\n")
        return b""
    if kind == "with a side-car":
        (config.inbox / "osf" / "a.zip.yaml").write_text("title: first\n")
    path.write_bytes(content)
    if kind == "copied":
        os.link(path, config.inbox.parent / "another name")
    return content


def assert_one_ticket_each(config: Config, kind: str, contents: list[bytes]) -> None:
    uploads = Uploads(config.mediafiles)
    assert [name for name in left_in(config.inbox / "osf") if name != "a.zip.yaml"] == []
    assert [name for name in os.listdir(uploads.root) if name.startswith(".")] == []
    found, refused = [], 0
    for ticket in uploads.tickets():
        folder = uploads.folder(ticket)
        record = claim_of(folder)
        path = folder.find_zip()
        if path is None:
            refused += 1
            continue
        found.append(path.read_bytes())
        assert (config.inbox / "osf" / record.receipt_name).exists()
        if kind == "with a side-car" and found[-1] == contents[0]:
            assert record.sidecar_name is not None
            assert (folder.path / record.sidecar_name).read_text() == "title: first\n"
    assert sorted(found) == sorted(filter(None, contents))
    if kind == "refused":
        assert refused == 1


def freeze_and_thaw(base: Path, kind: str, number: int, *, is_late: bool) -> bool:
    """Whether there was such a step. `is_late`: it thaws when the other has taken everything."""
    config = make_config(base)
    first, second = drop_first(config, kind), bag_zip({"P/second.txt": b"second"})
    child = start_frozen(base, number)
    if child is None:
        return False
    try:
        if is_late:
            take_all(config, 2)
            (config.inbox / "osf" / "a.zip").write_bytes(second)
            thaw(base, child)
        else:

            def between() -> Iterator[None]:
                thaw(base, child)
                yield

            take_all(config, 2, between=between())
            (config.inbox / "osf" / "a.zip").write_bytes(second)
    finally:
        child.kill()
        child.wait()
    take_all(config, 3)
    assert_one_ticket_each(config, kind, [first, second])
    return True


@pytest.mark.full
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("is_late", [False, True], ids=["thawed early", "thawed late"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_daemon_frozen_before_any_step_of_a_claim_loses_and_doubles_nothing(
    tmp_path: Path, kind: str, *, is_late: bool
) -> None:
    number = 1
    while freeze_and_thaw(tmp_path, kind, number, is_late=is_late):
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()
        number += 1
    assert number > LEAST_STEPS


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_without_that_care_the_same_loses_a_drop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a claim's folder is simply removed, as if nobody could go on with it."""

    def remove(_uploads: Uploads, folder: TicketFolder, _zip_name: str) -> bool:
        shutil.rmtree(folder.path)
        return True

    monkeypatch.setattr(leftovers, "undo_claim", remove)
    lost, number, is_there = [], 0, True
    while is_there:
        number += 1
        base = tmp_path / str(number)
        base.mkdir()
        try:
            is_there = freeze_and_thaw(base, "renamed", number, is_late=False)
        except AssertionError:
            lost.append(number)
    assert lost, number


@pytest.mark.parametrize("seed", [1])
def test_a_sample_of_the_steps_of_a_claim(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for kind in KINDS[:2]:
        base = tmp_path / kind
        base.mkdir()
        assert freeze_and_thaw(
            base, kind, chance.randint(1, LEAST_STEPS), is_late=chance.random() < 0.5
        )
    assert names_in(tmp_path)
