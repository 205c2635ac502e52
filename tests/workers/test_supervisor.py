"""A run that needs no worker: what is found before one is asked for anything."""

import shutil
from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.model import Stage, Status
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.limits.duplicates import KnownContents
from presqt_daemon.workers.limits.permits import Permits
from presqt_daemon.workers.limits.tokens import Tokens
from presqt_daemon.workers.processes.pool import Pool
from presqt_daemon.workers.runs.run import Run, RunEnd, RunKind, Work
from presqt_daemon.workers.supervisor import Supervisor
from tests.tickets.infos import finished_info, new_info, sending_info, write_info


class OneHost:
    """A supervisor whose pool must not be used; `released` are the tickets that gave all back."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        config = Config(mediafiles=root)
        self.uploads = Uploads(root)
        self.uploads.root.mkdir()
        self.permits = Permits(config)
        self.released: list[str] = []
        monkeypatch.setattr(Permits, "release", lambda _, ticket: self.released.append(ticket))
        monkeypatch.setattr(Pool, "start_worker", lambda _: pytest.fail("a worker was started"))
        self.supervisor = Supervisor(
            config=config,
            uploads=self.uploads,
            pool=Pool(),
            permits=self.permits,
            tokens=Tokens(config.targets, {}),
            contents=KnownContents(self.uploads),
        )

    def add(self, info: ProcessInfo) -> str:
        folder = self.uploads.folder(info.ticket_number)
        folder.path.mkdir()
        write_info(self.uploads, folder, info)
        return info.ticket_number

    def run(self, ticket: str, work: Work) -> RunEnd:
        return self.supervisor.run(Run(ticket=ticket, work=work), self.permits)

    def info(self, ticket: str) -> ProcessInfo:
        return self.uploads.folder(ticket).read_info()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OneHost:
    return OneHost(tmp_path, monkeypatch)


def test_a_ticket_that_has_ended_meanwhile_is_left_as_it_is(host: OneHost) -> None:
    ticket = host.add(finished_info())
    before = host.uploads.folder(ticket).read_info_bytes()
    assert host.run(ticket, Work.UPLOAD).kind is RunKind.OVER
    assert host.uploads.folder(ticket).read_info_bytes() == before
    assert host.released == [ticket]


def test_a_ticket_whose_folder_is_gone_is_over_and_told(
    host: OneHost, caplog: pytest.LogCaptureFixture
) -> None:
    ticket = host.add(sending_info())
    shutil.rmtree(host.uploads.folder(ticket).path)
    end = host.run(ticket, Work.UPLOAD)
    assert (end.kind, end.info) == (RunKind.OVER, None)
    assert "the ticket's folder is gone" in caplog.text
    assert host.released == [ticket]


def test_a_ticket_waits_while_the_disk_of_all_tickets_is_away(
    host: OneHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = host.add(sending_info())
    monkeypatch.setattr(Uploads, "is_there", lambda _: False)
    end = host.run(ticket, Work.UPLOAD)
    assert end.kind is RunKind.PARKED
    assert end.seconds
    assert host.info(ticket).status is Status.IN_PROGRESS
    assert host.released == [ticket]


def test_a_ticket_whose_status_no_longer_knows_that_it_is_staged_is_staged_again(
    host: OneHost,
) -> None:
    ticket = host.add(new_info())
    assert host.run(ticket, Work.UPLOAD).kind is RunKind.AGAIN
    assert host.info(ticket).stage is Stage.RECEIVED
    assert host.released == [ticket]


def test_a_ticket_without_its_zip_ends_and_says_why(host: OneHost) -> None:
    ticket = host.add(new_info())
    assert host.run(ticket, Work.STAGE).kind is RunKind.OVER
    assert host.info(ticket).error_code == "state-lost"
    assert host.released == [ticket]


def test_a_run_has_given_its_ticket_back_when_it_is_over(host: OneHost) -> None:
    ticket = host.add(finished_info())
    host.run(ticket, Work.UPLOAD)
    with host.uploads.parties.having(ticket):
        pass
