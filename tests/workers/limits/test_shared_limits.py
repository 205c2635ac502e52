"""What a run is handed goes to another process, or host, as it is."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.config import Config, TargetConfig, UploadsConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.messages import Failed, Limited, Staged, WantsSpace
from presqt_daemon.model import Bag, DuplicateAction, PauseKind, Resolved
from presqt_daemon.staging.stage import StageJob
from presqt_daemon.upload.send import SendJob
from presqt_daemon.workers.limits.permits import Permits
from presqt_daemon.workers.limits.shared_limits import SharedLimits
from presqt_daemon.workers.processes.tasks import StageTask, UploadTask
from presqt_daemon.workers.runs.pauses import Held
from presqt_daemon.workers.runs.run import Run, RunEnd, RunKind, WentOn, Work
from tests.tickets.records import claim_record

CONFIG = Config()
RESOLVED = Resolved(
    target="archive", resource_id=None, title="T", duplicate_action=DuplicateAction.IGNORE
)
STAGE = StageJob(
    folder=Path("/t"), zip_name="a.zip", config=CONFIG.staging, payload_mode=0o600, boot_id="b"
)
SEND = SendJob(
    folder=Path("/t"),
    resolved=RESOLVED,
    target=TargetConfig(name="archive"),
    token="secret",
    uploads=UploadsConfig(),
    boot_id="b",
    ticket="t",
)
BAG = Bag(folder="bag", version="1.0", algorithms=(), info=(), payload_files=1, payload_bytes=1)
HELD = Held(kind=PauseKind.OUTAGE, cause="no answer", waiting_for="the target")


@pytest.mark.parametrize(
    "value",
    [
        Run(ticket="t", work=Work.STAGE, zip_bytes=1, folder="archive"),
        RunEnd(ticket="t", kind=RunKind.PARKED, info=None, held=HELD),
        WentOn("t", "archive", None),
        StageTask(
            ticket="t", job=STAGE, claim=claim_record("t"), source_file="a.zip", config=CONFIG
        ),
        UploadTask(ticket="t", job=SEND),
        WantsSpace(resolved=RESOLVED, folder="archive", unpacked_bytes=1, entries=1),
        Staged(bag=BAG),
        Limited(reason="no", waiting_for="the target", seconds=None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_run_is_handed_and_what_it_says_is_plain_data(value: object) -> None:
    assert pickle.loads(pickle.dumps(value)) == value


def test_an_error_keeps_its_code_on_the_way() -> None:
    told = pickle.loads(pickle.dumps(Failed(error=UserFault("bad-request", "No."))))
    assert (told.error.code, told.error.message) == ("bad-request", "No.")


def test_a_run_that_goes_on_into_sending_has_waited_for_nothing_yet() -> None:
    run = Run(ticket="t", work=Work.STAGE, deaths=2, is_resume=True, waited_seconds=60.0)
    sending = run.into_sending()
    assert (sending.work, sending.deaths, sending.is_resume) == (Work.UPLOAD, 0, False)
    assert sending.waited_seconds == 0.0
    again = replace(run, is_restaged=True).into_sending()
    assert again.deaths == 2, "a disk that keeps nothing is no progress"


def test_the_limits_of_one_daemon_are_what_a_run_asks() -> None:
    limits: SharedLimits = Permits(CONFIG)
    assert limits.refused_mark("archive") is None
