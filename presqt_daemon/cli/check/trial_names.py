"""Names that servers alter or take for one another: what one server makes of them.

They are put by the adapter alone, since a bag with some of them is refused before anything is sent.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath

from presqt_daemon.errors import PresqtError
from presqt_daemon.targets.abilities import CanTakeTurns
from presqt_daemon.targets.base import Container, Sending, Target
from presqt_daemon.targets.names import NameRules

FOLDER = "names"
LONG_BYTES = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesSeen:
    """What a server does to names; `undeclared` holds what the adapter does not say of it."""

    said: str
    undeclared: tuple[str, ...] = ()


TRIALS: Mapping[str, tuple[str, ...]] = {
    "a blank before": (" blank before.txt",),
    "a blank behind": ("blank behind.txt ",),
    "a name of 250 bytes": (f"{'n' * (LONG_BYTES - 4)}.txt",),
    "a blank": ("twin blank.txt", "twin blank.txt "),
    "letter case": ("Twin case.txt", "twin CASE.txt"),
    "Unicode form": ("twin \u00e9.txt", "twin e\u0301.txt"),
}
"""What is odd about one name -> the name, or what two differ in and nothing else -> both."""


def try_names(target: Target, container: Container) -> NamesSeen:
    """Put every name into a new container of ours and look at what is there then.

    Raises what the target says to anything but a name.
    """
    if not target.traits.has_folders:
        return NamesSeen(said="names travel inside one zip, as they are")
    pace = target.traits.requests_per_minute
    if pace is not None and isinstance(target, CanTakeTurns):
        target.turn = lambda: time.sleep(60.0 / pace)
    target.listing(container)
    if target.traits.needs_folders:
        target.make_folder(container, PurePosixPath(FOLDER))
    refused = _put_all(target, container)
    target.commit(container)
    sizes = {path: item.size for path, item in target.listing(container).items()}
    return judge_names(target.traits.names, sizes, refused)


def _put_all(target: Target, container: Container) -> Mapping[PurePosixPath, str]:
    """The names that the target does not take, each with its words."""
    refused = {}
    for names in TRIALS.values():
        for name in names:
            path = PurePosixPath(FOLDER, name)
            try:
                target.put(container, _file(path), None)
            except FileExistsError:
                continue
            except PresqtError as error:
                if error.retryable:
                    raise
                refused[path] = error.message
    return refused


def judge_names(
    rules: NameRules,
    found: Mapping[PurePosixPath, int | None],
    refused: Mapping[PurePosixPath, str],
) -> NamesSeen:
    """The outcome in words, by the paths that are listed afterwards."""
    verdicts = [
        verdict
        for what, names in TRIALS.items()
        for verdict in _judge(what, names, rules, found, refused)
    ]
    return NamesSeen(
        said="; ".join(words for words, _is_declared in verdicts),
        undeclared=tuple(words for words, is_declared in verdicts if not is_declared),
    )


def _judge(
    what: str,
    names: tuple[str, ...],
    rules: NameRules,
    found: Mapping[PurePosixPath, int | None],
    refused: Mapping[PurePosixPath, str],
) -> Iterator[tuple[str, bool]]:
    """A few words, and whether the adapter's rules say as much."""
    paths = [PurePosixPath(FOLDER, name) for name in names]
    for path in paths:
        if path in refused:
            yield f"{what} is refused ({refused[path]})", rules.why_not(path) is not None
            return
    are_there = all(path in found for path in paths)
    if len(paths) == 2:
        words = "are two files" if are_there else "are one file, so a bag with both is refused"
        yield (
            f"names that differ by {what} {words}",
            are_there or rules.key(paths[0]) == rules.key(paths[1]),
        )
    elif are_there:
        yield f"{what} is kept", True
    elif rules.stored(paths[0]) in found:
        yield f"{what} is dropped", True
    else:
        yield f"{what} is not found under its name", False


def _file(path: PurePosixPath) -> Sending:
    content = f"{path.name}\n".encode()
    return Sending(path=path, size=len(content), digests={}, open=lambda: BytesIO(content))
