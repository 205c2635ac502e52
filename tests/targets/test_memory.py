"""The suite, proved by a target without any machinery of its own."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import ClassVar

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.base import Target, Traits
from tests.targets.conformance import LIMITED_SECONDS, Conformance, Site
from tests.targets.memory import MemoryStore, Room

DOWN = TargetFault("target-unavailable", "down", retryable=True)
LIMITED = TargetFault("rate-limited", "slow down", retryable=True, retry_after=LIMITED_SECONDS)
CUT = TargetFault("target-unavailable", "cut", retryable=True, outcome_unknown=True)


class MemorySite:
    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.config = TargetConfig(name="memory", type="memory")
        self.token: str | None = store.token

    def files(self, container_id: str) -> Mapping[str, bytes]:
        return self.store.files(container_id)

    def make(self, title: str, files: Mapping[str, bytes]) -> str:
        contents = {PurePosixPath(name): content for name, content in files.items()}
        self.store.rooms["theirs"] = Room(title=title, mark="", files=contents)
        return "theirs"

    def file_id(self, container_id: str, path: str) -> str:
        raise NotImplementedError

    def lie(self) -> None:
        """Its lists have no pages."""

    def spoil(self, path: str) -> None:
        self.store.spoilt[path] = 1

    def fault(self, kind: str) -> None:
        call = "commit" if self.store.traits.deferred else "put"
        if kind == "lost":
            self.store.lost.update({"a.bin": 1})
        else:
            fault = {"limited": LIMITED, "unavailable": DOWN, "cut": CUT}[kind]
            self.store.faults[call] = [fault]


class MemoryConformance(Conformance):
    changes: ClassVar[Mapping[str, object]] = {}
    faults = frozenset({"unauthorized", "limited", "unavailable", "cut", "lost"})
    has_file_ids = False

    @pytest.fixture
    def site(self) -> Site:
        traits = Traits(algorithms=("sha256", "md5"), parallel_puts=4)
        store = MemoryStore(traits=replace(traits, **self.changes), token="right")  # type: ignore[arg-type]
        return MemorySite(store)

    def connect(self, site: Site, token: str | None = None) -> Target:
        assert isinstance(site, MemorySite)
        return site.store.connect(site.config, token or site.token)


class TestPlain(MemoryConformance):
    pass


class TestFolders(MemoryConformance):
    changes: ClassVar[Mapping[str, object]] = {"needs_folders": True, "keeps_empty_folders": True}


class TestDeferred(MemoryConformance):
    changes: ClassVar[Mapping[str, object]] = {"deferred": True}


class TestFlat(MemoryConformance):
    changes: ClassVar[Mapping[str, object]] = {"has_folders": False, "algorithms": ("md5",)}


class TestNoDigests(MemoryConformance):
    changes: ClassVar[Mapping[str, object]] = {"algorithms": ()}
