"""What came of single files: their results, what is to be said beside them, errors by file."""

import threading
from collections.abc import Iterable
from pathlib import PurePosixPath

from presqt_daemon.errors import PresqtError
from presqt_daemon.model import FileResult, Finding, Fixity, Outcome, Severity, UploadResult
from presqt_daemon.targets.base import Item
from presqt_daemon.upload.parcels.decide import ComparedDigests, Parcel

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


def result_from(
    parcel: Parcel, item: Item, outcome: Outcome, verdict: ComparedDigests
) -> FileResult:
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


def name_file(error: PresqtError, path: str) -> None:
    """Have an error name the file that met it, unless it names one."""
    if not error.findings:
        error.findings = (Finding(code=error.code, message=error.message, path=path),)
        error.findings_total = 1


class UploadSummary:
    """Counts each file once: a later result of the same file takes the place of the earlier."""

    def __init__(self) -> None:
        self._ignored: set[str] = set()
        self._updated: set[str] = set()
        self._differing: set[str] = set()
        self._failed: set[str] = set()
        self._unverified: set[str] = set()
        self._algorithms: list[str] = []

    def add(self, result: FileResult) -> None:
        """Take one file's result."""
        name = str(result.path)
        is_ignored = result.outcome is Outcome.IGNORED
        for names, is_in in (
            (self._ignored, is_ignored),
            (self._updated, result.outcome is Outcome.UPDATED),
            (self._differing, is_ignored and result.differs),
            (self._failed, result.fixity is Fixity.MISMATCHED and not is_ignored),
            (self._unverified, result.fixity is Fixity.UNKNOWN),
        ):
            (names.add if is_in else names.discard)(name)
        if result.algorithm is not None and result.algorithm not in self._algorithms:
            self._algorithms.append(result.algorithm)

    def ignore_folders(self, names: Iterable[str]) -> None:
        """Take empty folders that the target cannot hold."""
        self._ignored.update(names)

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
            algorithm = self._algorithms[0]
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
