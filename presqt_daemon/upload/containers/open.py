"""The place at the target: opened, found again after a crash, or created once."""

from collections.abc import Callable, Collection, Mapping
from pathlib import PurePosixPath
from types import MappingProxyType

from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.messages import Created, Go, Report, WantsContainer, WantsCreate
from presqt_daemon.model import Finding, Resolved, Severity
from presqt_daemon.records.journal import Journal, JournalState
from presqt_daemon.system.failpoints import reach
from presqt_daemon.targets.abilities import CanFindTitles
from presqt_daemon.targets.base import Container, ContainerRequest, Item, Target
from presqt_daemon.upload.calls.threads import TargetThreads
from presqt_daemon.upload.containers.confirm import listed_by_key
from presqt_daemon.upload.containers.titles import numbered_title

MAX_TITLES = 100
"""How many taken titles are met before the target is not believed any more."""


Asks = Callable[[WantsCreate | WantsContainer], Go]
"""Asks the supervisor, from the upload's own thread."""

_VANISHED = frozenset({"resource-not-found", "resource-gone"})


def open_listed(
    target: Target,
    resolved: Resolved,
    mark: str,
    record: JournalState,
    journal: Journal,
    threads: TargetThreads,
    ask: Asks,
    report: Callable[[Report], None],
    *,
    fields: Mapping[str, object] = MappingProxyType({}),
) -> tuple[Container, dict[PurePosixPath, Item], tuple[Finding, ...]]:
    """The container, what it holds by key, and warnings; as `open_container`.

    One that this ticket has made and that is gone by now is made anew: nothing of it is left.
    """
    known = record.container
    is_found = resolved.resource_id is not None or known is not None or record.was_creating
    opened = open_container(
        target, resolved, mark, record, journal, threads, ask, report, fields=fields
    )
    identity = _identity_of(opened[0])
    if is_found:
        # one that was made just now is in nobody else's hands
        ask(WantsContainer(identity=identity))
    journal.have_opened(identity)
    try:
        return opened[0], listed_by_key(target, opened[0], threads), opened[1]
    except UserFault as error:
        if known is None or opened[0] is not known or error.code not in _VANISHED:
            raise
    journal.forget()
    record.forget()
    container, warnings = open_container(
        target, resolved, mark, record, journal, threads, ask, report, fields=fields
    )
    gone = Finding(
        code="made-anew",
        message=f"The resource {known.id} of an earlier attempt is gone at the target: "
        "a new one was made, and everything was sent again.",
        severity=Severity.WARNING,
    )
    return container, listed_by_key(target, container, threads), (gone, *warnings)


def open_container(
    target: Target,
    resolved: Resolved,
    mark: str,
    record: JournalState,
    journal: Journal,
    threads: TargetThreads,
    ask: Asks,
    report: Callable[[Report], None],
    *,
    fields: Mapping[str, object] = MappingProxyType({}),
) -> tuple[Container, tuple[Finding, ...]]:
    """The container, and warnings about what an earlier go may have left behind.

    An existing one is opened anew in each run, one that this ticket created is taken from the
    journal, else it is created, described by `fields`. Raises what the target says.
    """
    if resolved.resource_id is not None:
        request = ContainerRequest(
            ticket=mark, resource_id=resolved.resource_id, title=resolved.title
        )
        return threads.run(lambda _doubtful: target.container(request)), ()
    if record.container is not None:
        return record.container, ()
    given, other = chosen_title(target, resolved, str(fields.get("title") or ""))
    title = check_title_length(target, given)
    warnings = _left_behind(target, record)
    if not target.traits.creates_alone:
        ask(WantsCreate())
    identity = None
    # the target may write the title in another way, so it also goes along as it was given
    described = {**fields, "title": given, **({"described_title": other} if other else {})}
    try:
        container = _create(
            target, title, mark, journal, threads, described, was_creating=record.was_creating
        )
        identity = _identity_of(container)
    finally:
        report(Created(identity=identity))
    journal.have_container(container, is_found_again=target.traits.carries_mark)
    return container, warnings


def _identity_of(container: Container) -> str:
    """By what a container is known, under whatever id it was opened."""
    return container.identity or container.id


def chosen_title(target: Target, resolved: Resolved, described: str) -> tuple[str, str]:
    """The title of a new resource, and the other one of the bag's metadata where that differs.

    A title that the sender chose goes before the one in the metadata, and that before a folder's
    name, where the target's titles are for readers.
    """
    is_chosen = resolved.options_from.get("title") in {"sidecar", "bag"}
    described = " ".join(described.split())
    fits = len(described) >= target.traits.min_title_length
    if described and fits and not is_chosen and target.traits.titles_are_for_readers:
        return described, ""
    return resolved.title, described if described != resolved.title else ""


def check_title_length(target: Target, title: str) -> str:
    """The title as the target writes it; UserFault `bad-request` for one that is too short."""
    written = target.traits.title_from(title)
    least = target.traits.min_title_length
    if len(written) < least:
        raise UserFault(
            "bad-request",
            f"The title {written!r} is too short: the target asks for at least {least} characters. "
            "Give another with PresQT-Title in bag-info.txt or `title` in a side-car.",
        )
    return written


def _create(
    target: Target,
    title: str,
    mark: str,
    journal: Journal,
    threads: TargetThreads,
    fields: Mapping[str, object],
    *,
    was_creating: bool,
) -> Container:
    """A new container under the first title that is free, numbered as PresQT does."""
    tried: set[str] = set()
    for _ in range(MAX_TITLES):
        titles = threads.run(lambda _doubtful: set(_titles(target, title)))
        traits = target.traits
        name = numbered_title(title, titles | tried, traits.title_format, traits.max_title_length)
        request = ContainerRequest(
            ticket=mark,
            resource_id=None,
            title=name,
            was_creating=was_creating,
            fields=fields,
        )
        journal.intend_container(name, is_noted=target.traits.creates_alone)
        reach("send-intent")
        try:
            container = threads.run(
                lambda _doubtful, wanted=request: target.container(wanted),  # type: ignore[misc]
                is_repeatable=target.traits.carries_mark,
            )
        except FileExistsError:
            tried.add(name)
            continue
        reach("send-created")
        return container
    raise TargetFault(
        "target-misbehaved", f"The target says of {MAX_TITLES} titles that they are taken."
    )


def _titles(target: Target, title: str) -> Collection[str]:
    """The titles among which this one must be free."""
    return target.titles_like(title) if isinstance(target, CanFindTitles) else target.titles()


def _left_behind(target: Target, record: JournalState) -> tuple[Finding, ...]:
    if not record.was_creating or target.traits.carries_mark:
        return ()
    return (
        Finding(
            code="maybe-left-behind",
            message="An earlier attempt was interrupted while it created the resource: "
            "there may be an empty one of the same title.",
        ),
    )
