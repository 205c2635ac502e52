"""A bag unpacked again on the host's own disk is the one that was told, or it is not sent."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import PayloadSpoilt
from presqt_daemon.messages import Alive, Report, Surveyed
from presqt_daemon.records.payload import Payload
from presqt_daemon.staging.scratch.unpack_again import unpack_again
from presqt_daemon.staging.stage import StageJob, stage
from tests.bags import bag_zip

FILES = {f"P/{name}.txt": name.encode() for name in ("a", "b", "c")}
TICKET = "0b0e3a3c-5c3e-4d0e-9a51-6f6a3a0f5a11"


@pytest.fixture
def job(tmp_path: Path) -> StageJob:
    """A job whose ticket holds a zip and whose run has a scratch folder."""
    folder, scratch = tmp_path / TICKET, tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    (folder / "drop.zip").write_bytes(bag_zip(FILES))
    return StageJob(
        folder=folder,
        zip_name="drop.zip",
        config=StagingConfig(),
        payload_mode=0o600,
        boot_id="boot",
        epoch=1,
        scratch=scratch,
    )


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def staged_again(job: StageJob) -> tuple[list[Surveyed], list[Report]]:
    asked: list[Surveyed] = []
    said: list[Report] = []
    with Payload(job.folder / "payload.jsonl") as payload:
        unpack_again(job, payload, asked.append, said.append)
    return asked, said


def test_the_bag_lies_in_the_scratch_folder_alone_and_comes_again_the_same(
    job: StageJob, tmp_path: Path
) -> None:
    (job.folder / "bag").mkdir()  # as a run without a scratch folder left it
    bag = stage(job, lambda _surveyed: ("md5",), lambda _report: None)
    assert set(os.listdir(job.folder)) == {"drop.zip", "payload.jsonl"}
    assert job.scratch is not None
    first = contents(job.scratch / bag.folder)
    assert os.listdir(job.scratch) == [bag.folder]
    told = (job.folder / "payload.jsonl").read_bytes()

    later = replace(job, scratch=tmp_path / "later", epoch=2)
    (tmp_path / "later").mkdir()
    asked, said = staged_again(later)
    assert contents(tmp_path / "later" / bag.folder) == first
    assert (job.folder / "payload.jsonl").read_bytes() == told
    assert [survey.unpacked_bytes for survey in asked] == [sum(map(len, first.values()))]
    assert {type(report) for report in said} <= {Alive}


@pytest.mark.parametrize(
    "changed",
    [
        {**FILES, "P/a.txt": b"other"},
        {name: FILES[name] for name in ("P/a.txt", "P/b.txt")},
        {**FILES, "P/d.txt": b"d"},
    ],
    ids=["another content", "a file less", "a file more"],
)
def test_a_zip_that_gives_another_valid_bag_is_not_sent_unproven(
    job: StageJob, changed: dict[str, bytes]
) -> None:
    stage(job, lambda _surveyed: ("md5",), lambda _report: None)
    assert job.scratch is not None
    (job.folder / "drop.zip").write_bytes(bag_zip(changed))
    again = replace(job, scratch=job.scratch / "again")
    (job.scratch / "again").mkdir()
    with pytest.raises(PayloadSpoilt):
        staged_again(again)
    assert not (job.scratch / "again" / "bag").exists()


@pytest.mark.parametrize("content", [None, b"no zip"], ids=["gone", "torn"])
def test_a_zip_that_is_gone_or_damaged_has_the_ticket_staged_anew(
    job: StageJob, content: bytes | None
) -> None:
    stage(job, lambda _surveyed: ("md5",), lambda _report: None)
    (job.folder / "drop.zip").unlink()
    if content is not None:
        (job.folder / "drop.zip").write_bytes(content)
    with pytest.raises(PayloadSpoilt):
        staged_again(replace(job, epoch=2))
