"""A new draft, made once: found again by its mark, described with as much as the site takes.

The list of an account's drafts is a search index, which hears of a new one a moment late.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from presqt_daemon.errors import PresqtError, TargetFault
from presqt_daemon.system.failpoints import reach
from presqt_daemon.targets.base import ContainerRequest
from presqt_daemon.targets.left_out import UNDESCRIBED, remarks_to, state_from
from presqt_daemon.targets.zenodo.description.metadata import MARK, has_mark, publication_date
from presqt_daemon.targets.zenodo.words import Row, complaints_in

LOST_SECONDS = (0.25, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""How long a draft is looked for that may have been made: an index was seen 12 s late."""

SHOWN_SECONDS = (1.0,)
"""How long to wait until the list shows a new draft to whoever asks for titles next."""

_MOST_REFUSALS = 12
_INVALID = re.compile(r"Invalid value (.+?)\.?(?:;|$|\s\()")
_FIELD = re.compile(r"metadata\.([a-z_]+)")
_NEUTRAL: Mapping[str, tuple[str, ...]] = {
    "rights": ("license",),
    "license": ("license",),
    "contributors": ("contact",),
    "identifiers": ("related_identifiers",),
    "related_identifiers": ("related_identifiers",),
    "subjects": ("keywords",),
    "additional_descriptions": ("notes",),
    "additional_titles": ("described_title",),
    "languages": ("language",),
    "upload_type": ("resource_type",),
    "publication_type": ("resource_type",),
}
"""A field of Zenodo's -> those of `ContainerRequest.fields` that it is made of, if not the same."""

_MISSING = "missing data"
_LOOKING = "the target's list to show the new draft"
_SECOND = (
    "An earlier attempt was interrupted while it created the draft, and the list of drafts does "
    "not show one: there may be an empty draft of the same title."
)
_TODAY = (
    "Nobody gave a publication date, so the draft has today's: correct it there, or give it with "
    "`Publication-Date` in bag-info.txt."
)
_COMPLAINT = (
    "The target would refuse to publish the draft as it is, because of {field}: {said}. "
    "Correct it there."
)


Build = Callable[..., dict[str, Any]]
"""`record_metadata`, or the same of the older API."""


@dataclass
class Lookout:
    """Looks for the draft that carries a ticket's mark.

    `search` gives the account's drafts that a query finds, the newest first; `is_adoptable` says of
    one that carries the mark whether it is this ticket's own. `wait` is `Http.wait`.
    """

    search: Callable[[str], Iterable[Row]]
    is_adoptable: Callable[[Row], bool]
    wait: Callable[[float, str], None]
    _is_doubtful: bool = False

    def find(self, ticket: str, *, was_creating: bool) -> Row | None:
        """The draft, None without one; one that may have been created is waited for."""
        is_doubtful = was_creating or self._is_doubtful
        for wait in LOST_SECONDS if is_doubtful else ():
            if (row := self._marked(mark_query(ticket), ticket)) is not None:
                return row
            self.wait(wait, _LOOKING)
        row = self._marked(mark_query(ticket), ticket)
        # a site may know the fields of a query by other names; the newest page shows it then
        return self._marked("", ticket) if row is None and is_doubtful else row

    def _marked(self, query: str, ticket: str) -> Row | None:
        rows = (row for row in self.search(query) if has_mark(row.get("metadata"), ticket))
        return next((row for row in rows if self.is_adoptable(row)), None)

    def create(self, make: Callable[[], Row], request: ContainerRequest) -> Row:
        """A new draft, when possible not before the list shows it to whoever asks for titles."""
        may_be_second = request.was_creating or self._is_doubtful
        try:
            draft = make()
        except PresqtError as error:
            self._is_doubtful = self._is_doubtful or error.outcome_unknown
            raise
        reach("zenodo-created")
        identity = str(draft.get("id"))
        for wait in (*SHOWN_SECONDS, None):
            with contextlib.suppress(PresqtError):
                rows = self.search(mark_query(request.ticket))
                if any(str(row.get("id")) == identity for row in rows):
                    break
            if wait is not None:
                self.wait(wait, _LOOKING)
        return {**draft, "may_be_second": may_be_second}


def mark_query(ticket: str) -> str:
    """A query (query string syntax) for the mark, in the fields where either API keeps it."""
    mark = f'"{MARK}{ticket}"'
    fields = ("metadata.identifiers.identifier", "metadata.related_identifiers.identifier")
    return " OR ".join(f"{field}:{mark}" for field in fields)


def title_query(title: str) -> str:
    """A query for a title and its numbered forms."""
    words = title.replace("\\", "\\\\").replace('"', '\\"')
    return f'metadata.title:"{words}"'


def create_described(
    request: ContainerRequest, build: Build, post: Callable[[dict[str, Any]], Row]
) -> Row:
    """A new draft with the metadata that `build` makes, as far as the site takes them.

    In it stand also the ids that the site does not know (`refused`), and the neutral fields that it
    refused (`dropped`). One refused value costs that value; a refusal that names none costs the
    description, and its reason stands under `UNDESCRIBED`.
    """
    fields = dict(request.fields)
    refused: frozenset[str] = frozenset()
    dropped: list[str] = []
    today = datetime.now(UTC).date()

    def made() -> dict[str, Any]:
        return build(request.title, fields, request.ticket, today=today, refused=refused)

    for _ in range(_MOST_REFUSALS):
        metadata = made()
        try:
            return {**post(metadata), "refused": refused, "dropped": dropped}
        except TargetFault as error:
            if error.code != "target-refused" or not fields:
                raise
            said = error.message
        if (value := _INVALID.search(said)) is not None:
            refused |= {value[1].strip("'\"")}
            if made() != metadata:
                continue
        named = [name for name in _named_in(said) if name in fields and name != "title"]
        if not named:
            break
        dropped += named
        for name in named:
            del fields[name]
    fields = {}
    return {**post(made()), "refused": refused, UNDESCRIBED: said}


def description_state(
    draft: Row, request: ContainerRequest, left: Iterable[tuple[str, object]]
) -> dict[str, str]:
    """For a new container's `state`: what it lacks of its description, and what must be told."""
    remarks: list[tuple[str, str]] = []
    if draft.get("may_be_second"):
        remarks.append(("maybe-left-behind", _SECOND))
    if publication_date(request.fields, None) is None:
        remarks.append(("metadata-assumed", _TODAY))
    remarks += [
        ("metadata-complaint", _COMPLAINT.format(field=field.removeprefix("metadata."), said=said))
        for field, said in complaints_in(draft)
        if _MISSING not in said.lower()
    ]
    if UNDESCRIBED in draft:
        return {UNDESCRIBED: str(draft[UNDESCRIBED]), **remarks_to(remarks)}
    rows = [*left, *((name, request.fields[name]) for name in draft.get("dropped", ()))]
    return {**state_from(rows), **remarks_to(remarks)}


def _named_in(said: str) -> list[str]:
    """The neutral fields behind those that a refusal names."""
    names = [name for found in _FIELD.findall(said) for name in _NEUTRAL.get(found, (found,))]
    return list(dict.fromkeys(names))
