"""What adapters over HTTP have in common: one session, and what most targets have no step for."""

from collections.abc import Callable, Collection, Mapping
from pathlib import PurePosixPath

from presqt_daemon.targets.base import Container, Item, Traits
from presqt_daemon.targets.web.given import GivenAddresses
from presqt_daemon.targets.web.http import Http


class WebTarget:
    """One account behind one session; a room adds its questions, and what its target does more."""

    def __init__(self, http: Http, traits: Traits) -> None:
        self.traits = traits
        self._http = http
        self._given = GivenAddresses(http.target)

    @property
    def heard(self) -> Callable[[], None]:
        return self._http.heard

    @heard.setter
    def heard(self, call: Callable[[], None]) -> None:
        self._http.heard = call

    @property
    def turn(self) -> Callable[[], None]:
        return self._http.turn

    @turn.setter
    def turn(self, call: Callable[[], None]) -> None:
        self._http.turn = call

    @property
    def before_each(self) -> Callable[[], None]:
        return self._http.before_each

    @before_each.setter
    def before_each(self, call: Callable[[], None]) -> None:
        self._http.before_each = call

    def make_folder(self, container: Container, path: PurePosixPath) -> None:
        """Nothing: folders are part of their files' paths."""

    def digest(
        self,
        container: Container,  # noqa: ARG002
        item: Item,
        algorithms: Collection[str],
    ) -> Mapping[str, str]:
        """Those that the listing has told; the target has no others."""
        return {name: value for name, value in item.digests.items() if name in algorithms}

    def commit(self, container: Container) -> Mapping[PurePosixPath, Item]:  # noqa: ARG002
        """Nothing: no put is held back."""
        return {}

    def publish(self, container: Container) -> str | None:  # noqa: ARG002
        """Nothing: there are no drafts."""
        return None

    def close(self) -> None:
        self._http.close()
