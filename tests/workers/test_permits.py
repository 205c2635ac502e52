from dataclasses import replace
from pathlib import Path

from presqt_daemon.config import Config, StagingConfig, TargetConfig
from presqt_daemon.workers.permits import Permits, Space, needed_bytes, stage_slots

GB = 10**9
CONFIG = Config(
    staging=StagingConfig(workers=2, small=GB, min_free_bytes=GB),
    targets={
        "archive": TargetConfig(name="archive", workers=2),
        "other": TargetConfig(name="other", workers=1),
    },
)


def test_one_slot_is_kept_for_small_bags() -> None:
    permits = Permits(CONFIG)
    assert permits.begin_staging(50 * GB)
    assert not permits.begin_staging(50 * GB)
    assert permits.begin_staging(1000)
    assert not permits.begin_staging(1000)
    permits.end_staging(50 * GB)
    assert permits.begin_staging(50 * GB)


def test_there_are_never_fewer_than_two_slots() -> None:
    assert stage_slots(1, 8) == 2
    assert stage_slots(0, 1) == 2
    assert stage_slots(0, 8) == 8


def test_targets_have_lanes_of_their_own() -> None:
    permits = Permits(CONFIG)
    assert permits.begin_sending("archive", None)
    assert permits.begin_sending("archive", None)
    assert not permits.begin_sending("archive", None)
    assert permits.begin_sending("other", None)
    permits.end_sending("archive", None)
    assert permits.begin_sending("archive", None)


def test_one_container_takes_one_ticket_at_a_time() -> None:
    permits = Permits(CONFIG)
    assert permits.begin_sending("archive", "project")
    assert not permits.begin_sending("archive", "project")
    assert permits.begin_sending("archive", "another")
    permits.end_sending("archive", "project")
    assert permits.begin_sending("archive", "project")


def test_creation_is_one_at_a_time_and_only_its_holder_ends_it() -> None:
    permits = Permits(CONFIG)
    assert permits.begin_creating("archive", "one")
    assert permits.begin_creating("archive", "one")
    assert not permits.begin_creating("archive", "two")
    permits.end_creating("archive", "two")
    assert not permits.begin_creating("archive", "two")
    permits.end_creating("archive", "one")
    assert permits.begin_creating("archive", "two")


def test_space_that_is_reserved_is_not_given_twice() -> None:
    permits = Permits(CONFIG, look=lambda _folder: (1, Space(free=10 * GB, total=20 * GB)))
    assert permits.reserve("one", Path(), 6 * GB) is None
    assert permits.reserve("one", Path(), 6 * GB) is None
    refused = permits.reserve("two", Path(), 6 * GB)
    assert refused == Space(free=10 * GB, total=20 * GB)
    permits.release("one")
    assert permits.reserve("two", Path(), 6 * GB) is None


def test_the_minimum_that_stays_free_is_kept() -> None:
    permits = Permits(CONFIG, look=lambda _folder: (1, Space(free=10 * GB, total=20 * GB)))
    assert permits.reserve("one", Path(), 9 * GB + 1) is not None
    assert permits.reserve("one", Path(), 9 * GB) is None


def test_disks_are_counted_apart() -> None:
    devices = {Path("a"): 1, Path("b"): 2}
    permits = Permits(CONFIG, look=lambda folder: (devices[folder], Space(10 * GB, 10 * GB)))
    assert permits.reserve("one", Path("a"), 8 * GB) is None
    assert permits.reserve("two", Path("b"), 8 * GB) is None
    assert permits.reserve("three", Path("a"), 8 * GB) is not None


def test_names_and_last_blocks_take_space_too() -> None:
    assert needed_bytes(0, 1000) >= 1000 * 4096
    assert needed_bytes(GB, 1) > GB


def test_a_target_that_is_no_longer_configured_has_one_lane() -> None:
    permits = Permits(replace(CONFIG, targets={}))
    assert permits.begin_sending("gone", None)
    assert not permits.begin_sending("gone", None)
