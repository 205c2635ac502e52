"""Real accounts, where the environment gives their tokens; without one nothing is asked.

`PRESQT_LIVE_<TYPE>_TOKEN` holds the token, `PRESQT_LIVE_<TYPE>_URL` another server (a sandbox), and
`PRESQT_LIVE_<TYPE>_ORGANISATION` where repositories go. Everything made is removed in the end, or
its link is printed where the token may not remove it.
"""

import contextlib
import io
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import cast

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.digest import GIT_BLOB
from presqt_daemon.targets.abilities import CanDiscard, CanFetch
from presqt_daemon.targets.base import Body, Container, ContainerRequest, Sending, Target, connect
from tests.upload.tickets import digests_of

TYPES = ("osf", "github", "gitlab", "zenodo", "figshare")
MOST_BYTES = 60 << 20
ALGORITHMS = ("sha256", "md5", GIT_BLOB)


def variable(kind: str, what: str) -> str:
    """The name of the variable that tells something of an account."""
    return f"PRESQT_LIVE_{kind.upper()}_{what}"


def needs(kind: str) -> pytest.MarkDecorator:
    """Skips, and says which variable is not set."""
    name = variable(kind, "TOKEN")
    return pytest.mark.skipif(not os.environ.get(name), reason=f"{name} is not set")


@dataclass
class LiveSite:
    """One account, seen through the adapter alone; it knows what it has made."""

    config: TargetConfig
    token: str | None
    made: dict[str, Container] = field(default_factory=dict)

    def files(self, container_id: str) -> Mapping[str, bytes]:
        """Every file that is small enough, without those that creation adds."""
        with self.opened() as target:
            container = self.made.get(container_id) or target.container(
                ContainerRequest(ticket="", resource_id=container_id, title="")
            )
            added = set(container.added)
            assert isinstance(target, CanFetch)
            found = {}
            for path, item in target.listing(container).items():
                if item.is_folder or str(path) in added:
                    continue
                content = target.fetch(container, item, MOST_BYTES)
                assert content is not None
                found[str(path)] = content
            return found

    def make(self, title: str, files: Mapping[str, bytes]) -> str:
        """A container of another ticket; its id opens it as an existing one."""
        with self.opened() as target:
            name = target.traits.title_from(f"{title} {uuid.uuid4().hex[:8]}")
            request = ContainerRequest(ticket=str(uuid.uuid4()), resource_id=None, title=name)
            container = target.container(request)
            self.made[container.id] = container
            for path, content in files.items():
                target.put(container, in_memory(path, content), None)
            target.commit(container)
            return container.id

    def file_id(self, container_id: str, path: str) -> str:
        """A file's id as a sender would write it."""
        if self.config.type in {"github", "gitlab"}:
            return f"{container_id}:{path}"
        with self.opened() as target:
            item = target.listing(self.made[container_id])[PurePosixPath(path)]
        if self.config.type == "osf":
            return item.state["upload"].rstrip("/").rpartition("/")[2]
        return f"{container_id}:{item.state['id']}"

    def spoil(self, path: str) -> None:
        pytest.skip("a real target spoils nothing at will")

    def fault(self, kind: str) -> None:
        pytest.skip("a real target fails when it likes")

    @contextmanager
    def opened(self) -> Iterator[Target]:
        """A connection."""
        with contextlib.closing(connect(self.config, self.token)) as target:
            yield target

    def clear(self) -> None:
        """Remove what was made; print the link of what cannot be."""
        with self.opened() as target:
            for container in self.made.values():
                is_gone = isinstance(target, CanDiscard) and target.discard(container)
                if not is_gone:
                    print(f"left at {self.config.type}: {container.link}")
        self.made.clear()


def site_of(kind: str) -> LiveSite:
    """The account of the environment."""
    config = TargetConfig(
        name=kind,
        type=kind,
        url=os.environ.get(variable(kind, "URL")),
        own={"organisation": os.environ.get(variable(kind, "ORGANISATION"))},
    )
    return LiveSite(config, os.environ[variable(kind, "TOKEN")])


def in_memory(path: str, content: bytes) -> Sending:
    """A file to put."""

    @contextmanager
    def opened() -> Iterator[Body]:
        yield cast("Body", io.BytesIO(content))

    opening: Callable[[], AbstractContextManager[Body]] = opened
    return Sending(
        path=PurePosixPath(path),
        size=len(content),
        digests=digests_of(content, ALGORITHMS),
        open=opening,
    )
