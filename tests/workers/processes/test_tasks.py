"""What a worker says of errors that are neither the sender's nor the target's."""

import errno
import logging
import multiprocessing
import os
import time
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from presqt_daemon.config import Config
from presqt_daemon.errors import MachineError, PresqtError
from presqt_daemon.messages import Failed, Short
from presqt_daemon.records import journal
from presqt_daemon.records.lines import LineWriter
from presqt_daemon.staging.stage import StageJob
from presqt_daemon.targets.folder.faults import faults_named
from presqt_daemon.tickets.title import MAX_TITLE_BYTES, check_title, title_from_name
from presqt_daemon.upload.parcels.body import open_body
from presqt_daemon.upload.parcels.decide import Parcel
from presqt_daemon.workers.processes import tasks
from presqt_daemon.workers.processes.tasks import StageTask, run_task
from presqt_daemon.workers.runs.run import DISK, SHORTAGE
from tests.tickets.records import claim_record

NO_THREAD = RuntimeError("can't start new thread")


def end_of(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    remarks: list[Any] | None = None,
) -> Any:
    """What a staging task that meets an error tells at last."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(tasks, "stage", fail)
    config = Config()
    job = StageJob(
        folder=folder, zip_name="a.zip", config=config.staging, payload_mode=0o600, boot_id="b"
    )
    ours, theirs = multiprocessing.Pipe()
    with ours, theirs:
        task = StageTask(
            ticket="t", job=job, claim=claim_record("t"), source_file="a.zip", config=config
        )
        run_task(task, theirs)
        said = []
        while ours.poll():
            said.append(ours.recv())
        if remarks is not None:
            remarks += said[:-1]
        return said[-1]


@pytest.mark.parametrize(
    ("error", "waiting_for"),
    [
        (NO_THREAD, SHORTAGE),
        (OSError(errno.EAGAIN, "no process"), SHORTAGE),
        (OSError(errno.EMFILE, "no handle"), SHORTAGE),
        (OSError(errno.ENOMEM, "no memory"), SHORTAGE),
        (OSError(errno.EIO, "input/output error"), DISK),
        (OSError(errno.EROFS, "read-only"), DISK),
        (OSError(errno.ENOSPC, "full"), DISK),
        (MachineError(OSError(errno.ENOSPC, "full")), DISK),
        (MachineError(OSError(errno.EMFILE, "no handle")), SHORTAGE),
    ],
)
def test_what_the_machine_lacks_makes_the_ticket_wait_and_fails_it_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, waiting_for: str
) -> None:
    end = end_of(tmp_path, monkeypatch, error)
    assert isinstance(end, Short)
    assert end.waiting_for == waiting_for


@pytest.mark.parametrize("error", [RuntimeError("dictionary changed size"), OSError(errno.EBADF)])
def test_a_bug_of_ours_is_no_shortage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    remarks: list[Any] = []
    end = end_of(tmp_path, monkeypatch, error, remarks)
    assert isinstance(end, Failed)
    assert end.error.code == "internal-error"
    (remark,) = remarks
    assert "in fail" in remark.trace
    assert remark.level == logging.ERROR


def test_a_journal_that_cannot_be_written_is_never_told_as_the_targets_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(LineWriter, "append", full)
    book = journal.Journal(tmp_path / "journal.jsonl")
    with pytest.raises(MachineError), faults_named("the archive", "a.txt"):
        # as an adapter notes what it does, in the middle of a put
        book.write_file_note("/a", "x")


def test_a_folder_target_is_not_blamed_for_want_of_handles() -> None:
    with pytest.raises(MachineError), faults_named("the archive", "a.txt"):
        raise OSError(errno.EMFILE, "Too many open files")
    with pytest.raises(PresqtError), faults_named("the archive", "a.txt"):
        raise OSError(errno.EIO, "Input/output error")


def test_a_payload_that_no_handle_is_left_for_is_not_called_spoilt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", refuse)
    parcel = Parcel(name="/a", source=tmp_path / "a", remote=PurePosixPath("a"), size=1, digests={})
    body = open_body(parcel, None, lambda _count: None)
    with pytest.raises(MachineError), body:
        pass


def seconds_of(title: str) -> float:
    began = time.process_time()
    with pytest.raises(PresqtError, match="longer"):
        check_title(title)
    title_from_name(title)
    return time.process_time() - began


def test_a_title_of_marks_costs_no_more_than_its_length() -> None:
    # to put 400,000 marks in order takes minutes; nothing of the kind is begun
    title = "a" + "\u0301\u0316" * 200_000
    assert seconds_of(title) < 10


def test_a_title_that_fits_only_when_composed_is_still_taken() -> None:
    assert check_title("e\u0301" * 100) == "\u00e9" * 100
    assert check_title(" " * 100 + "x" * MAX_TITLE_BYTES) == "x" * MAX_TITLE_BYTES
    with pytest.raises(PresqtError, match="longer"):
        check_title("x" * (MAX_TITLE_BYTES + 1))
