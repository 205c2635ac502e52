"""A small private deposit with difficult names: made, verified twice, taken away again."""

import contextlib
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from presqt_daemon.cli.check.trial_names import NamesSeen, try_names
from presqt_daemon.config import StagingConfig, TargetConfig, UploadsConfig
from presqt_daemon.errors import PresqtError
from presqt_daemon.messages import Go
from presqt_daemon.model import DuplicateAction, Resolved, UploadResult
from presqt_daemon.records.file_rows import ResultIndex, row_from_result
from presqt_daemon.records.journal import read_journal
from presqt_daemon.staging.make import bag_and_zip
from presqt_daemon.staging.stage import StageJob, stage
from presqt_daemon.system.host import boot_id
from presqt_daemon.targets.abilities import CanDiscard
from presqt_daemon.targets.base import Container, Traits, connect, traits_of
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.upload.ask_again import Now, PlaceAtTarget, ask_again
from presqt_daemon.upload.calls.patience import MustWait
from presqt_daemon.upload.fts_metadata import METADATA_ERROR
from presqt_daemon.upload.send import SendJob, send

TITLE = "presqt-daemon check"
ABOUT = "A trial deposit of `presqt-daemon check`. It may be removed at any time."
FILES: Mapping[str, bytes] = {
    "with space.txt": b"a space\n",
    "Gr\u00fc\u00dfe \u20ac \U0001f4e6.txt": "Umlaute, \u20ac und mehr\n".encode(),
    "100%20#&'.txt": b"looks encoded\n",
    "a+b=c;d,e@f!$().txt": b"reserved characters\n",
    ".hidden": b"a dot\n",
    "no ending": b"\x00\x01\xfe\xff not a text\n",
    "deep/er/and/deeper/still here.txt": b"deep\n",
    "empty.txt": b"",
}

