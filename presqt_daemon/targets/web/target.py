"""What adapters over HTTP have in common: one session, and what most targets have no step for."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Any

from presqt_daemon.targets.base import Container, Item, Traits
from presqt_daemon.targets.web.given import GivenAddresses
from presqt_daemon.targets.web.http import Http


def _of_session(name: str) -> Any:
    """An attribute that callers set on a target and its session calls."""
    return property(
        lambda target: getattr(target._http, name),  # noqa: SLF001  (a method of WebTarget)
        lambda target, call: setattr(target._http, name, call),  # noqa: SLF001
    )


class WebTarget(ABC):
    """One account behind one session; a room adds its questions, and what its target does more."""

    heard = _of_session("heard")
    turn = _of_session("turn")
    before_each = _of_session("before_each")
    waits_for = _of_session("waits_for")

    def __init__(self, http: Http, traits: Traits) -> None:
        self.traits = traits
        self._http = http
        self._given = GivenAddresses(http.target)

    def make_folder(self, container: Container, path: PurePosixPath) -> None:  # noqa: B027
        """Nothing: folders are part of their files' paths."""

    def digest(
        self,
        container: Container,  # noqa: ARG002
        item: Item,
        algorithms: Collection[str],
    ) -> Mapping[str, str]:
        """Those that the listing has told; the target has no others."""
        return {name: value for name, value in item.digests.items() if name in algorithms}

    def fetch(self, container: Container, item: Item, limit: int) -> bytes | None:
        """As in `CanFetch`; a listed size is asked first, and the content itself believed."""
        if item.size is None or item.size > limit:
            return None
        content = self._content(container, item)
        return content if content is not None and len(content) <= limit else None

    @abstractmethod
    def _content(self, container: Container, item: Item) -> bytes | None:
        """The bytes of a stored file; None where they are not to be had."""

    def commit(self, container: Container) -> Mapping[PurePosixPath, Item]:  # noqa: ARG002
        """Nothing: no put is held back."""
        return {}

    def publish(self, container: Container) -> str | None:  # noqa: ARG002
        """Nothing: there are no drafts."""
        return None

    def close(self) -> None:
        self._http.close()
