from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.config import Config, StagingConfig, TargetConfig
from presqt_daemon.workers.limits.accounts import account_of
from presqt_daemon.workers.limits.permits import Permits, Space, needed_bytes
from presqt_daemon.workers.limits.staging_places import stage_slots

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
    assert permits.begin_staging("one", 50 * GB)
    assert not permits.begin_staging("two", 50 * GB)
    assert permits.begin_staging("small", 1000)
    assert not permits.begin_staging("smaller", 1000)
    permits.end_staging("one")
    assert permits.begin_staging("two", 50 * GB)


@pytest.mark.parametrize(("before", "after"), [(GB, 100 * GB), (100 * GB, GB)])
def test_a_reload_that_changes_what_is_small_loses_no_slot(before: int, after: int) -> None:
    def config(small: int) -> Config:
        return replace(CONFIG, staging=replace(CONFIG.staging, small=small))

    permits = Permits(config(before))
    assert permits.begin_staging("one", 50 * GB)
    permits.config = config(after)
    permits.end_staging("one")
    permits.config = config(GB)
    assert permits.begin_staging("two", 50 * GB)
    assert not permits.begin_staging("three", 50 * GB)
    assert permits.begin_staging("small", 1000)


def test_there_are_never_fewer_than_two_slots() -> None:
    assert stage_slots(1, 8) == 2
    assert stage_slots(0, 1) == 2
    assert stage_slots(0, 8) == 8


def test_targets_have_lanes_of_their_own() -> None:
    permits = Permits(CONFIG)
    assert permits.begin_sending("one", "archive", None, 1)
    assert permits.begin_sending("two", "archive", None, 1)
    assert not permits.begin_sending("three", "archive", None, 1)
    assert permits.begin_sending("four", "other", None, 1)
    permits.end_sending("one")
    assert permits.begin_sending("three", "archive", None, 1)


def test_one_container_takes_one_ticket_at_a_time() -> None:
    permits = Permits(CONFIG)
    assert permits.begin_sending("one", "archive", "project", 1)
    assert not permits.begin_sending("two", "archive", "project", 1)
    assert permits.begin_sending("three", "archive", "another", 1)
    permits.end_sending("one")
    assert permits.begin_sending("two", "archive", "project", 1)


def test_one_container_takes_one_ticket_by_whatever_id_entry_or_token() -> None:
    osf = TargetConfig(name="osf", type="osf", url="https://api.example/v2", workers=4)
    targets = {
        "osf": osf,
        "same": replace(osf, name="same", token_file=Path("other"), url=f"{osf.url}/"),
        "other": replace(osf, name="other", url="https://elsewhere.example/v2"),
    }
    permits = Permits(Config(targets=targets))
    for ticket, target, resource_id in (
        ("one", "osf", "abcde"),
        ("two", "osf", "abcde:osfstorage"),
        ("three", "same", "abcde"),
        ("four", "other", "abcde"),
    ):
        if ticket != "three":
            assert permits.begin_sending(ticket, target, resource_id, 1)
        else:
            assert not permits.begin_sending(ticket, target, resource_id, 1)
    assert permits.begin_container("one", targets["osf"], "abcde")
    assert not permits.begin_container("two", targets["osf"], "abcde"), "the same place"
    assert permits.begin_container("four", targets["other"], "abcde"), "another site"
    permits.end_sending("two")
    assert not permits.begin_sending("two", "osf", "abcde:osfstorage", 1), "known from now on"
    permits.end_sending("one")
    assert permits.begin_sending("two", "osf", "abcde:osfstorage", 1)
    assert permits.begin_container("two", targets["osf"], "abcde")


def test_the_last_lane_of_a_target_is_kept_for_small_bags() -> None:
    permits = Permits(CONFIG)
    assert permits.begin_sending("large", "archive", None, 2 * GB)
    assert not permits.begin_sending("larger", "archive", None, 3 * GB)
    assert permits.begin_sending("small", "archive", None, 1)
    permits.end_sending("large")
    assert permits.begin_sending("larger", "archive", None, 3 * GB)


