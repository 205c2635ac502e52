"""What a worker is handed: the task, its limits, and what keeps a run from beginning."""

from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.config import Config, StagingConfig, TargetConfig, UploadsConfig
from presqt_daemon.errors import HouseFault, UserFault
from presqt_daemon.model import PauseKind, Stage
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.status_writer import StatusWriter
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.limits.tokens import Tokens
from presqt_daemon.workers.processes.prepare import make_job
from presqt_daemon.workers.processes.tasks import StageTask, UploadTask
from presqt_daemon.workers.runs.run import Run, TargetHeldError, Work
from tests.tickets.infos import new_info, sending_info, writer_of
from tests.tickets.records import claim_record

TOKEN = "p" * 40


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        mediafiles=tmp_path,
        staging=StagingConfig(time_limit=10.0, max_zip_bytes=100),
        uploads=UploadsConfig(time_limit=20.0, stall_limit=5.0, memory_limit=1 << 30),
        targets={
            "archive": TargetConfig(name="archive", type="folder", path=tmp_path / "a"),
            "osf": TargetConfig(name="osf", type="osf", token_env="OSF_TOKEN", time_limit=30.0),
        },
    )


def holder_of(config: Config, info: ProcessInfo, content: bytes | None = b"zip") -> StatusWriter:
    uploads = Uploads(config.mediafiles)
    folder = uploads.folder(info.ticket_number)
    folder.path.mkdir(parents=True)
    if content is not None:
        (folder.path / "thesis.zip").write_bytes(content)
        folder.write_claim(claim_record(folder.ticket, "archive"))
    return writer_of(uploads, folder, info)


def tokens(config: Config, **environment: str) -> Tokens:
    return Tokens(config.targets, environment)


def run_of(holder: StatusWriter, work: Work, *, is_resume: bool = False) -> Run:
    return Run(ticket=holder.info.ticket_number, work=work, is_resume=is_resume)


def test_staging_begins_from_the_zip_whatever_was_staged_before(config: Config) -> None:
    holder = holder_of(config, sending_info(waiting_for="a worker", function_process_id=None))
    job = make_job(run_of(holder, Work.STAGE), holder, config, tokens(config), room=7)
    assert isinstance(job.task, StageTask)
    assert (job.task.job.zip_name, job.task.room) == ("thesis.zip", 7)
    assert (job.limits.wall_seconds, job.limits.stall_seconds) == (10.0, 5.0)
    assert job.limits.memory_bytes == 1 << 30
    assert (holder.info.stage, holder.info.waiting_for) == (Stage.RECEIVED, None)


def test_a_zip_that_is_gone_and_one_that_is_too_large_end_the_ticket(config: Config) -> None:
    gone, large = holder_of(config, new_info(), None), holder_of(config, new_info(), bytes(101))
    with pytest.raises(HouseFault) as lost:
        make_job(run_of(gone, Work.STAGE), gone, config, tokens(config))
    assert lost.value.code == "state-lost"
    with pytest.raises(UserFault, match="max_zip_bytes") as refused:
        make_job(run_of(large, Work.STAGE), large, config, tokens(config))
    assert refused.value.code == "too-large"


def test_sending_gets_the_token_and_the_targets_own_time(config: Config) -> None:
    holder = holder_of(config, sending_info(target="osf", resource_id="abc12"))
    run = run_of(holder, Work.UPLOAD, is_resume=True)
    job = make_job(run, holder, config, tokens(config, OSF_TOKEN=TOKEN))
    assert isinstance(job.task, UploadTask)
    assert (job.task.job.token, job.task.job.resolved.resource_id) == (TOKEN, "abc12")
    assert job.limits.wall_seconds == 30.0
    assert holder.info.resumes == 1


def test_a_target_without_a_token_or_without_its_entry_holds_its_tickets(config: Config) -> None:
    holder = holder_of(config, sending_info(target="osf"))
    with pytest.raises(TargetHeldError) as without_token:
        make_job(run_of(holder, Work.UPLOAD), holder, config, tokens(config))
    assert without_token.value.held is not None
    assert without_token.value.held.kind is PauseKind.TOKEN
    elsewhere = replace(config, targets={})
    with pytest.raises(TargetHeldError) as unknown:
        make_job(run_of(holder, Work.UPLOAD), holder, elsewhere, tokens(elsewhere))
    assert unknown.value.held is not None
    assert unknown.value.held.kind is PauseKind.OPERATOR
    assert "not configured any more" in unknown.value.held.cause
