"""Drops that are copied into their ticket."""

import errno
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.inbox.answers.events import Claimed
from presqt_daemon.inbox.claims import copying
from presqt_daemon.inbox.claims.claim import Claimer
from presqt_daemon.inbox.claims.copying import Copier
from presqt_daemon.inbox.claims.new_ticket import Drop
from presqt_daemon.inbox.files.places import InboxFolder, open_place
from presqt_daemon.inbox.scan_context import ScanContext
from presqt_daemon.tickets.status_writer import utc_now
from presqt_daemon.tickets.store import Uploads
from tests.bags import bag_zip
from tests.inbox.running import Running, left_in, make_config, names_in, running, until

ZIP = bag_zip()
PLACE = InboxFolder(parts=("osf",))


def quick_clock() -> float:
    return time.monotonic() * 50


def set_aside(config: Config, claimer: Claimer) -> Claimed:
    """A drop that is ours and has to be copied, since it has two names."""
    path = config.inbox / "osf" / "bag.zip"
    path.write_bytes(ZIP)
    os.link(path, config.inbox.parent / "other name")
    with open_place(config.inbox, PLACE) as folder, path.open("rb") as stream:
        status = os.fstat(stream.fileno())
        drop = Drop(folder=folder, name="bag.zip", handle=stream.fileno(), status=status)
        (taken,) = claimer.take(config, [drop])
    assert isinstance(taken, Claimed)
    assert taken.aside is not None
    return taken


def scanners(claimer: Claimer, config: Config, clock: Callable[[], float]) -> ScanContext:
    return ScanContext(
        config=config, claimer=claimer, emit=lambda _: None, clock=clock, patience=True
    )


