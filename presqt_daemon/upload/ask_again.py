"""A deposit asked for again: the target's digests of today against those of the record."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Protocol, TypeVar

from presqt_daemon.digest import strongest_common
from presqt_daemon.errors import NOT_THERE, UserFault
from presqt_daemon.model import Fixity, Outcome
from presqt_daemon.system.files import printable_name
from presqt_daemon.targets.base import Container, ContainerRequest, Item, Target

_ANY = TypeVar("_ANY")


class Now(StrEnum):
    """What stands at a file's place today."""

    SAME = "same"
    CHANGED = "changed"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceAtTarget:
    """Where a record says that the files are."""

    ticket: str
    resource_id: str
    title: str | None
    link: str | None
    state: Mapping[str, str]


def place_from_record(tree: Mapping[str, Any], ticket: str) -> PlaceAtTarget:
    """Where a ticket's record says that its files are.

    KeyError, TypeError or ValueError where it does not.
    """
    resource = tree["resource"]
    return PlaceAtTarget(
        ticket=ticket,
        resource_id=resource["id"],
        title=resource["title"],
        link=resource["link"],
        state=dict(resource["state"]),
    )


class Caller(Protocol):
    """Makes a call to a target, as often and as late as that takes."""

    def __call__(self, request: Callable[[], _ANY], /) -> _ANY: ...


def at_once(request: Callable[[], _ANY], /) -> _ANY:
    """The call as it is."""
    return request()


def ask_again(
    target: Target, place: PlaceAtTarget, files: Iterable[Mapping[str, Any]], call: Caller = at_once
) -> Iterator[tuple[str, Now]]:
    """Each file of the record that is at the target by itself, and what stands there today.

    Reads only. Raises PresqtError and OSError as the target does, by way of `call`.
    """
    listed, container = call(lambda: _listing(target, place))
    by_name = {printable_name(str(path)): item for path, item in listed.items()}
    for file in files:
        if file["outcome"] is None or file.get("packed_in") or file["remote_path"] is None:
            continue
        item = by_name.get(file["remote_path"])
        if item is None or item.is_folder:
            yield file["path"], Now.GONE
        else:
            yield file["path"], call(partial(_compare, target, container, item, file))


def _listing(
    target: Target, place: PlaceAtTarget
) -> tuple[Mapping[PurePosixPath, Item], Container | None]:
    """What the container holds; nothing, and None, where it is gone."""
    left = Container(
        id=place.resource_id,
        title=place.title or "",
        link=place.link,
        is_new=False,
        state=place.state,
    )
    if place.state:
        # as it was left, since opening it by its id could be refused once it is published
        listed = _unless_gone(lambda: target.listing(left))
        if listed is not None:
            return listed, left
    request = ContainerRequest(ticket=place.ticket, resource_id=left.id, title=left.title)
    try:
        opened = _unless_gone(lambda: target.container(request))
    except UserFault as error:
        if error.code != "bad-request":
            raise
        # a record that was published after the upload takes no files any more, and shows them
        opened = replace(left, state={})
    listed = None if opened is None else _unless_gone(lambda: target.listing(opened))
    return listed or {}, opened


def _unless_gone(request: Callable[[], _ANY]) -> _ANY | None:
    """The answer, None where the target says that there is nothing any more."""
    try:
        return request()
    except UserFault as error:
        if error.code not in NOT_THERE:
            raise
        return None


def _compare(
    target: Target, container: Container | None, item: Item, file: Mapping[str, Any]
) -> Now:
    """What the target says of a file now, against what it said, or else what was sent.

    Of a file that was sent and did not match, against what was sent: the target's word of then was
    the fault itself.
    """
    has_failed = file["fixity"] == Fixity.MISMATCHED and file["outcome"] != Outcome.IGNORED
    if has_failed:
        expected: Mapping[str, str] = file["digests"]
        if file["algorithm"] is not None and file["local_digest"] is not None:
            expected = {file["algorithm"]: file["local_digest"]}
    elif file["remote_digest"] is not None and file["algorithm"] is not None:
        expected = {file["algorithm"]: file["remote_digest"]}
    else:
        expected = file["digests"]
        if None not in {item.size, file["size"]} and item.size != file["size"]:
            return Now.CHANGED
    digests = item.digests
    if strongest_common(digests, expected) is None and container is not None:
        digests = target.digest(container, item, tuple(expected))
    algorithm = strongest_common(digests, expected)
    if algorithm is None:
        return Now.UNKNOWN
    is_same = digests[algorithm].lower() == expected[algorithm].lower()
    return Now.SAME if is_same else Now.CHANGED
