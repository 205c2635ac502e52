"""The place at the target: opened, found again after a crash, or created once."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from presqt_daemon.errors import NOT_THERE, TargetFault, UserFault
from presqt_daemon.messages import Created, Go, Report, WantsContainer, WantsCreate
from presqt_daemon.model import Finding, Resolved, Severity
from presqt_daemon.records.journal import Journal, JournalState
from presqt_daemon.system.failpoints import reach
from presqt_daemon.targets.abilities import CanFindTitles
from presqt_daemon.targets.base import Container, ContainerRequest, Item, Target
from presqt_daemon.targets.names import numbered_title
from presqt_daemon.upload.calls.threads import TargetThreads
from presqt_daemon.upload.containers.confirm import listed_by_key

MAX_TITLES = 100
"""How many taken titles are met before the target is not believed any more."""


Asks = Callable[[WantsCreate | WantsContainer], Go]
"""Asks the supervisor, from the upload's own thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerOpening:
    """What it takes to open a ticket's container; `fields` describe a new one."""

    target: Target
    resolved: Resolved
    mark: str
    record: JournalState
    journal: Journal
    threads: TargetThreads
    ask: Asks
    report: Callable[[Report], None]
    fields: Mapping[str, object]

    def open_listed(self) -> tuple[Container, dict[PurePosixPath, Item], tuple[Finding, ...]]:
        """The container, what it holds by key, and warnings about earlier goes.

        An existing one is opened anew in each run, one that this ticket created is taken from the
        journal, else it is created. One that this ticket has made and that is gone by now is made
        anew: nothing of it is left. Raises what the target says.
        """
        record, known = self.record, self.record.container
        is_found = known is not None or record.was_creating
        container, warnings = self._open()
        identity = _identity_of(container)
        if is_found or self.resolved.resource_id is not None:
            # one that was made just now is in nobody else's hands
            self.ask(WantsContainer(identity=identity))
        self.journal.write_opened(identity)
        try:
            return container, listed_by_key(self.target, container, self.threads), warnings
        except UserFault as error:
            if known is None or container is not known or error.code not in NOT_THERE:
                raise
        self.journal.forget()
        record.forget()
        container, warnings = self._open()
        gone = Finding(
            code="made-anew",
            message=f"The resource {known.id} of an earlier attempt is gone at the target: "
            "a new one was made, and everything was sent again.",
            severity=Severity.WARNING,
        )
        listing = listed_by_key(self.target, container, self.threads)
        return container, listing, (gone, *warnings)

    def _open(self) -> tuple[Container, tuple[Finding, ...]]:
        """The container, and warnings about what an earlier go may have left behind."""
        target, record, resolved = self.target, self.record, self.resolved
        if resolved.resource_id is not None:
            request = ContainerRequest(
                ticket=self.mark, resource_id=resolved.resource_id, title=resolved.title
            )
            return self.threads.run(lambda _doubtful: target.container(request)), ()
        if record.container is not None:
            return record.container, ()
        given, other = chosen_title(target, resolved, str(self.fields.get("title") or ""))
        title = check_title_length(target, given)
        warnings = _left_behind(target, record)
        if not target.traits.creates_alone:
            self.ask(WantsCreate())
        identity = None
        # the target may write the title in another way, so it also goes along as it was given
        described = {**self.fields, "title": given, **({"described_title": other} if other else {})}
        try:
            container = self._create(title, described)
            identity = _identity_of(container)
        finally:
            self.report(Created(identity=identity))
        self.journal.write_container(container)
        return container, warnings

    def _create(self, title: str, described: Mapping[str, object]) -> Container:
        """A new container under the first title that is free, numbered as PresQT does."""
        target, traits = self.target, self.target.traits
        tried: set[str] = set()
        for _ in range(MAX_TITLES):
            titles = self.threads.run(lambda _doubtful: set(_titles(target, title)))
            taken = titles | tried
            name = numbered_title(title, taken, traits.title_format, traits.max_title_length)
            request = ContainerRequest(
                ticket=self.mark,
                resource_id=None,
                title=name,
                was_creating=self.record.was_creating,
                fields=described,
            )
            self.journal.write_container_intent(name, is_noted=traits.creates_alone)
            reach("send-intent")
            try:
                container = self.threads.run(
                    lambda _doubtful, wanted=request: target.container(wanted),  # type: ignore[misc]
                    is_repeatable=traits.carries_mark,
                )
            except FileExistsError:
                tried.add(name)
                continue
            reach("send-created")
            return container
        raise TargetFault(
            "target-misbehaved", f"The target says of {MAX_TITLES} titles that they are taken."
        )


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
