"""`check --deposit`: a small private deposit with difficult names, verified twice, taken away."""

import contextlib
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from presqt_daemon.cli.check.rows import CheckRow, ok, warning, wrong
from presqt_daemon.cli.check.trial_names import try_names
from presqt_daemon.cli.command_line.exits import no_such
from presqt_daemon.config import Config, StagingConfig
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
from presqt_daemon.workers.limits.tokens import MissingTokenError, Tokens

LISTED = 10
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


def check_deposit(config: Config, name: str, environment: Mapping[str, str]) -> list[CheckRow]:
    """A row for the deposit, one for its removal, and one for each thing to know.

    It is never public and never published. Refusal where there is no such target.
    """
    target = config.targets.get(name)
    if target is None:
        raise no_such("target", name, config.targets)
    try:
        token = Tokens(config.targets, dict(environment)).of(target)
    except MissingTokenError as error:
        return [wrong(f"deposit to {name}", f"{error}: not tried")]
    resolved = Resolved(
        target=name, resource_id=None, title=TITLE, duplicate_action=DuplicateAction.IGNORE
    )
    with tempfile.TemporaryDirectory(prefix="presqt-check-") as scratch:
        folder = TicketFolder(Path(scratch) / str(uuid.uuid4()))
        folder.path.mkdir()
        job = SendJob(
            folder=folder.path,
            resolved=resolved,
            target=replace(target, visibility="private", publish="never"),
            token=token,
            uploads=config.uploads,
            boot_id=boot_id(),
            ticket=folder.ticket,
        )
        try:
            rows = list(_deposit(job, folder))
        finally:
            # also after ^C: nothing of a trial is left behind
            removal = list(_remove(job, folder))
        return rows + removal


def _deposit(job: SendJob, folder: TicketFolder) -> Iterator[CheckRow]:
    """What is wrong with it, or that nothing is; what the server does to names; warnings."""
    what = f"deposit to {job.target.name}"
    begun = time.monotonic()
    try:
        count = _stage(folder, traits_of(job.target))
        result = send(job, lambda _question: Go(), lambda _report: None)
        container = read_journal(folder.journal).container
        problems = [*_problems_in(result), *_problems_there(job, folder, container)]
    except (MustWait, PresqtError, OSError) as error:
        yield wrong(what, _sentence(error))
        return
    yield from (wrong(what, problem) for problem in problems[:LISTED])
    if len(problems) > LISTED:
        yield wrong(what, f"... and {len(problems) - LISTED} more")
    if not problems:
        yield ok(
            what,
            f"{count} files, private, verified by the target's own {result.algorithm} "
            f"in {time.monotonic() - begun:.1f} s",
        )
    if container is not None:
        yield from _try_names(job, container)
    for notice in result.warnings:
        # what the trial bag itself leaves out is no news of the target
        if notice.code in _TARGETS_OWN:
            yield warning(what, notice.message)


def _stage(folder: TicketFolder, traits: Traits) -> int:
    """Bag, zip and stage the files that the target can take; how many these are."""
    scratch = folder.path.parent
    payload = scratch / TITLE
    takes_empty = traits.takes_empty_files or not traits.has_folders
    files = {name: content for name, content in FILES.items() if content or takes_empty}
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
    return len(files)


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


def _problems_there(
    job: SendJob, folder: TicketFolder, container: Container | None
) -> Iterator[str]:
    """What another connection, which knows nothing of the first, does not find as it was sent."""
    if container is None:
        return
    with ResultIndex(folder.journal) as index:
        rows = [
            {**row_from_result(result), "path": name, "digests": {}}
            for name in index.names()
            if (result := index.read(name)) is not None
        ]
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
    with contextlib.closing(connect(job.target, job.token)) as target:
        for path, now in ask_again(target, place, rows):
            if now is not Now.SAME:
                yield f"{path} {words[now]}"


def _try_names(job: SendJob, container: Container) -> Iterator[CheckRow]:
    """What the server does to names, or why that could not be seen."""
    what = f"names at {job.target.name}"
    try:
        with contextlib.closing(connect(job.target, job.token)) as target:
            seen = try_names(target, container)
    except (PresqtError, OSError) as error:
        told = f"what it does to names was not seen: {_sentence(error)}"
        yield warning(f"deposit to {job.target.name}", told)
        return
    yield ok(what, seen.said)
    for words in seen.undeclared:
        yield warning(what, f"{words}: not what is known of this kind of target; please report it")


def _remove(job: SendJob, folder: TicketFolder) -> Iterator[CheckRow]:
    """Take the container away again; nothing to say where none was made."""
    record = read_journal(folder.journal)
    container = record.container
    about_deposit = f"deposit to {job.target.name}"
    about_removal = f"removal from {job.target.name}"
    if container is None:
        if record.was_creating:
            yield warning(about_deposit, f"there may be an empty {TITLE!r} at the target")
        return
    is_gone = False
    try:
        with contextlib.closing(connect(job.target, job.token)) as target:
            is_gone = isinstance(target, CanDiscard) and target.discard(container)
    except (PresqtError, OSError) as error:
        yield warning(about_deposit, _sentence(error))
    if is_gone:
        yield ok(about_removal, "the trial deposit is gone again")
    else:
        place = container.link or container.id
        yield warning(
            about_removal, f"this token cannot remove the trial deposit; it is at {place}"
        )