def test_a_drop_that_changes_while_it_is_copied_is_given_back(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    claimer = Claimer(Uploads(config.mediafiles), utc_now)
    done: list[Claimed] = []

    def meddle(_target: str, _size: int) -> int:
        """Write to the file when it has been opened, and is about to be copied."""
        with (tmp_path / "other name").open("ab") as stream:
            stream.write(b"more")
        return 0

    context = scanners(claimer, config, quick_clock)
    context.spare = meddle
    copier = Copier(context, lambda _, taken: done.append(taken))
    copier.put(set_aside(config, claimer))
    until(lambda: not copier.copies())
    copier.stop(5.0)
    assert done == []
    assert (config.inbox / "osf" / "bag.zip").read_bytes() == ZIP + b"more"
    assert left_in(config.inbox / "osf") == ["bag.zip"]
    assert names_in(config.uploads_folder) == []


def test_a_copy_that_is_stopped_can_be_made_later(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    claimer = Claimer(Uploads(config.mediafiles), utc_now)
    done: list[Claimed] = []
    copy = set_aside(config, claimer)
    stopped = Copier(scanners(claimer, config, quick_clock), lambda _, taken: done.append(taken))
    stopped.stop(5.0)
    stopped.put(copy)
    assert not stopped.has(copy.record.ticket)
    assert names_in(copy.folder.path) == ["claim.json", "process_info.json"]
    copier = Copier(scanners(claimer, config, quick_clock), lambda _, taken: done.append(taken))
    copier.put(copy)
    until(lambda: done)
    until(lambda: not copier.copies())
    copier.stop(5.0)
    assert (done[0].folder.path / "bag.zip").read_bytes() == ZIP


def test_a_drop_removed_while_it_waits_leaves_no_ticket(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    claimer = Claimer(Uploads(config.mediafiles), utc_now)
    copy = set_aside(config, claimer)
    assert copy.aside is not None
    (config.inbox / "osf" / copy.aside).unlink()
    done: list[Claimed] = []
    copier = Copier(scanners(claimer, config, quick_clock), lambda _, taken: done.append(taken))
    copier.put(copy)
    until(lambda: not copier.copies())
    copier.stop(5.0)
    assert done == []
    assert names_in(config.uploads_folder) == []


def test_a_side_car_outlives_a_start_without_the_folder_of_its_drop(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    folder, away = config.inbox / "osf", tmp_path / "not mounted"
    (folder / "bag.zip.yaml").write_text("title: T\n")
    set_aside(config, Claimer(Uploads(config.mediafiles), utc_now))
    folder.rename(away)
    with running(config) as daemon:
        daemon.scanned()
        daemon.settled()
    folder.rmdir()
    away.rename(folder)
    with running(config) as daemon:
        claim = daemon.claim()
        daemon.settled()
    assert claim.record.sidecar_name == "bag.zip.yaml"
    assert (claim.folder.path / "bag.zip.yaml").read_text() == "title: T\n"
    assert left_in(folder) == []


def test_a_half_claim_whose_drop_and_side_car_are_where_they_were_is_undone(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    side_car = config.inbox / "osf" / "bag.zip.yaml"
    side_car.write_text("title: T\n")
    copy = set_aside(config, Claimer(Uploads(config.mediafiles), utc_now))
    assert copy.aside is not None
    side_car.write_text("title: T\n")
    (config.inbox / "osf" / copy.aside).rename(config.inbox / "osf" / "bag.zip")
    with running(config) as daemon:
        claim = daemon.claim()
        daemon.settled()
    assert claim.ticket != copy.record.ticket
    assert names_in(config.uploads_folder) == [claim.ticket]


def test_a_drop_that_waited_to_be_copied_when_its_target_went_becomes_a_ticket(
    tmp_path: Path,
) -> None:
    config = make_config(tmp_path)
    targets = {name: target for name, target in config.targets.items() if name != "osf"}
    daemon = Running(replace(config, targets=targets))
    daemon.inbox.recover()
    # begun by nobody who is still there, and not before the last start either
    copy = set_aside(config, Claimer(daemon.uploads, utc_now))
    daemon.inbox.start()
    assert daemon.claim().ticket == copy.record.ticket
    daemon.settled()
    daemon.inbox.stop()
    assert left_in(config.inbox / "osf") == []


def test_two_scanners_never_copy_the_same_drop(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    claimer = Claimer(Uploads(config.mediafiles), utc_now)
    done: list[str] = []
    context = scanners(claimer, config, lambda: 0.0)
    first = Copier(context, lambda *_: done.append("first"))
    second = Copier(replace(context, clock=quick_clock), lambda *_: done.append("second"))
    copy = set_aside(config, claimer)
    (config.inbox / "osf").rename(config.inbox / ".hidden")
    first.put(copy)  # it has to wait, and its clock stands still
    second.put(copy)
    assert second.has(copy.record.ticket)
    assert second.copies() == ()
    first.stop(10)
    (config.inbox / ".hidden").rename(config.inbox / "osf")
    second.put(copy)
    until(lambda: done == ["second"])
    second.stop(10)


def test_a_copy_that_would_fill_the_disk_waits_and_one_that_fits_passes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(tmp_path)
    room = len(ZIP) + 100
    monkeypatch.setattr(copying, "free_bytes", lambda _: room + config.staging.min_free_bytes)
    large = bag_zip({"P/large.bin": os.urandom(5000)})
    for name, content in (("large.zip", large), ("small.zip", ZIP)):
        path = config.inbox / "osf" / name
        path.write_bytes(content)
        os.link(path, tmp_path / name)
    with running(config) as daemon:
        assert daemon.claim().record.inbox_name == "small.zip"
        room = len(large)
        assert daemon.claims(2)[1].record.inbox_name == "large.zip"
        daemon.settled()
    assert left_in(config.inbox / "osf") == []


def test_a_ticket_that_cannot_get_its_name_yet_is_told_of_when_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(tmp_path)
    refusals = iter([OSError(errno.EIO, os.strerror(errno.EIO))])
    rename = os.rename

    def rename_later(source: Path, destination: Path, **folders: int) -> None:
        """Refuse once to give a claim's folder its name, when the drop lies in it."""
        if not folders and (refusal := next(refusals, None)) is not None:
            raise refusal
        rename(source, destination, **folders)

    monkeypatch.setattr(os, "rename", rename_later)
    (config.inbox / "osf" / "bag.zip").write_bytes(ZIP)
    with running(config) as daemon:
        claim = daemon.claim()
        daemon.settled()
    assert next(refusals, None) is None
    assert names_in(config.uploads_folder) == [claim.ticket]
    assert (claim.folder.path / "bag.zip").read_bytes() == ZIP
    assert names_in(config.inbox / "osf") == [claim.record.receipt_name]
