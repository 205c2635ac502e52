"""A folder whose drops fill the disk waits alone."""

import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.config import Config, StagingConfig, TargetConfig
from presqt_daemon.errors import HouseFault
from presqt_daemon.messages import Go, WantsSpace
from presqt_daemon.model import Bag, DuplicateAction, Resolved, Route
from presqt_daemon.records.payload import PayloadHead
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.status_writer import StatusWriter
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.limits.disk_shares import DiskShares, count_kept
from presqt_daemon.workers.limits.permits import Permits, Space
from presqt_daemon.workers.limits.space import give_space
from presqt_daemon.workers.runs.run import ParkError
from tests.payloads import write_payload
from tests.tickets.infos import BEGAN, writer_of
from tests.tickets.records import claim_record

MB = 10**6
CONFIG = Config(
    staging=StagingConfig(min_free_bytes=0),
    targets={name: TargetConfig(name=name) for name in ("a", "b", "c", "d")},
)


class Disk:
    """A disk of 100 MB, of which so much is free."""

    def __init__(self, root: Path, free: int) -> None:
        self.uploads = Uploads(root)
        self.uploads.root.mkdir()
        self.free = free
        self.permits = Permits(CONFIG, look=lambda _folder: (1, Space(self.free, 100 * MB)))
        self.shares = DiskShares(self.uploads)

    def ticket(self, folder: str, zip_bytes: int = 0) -> StatusWriter:
        place = self.uploads.folder(str(uuid.uuid4()))
        place.path.mkdir()
        record = replace(claim_record(place.ticket), route=Route(target=folder), zip_name="a.zip")
        place.write_claim(record)
        with (place.path / "a.zip").open("wb") as stream:
            stream.truncate(zip_bytes)
        info = ProcessInfo(ticket_number=place.ticket, received_at=BEGAN, updated_at=BEGAN)
        return writer_of(self.uploads, place, info)

    def ask(self, folder: str, wanted: int, config: Config = CONFIG) -> Go:
        resolved = Resolved(
            target=folder,
            resource_id=None,
            title="t",
            duplicate_action=DuplicateAction.IGNORE,
            options_from={},
        )
        question = WantsSpace(resolved=resolved, folder=folder, unpacked_bytes=wanted, entries=1)
        self.permits.config = config
        return give_space(self.ticket(folder), question, config, self.permits, self.shares)


def test_a_folder_that_fills_the_disk_waits_and_the_others_go_on(tmp_path: Path) -> None:
    disk = Disk(tmp_path, free=12 * MB)
    for _ in range(4):
        disk.ticket("a", 20 * MB)
    with pytest.raises(ParkError, match="disk space"):
        disk.ask("a", 5 * MB)
    assert disk.ask("b", 5 * MB) == Go()
    disk.free = 50 * MB
    assert disk.ask("a", 5 * MB) == Go(), "as long as there is room for all it does not wait"


def test_what_is_granted_counts_at_once_and_unpacked_bags_count_too(tmp_path: Path) -> None:
    disk = Disk(tmp_path, free=9 * MB)
    spared = [
        disk.shares.spare("a", 5 * MB, Space(9 * MB, 100 * MB), CONFIG)
        for _ in range(6)  # of 5 MB each, and its share is 25 MB
    ]
    assert spared == [0, 0, 0, 0, 0, 10 * MB]
    holder = disk.ticket("b", 0)
    bag = Bag(
        folder="bag",
        version="1.0",
        algorithms=("sha512",),
        info=(),
        payload_files=0,
        payload_bytes=30 * MB,
    )
    write_payload(holder.folder.payload, PayloadHead(bag=bag, algorithm=None, boot_id="b"), [])
    small = count_kept(disk.uploads)["b"]
    assert small < MB
    (holder.folder.path / "bag").mkdir()
    assert count_kept(disk.uploads)["b"] == small + 30 * MB


def test_the_records_of_a_bag_of_many_small_files_count(tmp_path: Path) -> None:
    disk = Disk(tmp_path, free=12 * MB)
    folder = disk.ticket("a", 1 * MB).folder
    for path in (folder.receipt, folder.payload, folder.journal):
        with path.open("wb") as stream:
            stream.truncate(10 * MB)
    (folder.path / "link").symlink_to(folder.receipt)
    assert 31 * MB <= count_kept(disk.uploads)["a"] < 32 * MB
    with pytest.raises(ParkError, match="disk space"):
        disk.ask("a", 5 * MB)


def test_one_folder_alone_may_fill_the_disk(tmp_path: Path) -> None:
    disk = Disk(tmp_path, free=12 * MB)
    disk.ticket("a", 80 * MB)
    assert disk.ask("a", 5 * MB, replace(CONFIG, targets={"a": CONFIG.targets["a"]})) == Go()


def test_a_bag_that_never_fits_beside_what_is_kept_free_names_that_key(tmp_path: Path) -> None:
    disk = Disk(tmp_path, free=100 * MB)
    config = replace(CONFIG, staging=StagingConfig(min_free_bytes=60 * MB))
    with pytest.raises(HouseFault, match=r"staging\.min_free_bytes"):
        disk.ask("a", 50 * MB, config)
    with pytest.raises(HouseFault, match="could ever hold") as found:
        disk.ask("a", 101 * MB, config)
    assert found.value.code == "out-of-space"