def test_an_only_lane_takes_large_bags_too() -> None:
    permits = Permits(CONFIG)
    assert permits.begin_sending("large", "gone", None, 2 * GB)
    assert not permits.begin_sending("small", "gone", None, 1)


LAB = TargetConfig(name="lab", type="osf", url="https://osf.example/api/")


def test_creation_is_one_at_a_time_and_only_its_holder_ends_it() -> None:
    permits, account = Permits(CONFIG), account_of(LAB, "mark")
    assert permits.begin_creating(account, "one")
    assert permits.begin_creating(account, "one")
    assert not permits.begin_creating(account, "two")
    permits.end_creating("two")
    assert not permits.begin_creating(account, "two")
    permits.end_creating("one")
    assert permits.begin_creating(account, "two")


def test_two_entries_with_one_token_create_one_after_the_other() -> None:
    permits = Permits(CONFIG)
    same = replace(LAB, name="lab-b", url="https://osf.example/api", visibility="public")
    assert permits.begin_creating(account_of(LAB, "mark"), "one")
    assert not permits.begin_creating(account_of(same, "mark"), "two")
    for other in (
        account_of(LAB, "another token"),
        account_of(replace(LAB, url="https://test.osf.example/api"), "mark"),
        account_of(replace(LAB, type="gitlab"), "mark"),
    ):
        assert permits.begin_creating(other, "three")


def test_folders_at_two_places_are_two_accounts() -> None:
    first, second = (TargetConfig(name="a", path=Path(name)) for name in ("a", "b"))
    assert account_of(first, None) != account_of(second, None)


def test_a_token_is_refused_once_and_another_one_once_more() -> None:
    permits = Permits(CONFIG)
    assert permits.refused_mark("archive") is None
    assert permits.refuse("archive", "old")
    assert not permits.refuse("archive", "old")
    assert permits.refuse("other", "old")
    assert permits.refuse("archive", "new")
    assert permits.refused_mark("archive") == "new"
    permits.accept("archive")
    assert permits.refuse("archive", "new")


def test_a_target_without_a_token_can_refuse_too() -> None:
    permits = Permits(CONFIG)
    assert permits.refuse("archive", None)
    assert not permits.refuse("archive", None)


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
    assert permits.begin_sending("one", "gone", None, 1)
    assert not permits.begin_sending("two", "gone", None, 1)


def test_a_ticket_that_is_staged_goes_on_into_sending_and_gives_its_place_back() -> None:
    permits = Permits(CONFIG)
    assert permits.begin_staging("one", 50 * GB)
    assert permits.go_on_sending("one", "archive", None, 50 * GB)
    assert permits.begin_staging("two", 50 * GB), "its place for staging is free"
    assert not permits.go_on_sending("two", "archive", None, 50 * GB), "one is left for small bags"
    assert permits.begin_sending("small", "archive", None, 1)
    assert not permits.begin_sending("smaller", "archive", None, 1), "both places are taken"


def test_nobody_goes_on_past_a_ticket_that_waits_nor_to_a_target_that_is_held() -> None:
    permits = Permits(CONFIG)
    permits.have_queued({"archive"}, lambda _ticket: False)
    assert not permits.go_on_sending("one", "archive", None, 1)
    assert permits.go_on_sending("two", "other", None, 1)


def test_one_that_was_refused_is_passed_by_nobody_on_its_way_to_the_queue() -> None:
    permits = Permits(CONFIG)
    running = {"late"}
    assert permits.begin_sending("busy", "other", None, 1)
    assert not permits.go_on_sending("late", "other", None, 1)
    permits.end_sending("busy")
    permits.have_queued((), running.__contains__)
    assert not permits.go_on_sending("later", "other", None, 1)
    running.clear()
    permits.have_queued((), running.__contains__)
    assert permits.go_on_sending("last", "other", None, 1)


def test_no_ticket_goes_on_into_sending_in_a_daemon_that_is_about_to_end() -> None:
    permits = Permits(CONFIG)
    permits.goes_on = False
    assert not permits.go_on_sending("one", "archive", None, 1)
