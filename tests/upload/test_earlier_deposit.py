"""Whether what an earlier ticket has brought still stands, asked of a real folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import TargetFault
from presqt_daemon.messages import Delayed, Report
from presqt_daemon.records.receipt import write_receipt
from presqt_daemon.targets.base import Target, connect
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.upload.earlier_deposit import EarlierDeposit, is_still_there
from tests.tickets.infos import finished_info
from tests.upload.tickets import FILES, Supervisor, folder_config, job_for, staged


@pytest.fixture
def config(tmp_path: Path) -> TargetConfig:
    return folder_config(tmp_path / "archive")


@pytest.fixture
def earlier(tmp_path: Path, config: TargetConfig) -> EarlierDeposit:
    """A ticket that has ended well."""
    folder = TicketFolder(staged(tmp_path))
    Supervisor().send(job_for(folder.path, config))
    info = finished_info(ticket_number=folder.ticket)
    write_receipt(folder, info, now=info.updated_at)
    return EarlierDeposit(ticket=folder.ticket, receipt=folder.receipt)


class Slow:
    """A target that waits for something of its own within a call."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.waits_for: Callable[[str, float], None] = lambda _what, _seconds: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def listing(self, *args: Any) -> Any:
        self.waits_for("its own list", 90.0)
        self.waits_for("", 0.0)
        return self._target.listing(*args)


class Hiccups(Slow):
    """One that is not there for a moment, at the second file's digest."""

    asked = 0

    def digest(self, *args: Any) -> Any:
        self.asked += 1
        if self.asked == 2:
            raise TargetFault("target-unavailable", "Down.", retryable=True)
        return self._target.digest(*args)


def test_it_stands_until_a_byte_of_it_changes(
    tmp_path: Path, config: TargetConfig, earlier: EarlierDeposit
) -> None:
    job = job_for(staged(tmp_path), config)
    assert is_still_there(job, earlier, lambda _report: None)
    (tmp_path / "archive" / "Project" / "a.txt").write_bytes(b"alphA\n")
    assert not is_still_there(job, earlier, lambda _report: None)


def test_a_wait_inside_a_call_is_told(
    tmp_path: Path, config: TargetConfig, earlier: EarlierDeposit
) -> None:
    told: list[Report] = []
    job = job_for(staged(tmp_path), config)
    slow = lambda of, token: cast("Target", Slow(connect(of, token)))
    assert is_still_there(job, earlier, told.append, connect=slow)
    waits = [report for report in told if isinstance(report, Delayed)]
    assert waits[:2] == [
        Delayed(waiting_for="its own list", seconds=90.0),
        Delayed(waiting_for=None),
    ]


def test_only_the_question_that_was_not_answered_is_asked_again(
    tmp_path: Path, config: TargetConfig, earlier: EarlierDeposit
) -> None:
    there: list[Hiccups] = []

    def open_target(of: TargetConfig, token: str | None) -> Target:
        there.append(Hiccups(connect(of, token)))
        return cast("Target", there[0])

    job, nothing = job_for(staged(tmp_path), config), lambda _given: None
    assert is_still_there(job, earlier, nothing, connect=open_target, sleep=nothing)
    assert there[0].asked == len(FILES) + 1
