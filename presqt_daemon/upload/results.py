"""What came of single files: their results, what is to be said beside them, errors by file."""

import contextlib
import threading
from collections.abc import Iterable
from pathlib import PurePosixPath

from presqt_daemon.errors import PresqtError
from presqt_daemon.model import FileResult, Finding, Fixity, Outcome, Severity, UploadResult
from presqt_daemon.targets.base import Item
from presqt_daemon.upload.parcels.decide import Decision, Parcel

_SENTENCES = {
    # the target answered a creation as a replacement
    "has-replaced": "{name}: somebody stored a file of that name while it was sent, and the target "
    "put ours in its place; ask there for the version before.",
    # it altered a name in a way that is not known of it
    "stored-under-another-name": "{name} was sent as {asked!r}, and the target says that it stored "
    "{answered!r}.",
    # it said that it stored a file, and does not show it
    "not-there": "The target answered that it stored {name}, twice, and does not show it.",
    # another content stands there than was verified a moment before
    "changed-at-the-target": "{name} was stored and verified; by the end of the upload the target "
    "showed another content there.",
}


class Doubts:
    """Warnings about single files; may be told from any thread, each file's kind once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def add(self, code: str, name: str, **words: str) -> None:
        """Tell of one file; `words` are what the code's sentence says besides its name."""
        with self._lock:
            self._found.setdefault((code, name), _SENTENCES[code].format(name=name, **words))

    def warnings(self) -> tuple[Finding, ...]:
        """All, in the order in which they were met."""
        with self._lock:
            found = list(self._found.items())
        return tuple(
            Finding(code=code, path=path, message=message, severity=Severity.WARNING)
            for (code, path), message in found
        )


def result_from(parcel: Parcel, item: Item, outcome: Outcome, verdict: Decision) -> FileResult:
    """A file's result by what the target said of it, or of what stands in its place."""
    remote = verdict.remote
    if remote is None:
        remote = next(iter(item.digests.values()), None)
    return FileResult(
        path=PurePosixPath(parcel.name),
        outcome=outcome,
        fixity=verdict.fixity,
        size=parcel.size,
        algorithm=verdict.algorithm,
        local_digest=verdict.local,
        remote_digest=remote,
        remote_path=str(item.path),
        differs=outcome is Outcome.IGNORED and verdict.fixity is Fixity.MISMATCHED,
    )


def with_path(error: PresqtError, path: str) -> PresqtError:
    """The same error, naming the file that met it."""
    if error.findings:
        return error
    with contextlib.suppress(TypeError):
        return type(error)(
            error.code,
            error.message,
            findings=(Finding(code=error.code, message=error.message, path=path),),
            retryable=error.retryable,
            retry_after=error.retry_after,
            outcome_unknown=error.outcome_unknown,
            is_outage=error.is_outage,
        )
    return error


class UploadSummary:
    """Counts each file once: a later result of the same file takes the place of the earlier."""

    def __init__(self) -> None:
        self._ignored: dict[str, None] = {}
        self._updated: dict[str, None] = {}
        self._differing: dict[str, None] = {}
        self._failed: dict[str, None] = {}
        self._unverified: dict[str, None] = {}
        self._algorithms: dict[str, None] = {}

    def add(self, result: FileResult) -> None:
        """Take one file's result."""
        name = str(result.path)
        is_ignored = result.outcome is Outcome.IGNORED
        _mark(self._ignored, name, is_in=is_ignored)
        _mark(self._updated, name, is_in=result.outcome is Outcome.UPDATED)
        _mark(self._differing, name, is_in=is_ignored and result.differs)
        wrong = result.fixity is Fixity.MISMATCHED and not is_ignored
        _mark(self._failed, name, is_in=wrong)
        _mark(self._unverified, name, is_in=result.fixity is Fixity.UNKNOWN)
        if result.algorithm is not None:
            self._algorithms[result.algorithm] = None

    def ignore_folders(self, names: Iterable[str]) -> None:
        """Take empty folders that the target cannot hold."""
        self._ignored.update(dict.fromkeys(names))

    def has_failed(self, name: str) -> bool:
        """Whether a file's last result is a digest that differs."""
        return name in self._failed

    @property
    def is_verified(self) -> bool:
        """Whether everything is at the target with a digest that matches, ignored files too."""
        return not (self._failed or self._unverified or self._differing)

    def result(
        self,
        *,
        link: str | None,
        algorithm: str | None,
        note: str | None,
        warnings: tuple[Finding, ...],
    ) -> UploadResult:
        """The whole; `algorithm` is the one planned, which gives way to the one really compared."""
        if self._algorithms and algorithm not in self._algorithms:
            algorithm = next(iter(self._algorithms))
        return UploadResult(
            link=link,
            algorithm=algorithm,
            failed_fixity=tuple(sorted(self._failed)),
            unverified_fixity=tuple(sorted(self._unverified)),
            ignored=tuple(sorted(self._ignored)),
            updated=tuple(sorted(self._updated)),
            ignored_different=tuple(sorted(self._differing)),
            warnings=warnings,
            note=note,
        )


def _mark(names: dict[str, None], name: str, *, is_in: bool) -> None:
    if is_in:
        names[name] = None
    else:
        names.pop(name, None)
