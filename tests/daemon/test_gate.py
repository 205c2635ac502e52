import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.daemon.gate import GateError, open_gate
from presqt_daemon.records.found_tickets import FoundTickets, find_tickets
from presqt_daemon.system.shortage import start_thread
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers import upgrade_runner
from presqt_daemon.workers.processes.pool import Pool
from presqt_daemon.workers.upgrade_runner import UpgradeRunner
from tests.upgrade.past import presqt


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[UpgradeRunner]:
    (tmp_path / "uploads").mkdir()
    runner = UpgradeRunner(Config(mediafiles=tmp_path), Pool())
    yield runner
    runner.stop()


def waiting(most: float = 60.0) -> Callable[[str], bool]:
    """What waits for the gate; it must not take longer than so many seconds."""
    until = time.monotonic() + most

    def wait(_what: str) -> bool:
        time.sleep(0.01)
        assert time.monotonic() < until, "the start hangs"
        return True

    return wait


def opened(runner: UpgradeRunner, mediafiles: Path) -> FoundTickets | None:
    """The gate's word."""
    return open_gate(look(mediafiles), runner, lambda: look(mediafiles), waiting())


def look(mediafiles: Path) -> FoundTickets:
    return find_tickets(Uploads(mediafiles))


def test_a_start_that_lacks_no_record_begins_no_run(runner: UpgradeRunner, tmp_path: Path) -> None:
    assert opened(runner, tmp_path) == FoundTickets()
    assert runner.state() is None


def test_a_start_waits_for_records_and_for_those_of_tickets_that_came_meanwhile(
    runner: UpgradeRunner, tmp_path: Path
) -> None:
    presqt(tmp_path / "uploads")
    late = iter([lambda: presqt(tmp_path / "uploads")])

    def again() -> FoundTickets:
        next(late, lambda: None)()
        return look(tmp_path)

    found = open_gate(look(tmp_path), runner, again, waiting())
    assert found is not None
    assert (len(found.tickets), found.unrecorded) == (2, frozenset())


def test_a_start_that_is_to_stop_goes_no_further(runner: UpgradeRunner, tmp_path: Path) -> None:
    presqt(tmp_path / "uploads")
    assert open_gate(look(tmp_path), runner, FoundTickets, lambda _what: False) is None


def test_a_start_for_which_there_is_no_thread_at_first_is_not_stuck(
    runner: UpgradeRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    presqt(tmp_path / "uploads")
    refused = iter(range(2))

    def start_late(work: Callable[[], None], name: str) -> threading.Thread | None:
        return start_thread(work, name) if next(refused, None) is None else None

    monkeypatch.setattr(upgrade_runner, "start_thread", start_late)
    found = opened(runner, tmp_path)
    assert found is not None
    assert not found.unrecorded


def test_records_that_cannot_be_made_keep_the_inbox_closed_and_the_reason_is_told(
    runner: UpgradeRunner, tmp_path: Path
) -> None:
    presqt(tmp_path / "uploads")
    (tmp_path / "prepare_upgrade" / "tickets").mkdir(parents=True)
    with pytest.raises(GateError, match=r"1 past tickets have no record.*Is a directory"):
        opened(runner, tmp_path)


def test_a_ticket_without_hope_holds_up_no_start(runner: UpgradeRunner, tmp_path: Path) -> None:
    presqt(tmp_path / "uploads").receipt.mkdir()
    found = opened(runner, tmp_path)
    assert found is not None
    assert len(found.unrecorded) == 1
