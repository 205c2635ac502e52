"""Names that a target alters, found out before anything is made there."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from presqt_daemon.errors import UserFault
from presqt_daemon.model import Finding, Severity
from presqt_daemon.targets.names import NameRules

_FOUND = 50
"""How many offending files are listed."""

_NAMED = 3

Placed = tuple[str, PurePosixPath]
"""A file as the sender knows it, and the path that it would have if the target altered nothing."""


def check_names(
    rules: NameRules,
    target: str,
    files: Iterable[Placed],
    folders: Iterable[PurePosixPath] = (),
) -> tuple[Finding, ...]:
    """Warnings about names that the target alters.

    Raises UserFault `bad-request` where it cannot store a name, or would make one of two; `folders`
    are those that would be made without a file in them.
    """
    if rules.changes_nothing:
        return ()
    refused: list[Finding] = []
    altered: list[Finding] = []
    taken: dict[PurePosixPath, tuple[str, PurePosixPath]] = {}

    def check(name: str, path: PurePosixPath, *, is_file: bool) -> None:
        stored = rules.stored(path)
        other = taken.setdefault(rules.key(path), (name, path))
        if other[1] != path and is_file:
            refused.append(_collision(name, other[0], stored))
        elif other[1] != path:
            refused.append(_collision(f"the folder {name}", f"the folder {other[0]}", stored))
        elif (reason := rules.why_not(path)) is not None:
            refused.append(_refused(name, f"{name} cannot be stored there: {reason}."))
        elif stored != path and is_file:
            altered.append(_altered(name, stored))

    seen: set[PurePosixPath] = set()

    def check_folders_above(path: PurePosixPath) -> None:
        if path.parts and path not in seen:
            seen.add(path)
            check_folders_above(path.parent)
            check(str(path), path, is_file=False)

    for folder in folders:
        check_folders_above(folder)
    for name, path in files:
        check_folders_above(path.parent)
        check(name, path, is_file=True)
    if refused:
        shown = " ".join(finding.message for finding in refused[:_NAMED])
        more = f" And {len(refused) - _NAMED} more." if len(refused) > _NAMED else ""
        raise UserFault(
            "bad-request",
            f"{target} cannot keep the bag's names apart as they are, and nothing was sent: {shown}"
            f"{more} Rename them and bag it again.",
            findings=tuple(refused[:_FOUND]),
            findings_total=len(refused),
        )
    return tuple(altered)


def _collision(name: str, other: str, stored: PurePosixPath) -> Finding:
    return _refused(name, f"{name!r} and {other!r} would both be stored as {str(stored)!r}.")


def _refused(name: str, message: str) -> Finding:
    return Finding(code="name-refused", path=name, message=message)


def _altered(name: str, stored: PurePosixPath) -> Finding:
    return Finding(
        code="name-altered",
        path=name,
        message=f"The target stores {name!r} as {str(stored)!r}; it is verified under that name.",
        severity=Severity.WARNING,
    )
