"""What came of single files: their results, what is to be said beside them, errors by file."""

import contextlib
import threading
from dataclasses import replace
from pathlib import PurePosixPath

from presqt_daemon.errors import PresqtError
from presqt_daemon.model import FileResult, Finding, Fixity, Outcome, Severity
from presqt_daemon.targets.base import Item
from presqt_daemon.upload.parcels.decide import Decision, Parcel


class Doubts:
    """Warnings about single files; may be told from any thread, each file's kind once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def has_replaced(self, name: str) -> None:
        """The target answered a creation as a replacement."""
        self._add(
            "has-replaced",
            name,
            f"{name}: somebody stored a file of that name while it was sent, and the target put "
            "ours in its place; ask there for the version before.",
        )

    def stored_elsewhere(self, name: str, asked: PurePosixPath, answered: PurePosixPath) -> None:
        """The target altered a name in a way that is not known of it."""
        self._add(
            "stored-under-another-name",
            name,
            f"{name} was sent as {str(asked)!r}, and the target says that it stored "
            f"{str(answered)!r}.",
        )

    def not_listed(self, name: str) -> None:
        """The target said that it stored a file, and does not show it."""
        self._add(
            "not-there",
            name,
            f"The target answered that it stored {name}, twice, and does not show it.",
        )

    def changed(self, name: str) -> None:
        """Another content stands there than was verified a moment before."""
        self._add(
            "changed-at-the-target",
            name,
            f"{name} was stored and verified; by the end of the upload the target showed another "
            "content there.",
        )

    def warnings(self) -> tuple[Finding, ...]:
        """All, in the order in which they were met."""
        with self._lock:
            found = list(self._found.items())
        return tuple(
            Finding(code=code, path=path, message=message, severity=Severity.WARNING)
            for (code, path), message in found
        )

    def _add(self, code: str, path: str, message: str) -> None:
        with self._lock:
            self._found.setdefault((code, path), message)


def result_from(parcel: Parcel, item: Item, outcome: Outcome, verdict: Decision) -> FileResult:
    """A file's result by what the target said of it."""
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


def ignored_from(parcel: Parcel, item: Item, verdict: Decision) -> FileResult:
    """The result of a file that was left out for what stands in its place."""
    differs = verdict.fixity is Fixity.MISMATCHED
    return replace(result_from(parcel, item, Outcome.IGNORED, verdict), differs=differs)
