"""Whether what an earlier ticket has brought still stands, asked of a real folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.messages import Delayed, Report
from presqt_daemon.records.receipt import write_receipt
from presqt_daemon.targets.base import Target, connect
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.upload.earlier_deposit import EarlierDeposit, is_still_there
from tests.tickets.infos import finished_info
from tests.upload.tickets import Supervisor, folder_config, job_for, staged


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
