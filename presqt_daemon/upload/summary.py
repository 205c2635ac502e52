"""The results of all files, gathered into the lists that the status file shows."""

from collections.abc import Iterable

from presqt_daemon.model import FileResult, Finding, Fixity, Outcome, UploadResult


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