_TARGETS_OWN = frozenset({METADATA_ERROR, "metadata-refused"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of it; `problems` is empty when all went well.

    `link` leads to what is still there, None when all is gone; `algorithm` is what the target's
    word was compared in; `names` is what the server does to names, None where it was not seen.
    """

    files: int
    seconds: float
    algorithm: str | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    names: NamesSeen | None = None
    is_made: bool = False
    is_removed: bool = False
    link: str | None = None


def try_deposit(target: TargetConfig, token: str | None, uploads: UploadsConfig) -> Trial:
    """The deposit's end, whatever came of it; never public, never published."""
    target = replace(target, visibility="private", publish="never")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="presqt-check-") as scratch:
        folder = TicketFolder(Path(scratch) / str(uuid.uuid4()))
        folder.path.mkdir()
        files = files_for(traits_of(target))
        job = _job(folder, target, token, uploads)
        try:
            result, problems = _deposited(job, folder, files)
            names, unseen = (None, ()) if result is None else _names_at(job, folder)
        finally:
            record = read_journal(folder.journal)
            container = record.container
            is_removed, why = _remove(target, token, container)
        if container is None and record.was_creating:
            why = (f"there may be an empty {TITLE!r} at the target",)
        return Trial(
            files=len(files),
            seconds=time.monotonic() - begun,
            algorithm=None if result is None else result.algorithm,
            problems=problems,
            notes=(*_notes_in(result), *unseen, *why),
            names=names,
            is_made=container is not None,
            is_removed=is_removed,
            link=None if container is None or is_removed else container.link or container.id,
        )


def files_for(traits: Traits) -> Mapping[str, bytes]:
    """The files that the target can take as they are."""
    takes_empty = traits.takes_empty_files or not traits.has_folders
    return {name: content for name, content in FILES.items() if content or takes_empty}


def _job(
    folder: TicketFolder, target: TargetConfig, token: str | None, uploads: UploadsConfig
) -> SendJob:
    resolved = Resolved(
        target=target.name,
        resource_id=None,
        title=TITLE,
        duplicate_action=DuplicateAction.IGNORE,
    )
    return SendJob(
        folder=folder.path,
        resolved=resolved,
        target=target,
        token=token,
        uploads=uploads,
        boot_id=boot_id(),
        ticket=folder.ticket,
    )


def _stage(folder: TicketFolder, files: Mapping[str, bytes], traits: Traits) -> None:
    """Bag, zip and stage the files, as a drop of them would be."""
    scratch = folder.path.parent
    payload = scratch / TITLE
    for name, content in files.items():
        path = payload / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    bag_and_zip(
        payload,
        folder.path / "check.zip",
        scratch=scratch,
        title=TITLE,
        labels={"External-Description": ABOUT},
    )
    job = StageJob(
        folder=folder.path,
        zip_name="check.zip",
        config=StagingConfig(),
        payload_mode=0o600,
        boot_id=boot_id(),
    )
    stage(job, lambda _surveyed: traits.algorithms, lambda _report: None)


def _deposited(
    job: SendJob, folder: TicketFolder, files: Mapping[str, bytes]
) -> tuple[UploadResult | None, tuple[str, ...]]:
    """The upload's result, None where it came to none, and all that is wrong."""
    try:
        _stage(folder, files, traits_of(job.target))
        result = send(job, lambda _question: Go(), lambda _report: None)
        return result, (*_problems_in(result), *_problems_there(job, folder))
    except (MustWait, PresqtError, OSError) as error:
        return None, (_sentence(error),)


def _sentence(error: Exception) -> str:
    """What ended a deposit early."""
    if isinstance(error, MustWait):
        seconds = error.limited.seconds
        return error.limited.reason + (f" Try again in {seconds:.0f} s." if seconds else "")
    if isinstance(error, PresqtError):
        return f"{error.message} [{error.code}]"
    return getattr(error, "strerror", None) or repr(error)


def _problems_in(result: UploadResult) -> Iterator[str]:
    for path in result.failed_fixity:
        yield f"{path} arrived with another content"
    for path in result.unverified_fixity:
        yield f"{path}: the target gives no digest of it"
    for path in result.ignored:
        yield f"{path} was not taken"


def _problems_there(job: SendJob, folder: TicketFolder) -> Iterator[str]:
    """What another connection, which knows nothing of the first, does not find as it was sent."""
    container = _container(folder)
    if container is None:
        return
    with ResultIndex(folder.journal) as index:
        rows = [_row(index, name) for name in index.names()]
    place = PlaceAtTarget(
        ticket=job.ticket,
        resource_id=container.id,
        title=container.title,
        link=container.link,
        state=container.state,
    )
    words = {
        Now.GONE: "is not found under its name",
        Now.CHANGED: "is there with another content",
        Now.UNKNOWN: "has no digest there",
    }
    target = connect(job.target, job.token)
    with contextlib.closing(target):
        for path, now in ask_again(target, place, rows):
            if now is not Now.SAME:
                yield f"{path} {words[now]}"


def _names_at(job: SendJob, folder: TicketFolder) -> tuple[NamesSeen | None, tuple[str, ...]]:
    """What the server does to names; None and why where that could not be seen."""
    container = _container(folder)
    if container is None:
        return None, ()
    try:
        with contextlib.closing(connect(job.target, job.token)) as target:
            return try_names(target, container), ()
    except (PresqtError, OSError) as error:
        return None, (f"what it does to names was not seen: {_sentence(error)}",)


def _row(index: ResultIndex, name: str) -> Mapping[str, Any]:
    result = index.read(name)
    assert result is not None
    return {**row_from_result(result), "path": name, "digests": {}}


def _notes_in(result: UploadResult | None) -> Iterator[str]:
    """Warnings about the target; what the trial bag itself leaves out is none of them."""
    for warning in () if result is None else result.warnings:
        if warning.code in _TARGETS_OWN:
            yield warning.message


def _container(folder: TicketFolder) -> Container | None:
    """What the journal knows of."""
    return read_journal(folder.journal).container


def _remove(
    target: TargetConfig, token: str | None, container: Container | None
) -> tuple[bool, tuple[str, ...]]:
    """Whether the container is gone, and why not."""
    if container is None:
        return False, ()
    try:
        with contextlib.closing(connect(target, token)) as connection:
            if isinstance(connection, CanDiscard):
                return connection.discard(container), ()
    except (PresqtError, OSError) as error:
        return False, (_sentence(error),)
    return False, ()
