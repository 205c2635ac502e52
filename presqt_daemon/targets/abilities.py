"""What a target may offer beyond `presqt_daemon.targets.base.Target`; the caller asks `isinstance`.

A target without one of these works all the same, and what needs it is left out.
"""

from collections.abc import Callable, Collection
from typing import Protocol, runtime_checkable

from presqt_daemon.targets.base import Container, Item


@runtime_checkable
class CanFetch(Protocol):
    """The content of a small stored file.

    It serves PRESQT_FTS_METADATA.json: without it one that stands there already is left alone.
    """

    def fetch(self, container: Container, item: Item, limit: int) -> bytes | None:
        """The whole content, None for a file of more than `limit` bytes."""
        ...


@runtime_checkable
class CanTakeTurns(Protocol):
    """Keeping to a pace that all tickets of an account share.

    `turn` is set by the caller, as `heard` is; the adapter calls it, from any thread, before each
    request that counts. It returns when the request may be made; what it raises ends the call.
    """

    turn: Callable[[], None]


@runtime_checkable
class CanAskBeforeEach(Protocol):
    """Asking before every request whether the ticket is still this process's.

    `before_each` is set by the caller, as `heard` is; the adapter calls it, from any thread, right
    before a request. It may not return: then another host has taken the ticket over.
    """

    before_each: Callable[[], None]


@runtime_checkable
class CanTellOfWaits(Protocol):
    """Saying what a wait of more than a few seconds inside a call is for.

    `waits_for` is set by the caller, as `heard` is; the adapter calls it, from any thread, with
    what it waits for and the seconds before the wait, and with an empty text after it.
    """

    waits_for: Callable[[str, float], None]


@runtime_checkable
class CanFindTitles(Protocol):
    """Asking for a title, where an account may have thousands of resources."""

    def titles_like(self, title: str) -> Collection[str]:
        """Titles of the account, at least those that are this one or its numbered forms.

        Not necessarily all of these.
        """
        ...


@runtime_checkable
class CanDiscard(Protocol):
    """Taking a trial deposit away again (`check --deposit`)."""

    def discard(self, container: Container) -> bool:
        """Remove a new container with all that is in it; repeatable.

        False where the token may not do that, and for every container that was there before.
        """
        ...
