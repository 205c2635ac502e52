"""What both of Zenodo's APIs share: how a new draft is found again, words, checksums."""

import contextlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from presqt_daemon.errors import PresqtError, TargetFault, UserFault
from presqt_daemon.system.failpoints import reach
from presqt_daemon.targets.base import UNDESCRIBED, Account, ContainerRequest
from presqt_daemon.targets.left_out import state_from

PAGE_ROWS = 100
"""The longest page that Zenodo gives; a shorter one says nothing about the end of the list."""

VANISHED = frozenset({404, 410})
DISCARDED = frozenset({200, 201, 204, 403, *VANISHED})
"""What a draft's removal may be answered with: done (each API says it in another way), not allowed
(403), or gone already."""

PUBLISHED = (
    "The record {id} is published, and the files of a published record cannot change: open it, "
    "make a new version of it there, and give the id of that new draft."
)
_INDEX_SECONDS = (0.25, 0.5, 1.0, 1.0, 2.0)
"""How long to look for a new draft in the list, which a search index serves a moment late."""

_MD5 = re.compile(r"(?:md5:)?([0-9a-f]{32})")

Row = dict[str, Any]


class Lookout:
    """Makes a draft once: one whose answer was lost is looked for before it is made again.

    `rows` lists the account's drafts, `has_mark` knows a ticket's mark in their metadata.
    """

    def __init__(
        self,
        rows: Callable[[], Iterable[Row]],
        has_mark: Callable[[Any, str], bool],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rows = rows
        self._has_mark = has_mark
        self._sleep = sleep
        self._is_doubtful = False

    def find(self, ticket: str, *, was_creating: bool) -> Row | None:
        """The draft that carries the ticket's mark, None without one.

        One that may have been created, by us or by an earlier go, is waited for.
        """
        waits = _INDEX_SECONDS if was_creating or self._is_doubtful else ()
        for wait in (*waits, None):
            for row in self._rows():
                if self._has_mark(row.get("metadata"), ticket):
                    return row
            if wait is not None:
                self._sleep(wait)
        return None

    def create(self, make: Callable[[], Row]) -> Row:
        """A new draft, when possible not before the list shows it to whoever asks for titles."""
        try:
            draft = make()
        except PresqtError as error:
            self._is_doubtful = self._is_doubtful or error.outcome_unknown
            raise
        reach("zenodo-created")
        identity = str(draft.get("id"))
        for wait in (*_INDEX_SECONDS, None):
            with contextlib.suppress(PresqtError):
                if any(str(row.get("id")) == identity for row in self._rows()):
                    break
            if wait is not None:
                self._sleep(wait)
        return draft


def account_of(owner: object, api: str) -> Account:
    """The account; neither API says whose a token is, so an account without records has no number.

    `owner` is the user number in one of the account's records, None where there is none.
    """
    if owner in {None, ""}:
        site = urlsplit(api).netloc
        return Account(id=site, name=f"an account without records at {site}")
    return Account(id=str(owner), name=f"user {owner}")


def create_described(
    request: ContainerRequest,
    build: Callable[..., dict[str, Any]],
    post: Callable[[dict[str, Any]], Row],
    *,
    publishes: bool,
) -> Row:
    """A new draft with the metadata that `build` makes; one that we shall publish is of today.

    Where they are refused it gets its title alone, and the reason stands under `UNDESCRIBED`.
    """
    today = datetime.now(UTC).date() if publishes else None
    try:
        return post(build(request.title, request.fields, request.ticket, publishes=today))
    except TargetFault as error:
        if error.code != "target-refused" or not request.fields:
            raise
        draft = post(build(request.title, {}, request.ticket, publishes=today))
        return {**draft, UNDESCRIBED: error.message}


def description_state(draft: Row, left: Iterable[tuple[str, object]]) -> dict[str, str]:
    """For a new container's `state`: why its description was refused, else what it lacks of it."""
    if UNDESCRIBED in draft:
        return {UNDESCRIBED: str(draft[UNDESCRIBED])}
    return state_from(left)


def md5_from(checksum: object) -> Mapping[str, str]:
    """The digest in a checksum: of `md5:<hex>` and `<hex>`; none in any placeholder."""
    found = _MD5.fullmatch(checksum.lower()) if isinstance(checksum, str) else None
    return {"md5": found[1]} if found else {}


def no_such_resource(resource_id: str) -> UserFault:
    """In PresQT's words."""
    return UserFault(
        "resource-not-found", f"Can't find the resource with id {resource_id}, on Zenodo"
    )


@contextlib.contextmanager
def name_full_record(target: str) -> Iterator[None]:
    """A refusal for want of room gets its own name; sending again would not help."""
    try:
        yield
    except TargetFault as error:
        if error.code == "target-refused" and "quota" in error.message.lower():
            raise TargetFault(
                "target-full", f"There is no room left in the record at {target}: {error.message}"
            ) from error
        raise


def words_of(tree: Any) -> str | None:
    """Invenio's sentence, with the fields that it complains about."""
    if not isinstance(tree, dict):
        return None
    words = [str(tree["message"]).rstrip(".")] if tree.get("message") else []
    for row in tree.get("errors") or ():
        if isinstance(row, dict):
            said = row.get("messages") or row.get("message") or ()
            said = [said] if isinstance(said, str) else said
            words.append(f"{row.get('field')}: {' '.join(map(str, said)).rstrip('.')}")
    return "; ".join(words) or None
