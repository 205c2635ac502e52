"""What came of single files: their results, what is to be said beside them, errors by file."""

import contextlib
import threading
from dataclasses import replace
from pathlib import PurePosixPath

from presqt_daemon.errors import PresqtError
from presqt_daemon.model import FileResult, Finding, Fixity, Outcome, Severity
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
