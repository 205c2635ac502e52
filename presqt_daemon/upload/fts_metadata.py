"""PRESQT_FTS_METADATA.json at the target: written after all files, beside them (PresQT's habit).

Only PresQT's own targets get one; a folder target holds the payload and nothing else, since the
record of its uploads is the ticket's receipt. An error here never fails an upload, and is told.
"""

import contextlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import cast

from presqt_daemon.digest import Digester, is_known, strongest_common
from presqt_daemon.errors import PresqtError
from presqt_daemon.metadata.fts_document import (
    INVALID_NAME,
    NAME,
    READABLE_NAMES,
    FtsMetadata,
    fts_bytes,
    has_action,
    merge,
    parse_fts,
    upload_action,
)
from presqt_daemon.model import FileResult, Finding, Outcome, PauseKind, Severity
from presqt_daemon.records.file_rows import ResultIndex
from presqt_daemon.targets.abilities import CanFetch
from presqt_daemon.targets.base import Body, Container, Item, Sending, Target
from presqt_daemon.upload.calls.patience import MustWait
from presqt_daemon.upload.calls.threads import TargetThreads

METADATA_ERROR = "metadata-error"
"""The warning's code; the final message says it in PresQT's words."""

MAX_BYTES = 16 << 20
FALLBACK_ALGORITHMS = ("sha256", "md5")

Listing = Mapping[PurePosixPath, Item]


@dataclass(frozen=True, slots=True, kw_only=True)
class FtsJob:
    """What the file tells: the upload's ticket, target and account, and the bag's own history.

    `journal` is the ticket's `journal.jsonl`, flushed; `source` what the bag itself brought along.
    """

    ticket: str
    target_type: str
    account: str | None
    journal: Path
    source: FtsMetadata | None
    now: datetime


def write_fts_metadata(
    target: Target, container: Container, listing: Listing, threads: TargetThreads, job: FtsJob
) -> tuple[Finding, ...]:
    """Write the file; a warning when that failed. `listing` is the container's, of any age.

    Nothing is sent when the upload stands there already. Raises MustWait for a rate limit.
    """
    if job.target_type not in READABLE_NAMES:
        return ()
    try:
        _Writer(target, container, threads, job).write(listing)
    except MustWait as wait:
        if wait.limited.kind is PauseKind.LIMIT:
            raise
        return (_warning(wait.limited.reason),)
    except _NotWrittenError as error:
        return (_warning(str(error)),)
    except PresqtError as error:
        return (_warning(error.message),)
    return ()


class _NotWrittenError(Exception):
    """Why the file was not written."""


@dataclass(frozen=True, slots=True)
class _Writer:
    """One upload's file on its way to one container."""

    _target: Target
    _container: Container
    _threads: TargetThreads
    _job: FtsJob

    def write(self, listing: Listing) -> None:
        with ResultIndex(self._job.journal) as index:
            results = [result for name in index.names() if (result := index.read(name))]
        action = upload_action(
            ticket=self._job.ticket,
            target_type=self._job.target_type,
            account=self._job.account,
            container_title=self._container.title,
            results=results,
            now=self._job.now,
        )
        path = _place(results, self._job.ticket)
        for _ in range(2):
            with contextlib.suppress(FileExistsError):
                return self._write(path, action, listing)
            listing = self._threads.run(lambda _doubtful: self._target.listing(self._container))
        raise _NotWrittenError(f"the target says of {path} that it is there and that it is not")

    def _write(self, path: PurePosixPath, action: dict[str, object], listing: Listing) -> None:
        item = listing.get(path)
        old = None
        if item is not None:
            if not isinstance(self._target, CanFetch) and self._container.is_new:
                return
            content = self._content(item)
            old = parse_fts(content)
            if old is None:
                self._put(_free_name(listing), content, None)
            elif has_action(old, action):
                return
        self._put(path, fts_bytes(merge(action, self._job.source, old)), item)

    def _content(self, item: Item) -> bytes:
        """What stands there already, which is never lost."""
        target = self._target
        if not isinstance(target, CanFetch):
            raise _NotWrittenError(f"{item.path} is there already and cannot be read")
        content = self._threads.run(
            lambda _doubtful: target.fetch(self._container, item, MAX_BYTES)
        )
        if content is None:
            raise _NotWrittenError(f"{item.path} is there already and too large to be read")
        return content

    def _put(self, path: PurePosixPath, content: bytes, replaces: Item | None) -> None:
        """Store the content, once more where it arrived wrong."""
        limit = self._target.traits.max_file_bytes
        if limit is not None and len(content) > limit:
            raise _NotWrittenError(f"{path} would be too large for the target")
        sending = _sending(path, content, self._target.traits.algorithms)
        for _ in range(2):
            item = self._stored(sending, replaces)
            algorithm = strongest_common(item.digests, sending.digests)
            if algorithm is None or item.digests[algorithm] == sending.digests[algorithm]:
                return
            replaces = item
        raise _NotWrittenError(f"{path} arrived with another content")

    def _stored(self, sending: Sending, replaces: Item | None) -> Item:
        """The file as the target has it after its commit."""

        def put(is_doubtful: bool) -> Item:
            place = replaces
            if is_doubtful:
                place = self._target.listing(self._container).get(sending.path, replaces)
            return self._target.put(self._container, sending, place)

        item = self._threads.run(put)
        committed = self._threads.run(lambda _doubtful: self._target.commit(self._container))
        item = committed.get(sending.path, item)
        if item.digests:
            return item
        digests = self._threads.run(
            lambda _doubtful: self._target.digest(self._container, item, tuple(sending.digests))
        )
        return replace(item, digests=digests)


def _place(results: list[FileResult], ticket: str) -> PurePosixPath:
    """Where the file goes: not where the bag's own file of that name stands, which stays."""
    taken = any(
        result.remote_path == NAME and result.outcome is not Outcome.IGNORED for result in results
    )
    if not taken:
        return PurePosixPath(NAME)
    stem = PurePosixPath(NAME)
    return stem.with_name(f"{stem.stem}.{ticket[:8]}{stem.suffix}")


def _free_name(listing: Listing) -> PurePosixPath:
    """A name for an invalid file; an older one of that name is not lost."""
    plain = PurePosixPath(INVALID_NAME)
    numbered = (plain.with_name(f"{plain.stem}_{number}{plain.suffix}") for number in count(2))
    return next(path for path in chain([plain], numbered) if path not in listing)


def _sending(path: PurePosixPath, content: bytes, algorithms: tuple[str, ...]) -> Sending:
    """A file whose bytes are in memory."""

    @contextlib.contextmanager
    def opened() -> Iterator[Body]:
        with io.BytesIO(content) as stream:
            yield cast("Body", stream)

    digester = Digester(filter(is_known, {*algorithms, *FALLBACK_ALGORITHMS}), len(content))
    digester.update(content)
    return Sending(path=path, size=len(content), digests=digester.digests(), open=opened)


def _warning(reason: str) -> Finding:
    return Finding(
        code=METADATA_ERROR,
        path=NAME,
        message=f"All files are there, but {NAME} was not written: {reason.rstrip('.')}.",
        severity=Severity.WARNING,
    )
