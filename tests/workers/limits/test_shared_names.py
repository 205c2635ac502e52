from pathlib import Path

from presqt_daemon.workers.limits.shared_names import FOLDER_NAME, SharedNames

KIND = "container"


def test_a_thing_has_one_ticket_among_all_hosts(tmp_path: Path) -> None:
    first, second = SharedNames(tmp_path, "a"), SharedNames(tmp_path, "b")
    assert first.take(KIND, "node 1", "ticket-1")
    assert first.take(KIND, "node 1", "ticket-1"), "the same ticket may ask again"
    assert not second.take(KIND, "node 1", "ticket-2")
    assert second.take(KIND, "node 2", "ticket-2")
    assert second.take("creating", "node 1", "ticket-2"), "another kind of thing"
    first.free("ticket-1")
    assert second.take(KIND, "node 1", "ticket-2")


def test_only_things_of_the_kind_are_let_go(tmp_path: Path) -> None:
    names, other = SharedNames(tmp_path, "a"), SharedNames(tmp_path, "b")
    assert names.take("creating", "account", "ticket-1")
    assert names.take(KIND, "node", "ticket-1")
    names.free("ticket-1", "creating")
    assert other.take("creating", "account", "ticket-2")
    assert not other.take(KIND, "node", "ticket-2")


def test_a_host_that_thaws_lets_go_of_nothing_that_its_ticket_has_elsewhere(
    tmp_path: Path,
) -> None:
    frozen, taker = SharedNames(tmp_path, "a"), SharedNames(tmp_path, "b")
    assert frozen.take(KIND, "node", "ticket-1")
    assert taker.take(KIND, "node", "ticket-1")
    frozen.free("ticket-1")
    assert not SharedNames(tmp_path, "c").take(KIND, "node", "ticket-2")


def test_what_a_dead_host_had_goes_with_its_ticket(tmp_path: Path) -> None:
    SharedNames(tmp_path, "dead").take(KIND, "node", "ticket-1")
    SharedNames(tmp_path, "dead").take(KIND, "other", "ticket-2")
    SharedNames(tmp_path, "daemon").free_all("ticket-1")
    assert len(list((tmp_path / FOLDER_NAME).iterdir())) == 1
    SharedNames(tmp_path / "nothing yet", "daemon").free_all("ticket-1")
