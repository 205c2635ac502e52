"""A target that keeps everything in memory: every trait can be chosen, every call made to fail."""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from presqt_daemon.config import TargetConfig
from presqt_daemon.digest import Digester
from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.targets.base import Account, Container, ContainerRequest, Item, Sending, Traits

BLOCK = 1 << 16


@dataclass
class Room:
    title: str
    mark: str
    files: dict[PurePosixPath, bytes] = field(default_factory=dict)
    folders: set[PurePosixPath] = field(default_factory=set)
    is_published: bool = False


@dataclass
class MemoryStore:
    """What the target has, shared by all connections.

    `faults` maps a call's name to what its next calls raise (None: that one goes well); `lost`
    counts puts whose answer is lost after storing; `spoilt` names files that are stored wrong
    that many times; `added` is what creation puts into a container by itself.
    """

    traits: Traits = field(default_factory=lambda: Traits(algorithms=("sha256", "md5")))
    token: str | None = None
    rooms: dict[str, Room] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    puts: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[Exception | None]] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)
    spoilt: Counter[str] = field(default_factory=Counter)
    added: dict[str, bytes] = field(default_factory=dict)
    hidden: Counter[str] = field(default_factory=Counter)
    """Files that so many more looks do not show, as lists that come late."""
    renames: Callable[[PurePosixPath], PurePosixPath] = lambda path: path
    """What the target does to a path; what it then declares is the traits' business."""
    replaces_silently: bool = False
    """A put without `replaces` takes the place of what stands there, and says so."""
    lists_digests: bool = True
    gives_digests: bool = True
    most_at_once: int = 0
    on_put: Callable[[PurePosixPath], None] = lambda _path: None
    on_call: Callable[[str], None] = lambda _name: None
    on_commit: Callable[["MemoryTarget"], None] = lambda _target: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def connect(self, config: TargetConfig, token: str | None) -> "MemoryTarget":
        self.enter("connect")
        return MemoryTarget(self, token)

    def enter(self, name: str) -> None:
        self.on_call(name)
        with self.lock:
            self.calls[name] += 1
            waiting = self.faults.get(name)
            fault = waiting.pop(0) if waiting else None
        if fault is not None:
            raise fault

    def room(self, title: str, **files: bytes) -> str:
        """Somebody else's container; keyword `a__txt` is the file `a.txt`."""
        identity = f"room-{len(self.rooms) + 1}"
        contents = {PurePosixPath(n.replace("__", ".")): c for n, c in files.items()}
        self.rooms[identity] = Room(title=title, mark="", files=contents)
        return identity

    def files(self, identity: str) -> dict[str, bytes]:
        return {str(path): content for path, content in self.rooms[identity].files.items()}


class MemoryTarget:
    """One connection to the store."""

    def __init__(self, store: MemoryStore, token: str | None) -> None:
        self.traits = store.traits
        self.heard: Callable[[], None] = lambda: None
        self.is_closed = False
        self._store = store
        self._token = token
        self._collected: dict[PurePosixPath, tuple[Sending, Item | None]] = {}
        self._running = 0

    def account(self) -> Account:
        self._store.enter("account")
        if self._token != self._store.token:
            raise UserFault(
                "unauthorized", "Token is invalid. Response returned a 401 status code."
            )
        return Account(id="1", name="Memory")

    def titles(self) -> Collection[str]:
        self._store.enter("titles")
        return [room.title for room in self._store.rooms.values()]

    def container(self, request: ContainerRequest) -> Container:
        self._store.enter("container")
        store = self._store
        with store.lock:
            if request.resource_id is not None:
                return self._existing(request.resource_id)
            for identity, room in store.rooms.items():
                if room.mark == request.ticket and self.traits.carries_mark:
                    return self._container(identity, is_new=True)
            if request.title in {room.title for room in store.rooms.values()}:
                raise FileExistsError(request.title)
            identity = f"room-{len(store.rooms) + 1}"
            files = {PurePosixPath(name): content for name, content in store.added.items()}
            store.rooms[identity] = Room(title=request.title, mark=request.ticket, files=files)
        if store.lost["container"]:
            store.lost["container"] -= 1
            raise TargetFault(
                "target-unavailable", "no answer", retryable=True, outcome_unknown=True
            )
        return self._container(identity, is_new=True)

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        self._store.enter("listing")
        return self._listed(container)

    def _listed(self, container: Container) -> dict[PurePosixPath, Item]:
        room = self._store.rooms[container.id]
        found = {path: Item(path=path, is_folder=True) for path in room.folders}
        with self._store.lock:
            for path, content in room.files.items():
                if self._store.hidden[str(path)]:
                    self._store.hidden[str(path)] -= 1
                    continue
                digests = self._digests(content) if self._store.lists_digests else {}
                found[path] = Item(path=path, size=len(content), digests=digests)
        return found

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        self._store.enter("stat")
        return self._listed(container).get(path)

    def make_folder(self, container: Container, path: PurePosixPath) -> None:
        self._store.enter("make_folder")
        room = self._store.rooms[container.id]
        assert path.parent in room.folders | {PurePosixPath()}, f"{path} before its parent"
        room.folders.add(path)

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        store = self._store
        with store.lock:
            self._running += 1
            store.most_at_once = max(store.most_at_once, self._running)
        try:
            store.on_put(file.path)
            store.enter("put")
            store.puts[str(file.path)] += 1
            if self.traits.deferred:
                self._collected[file.path] = (file, replaces)
                return Item(path=file.path)
            return self._store_file(container, file, replaces)
        finally:
            with store.lock:
                self._running -= 1

    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        self._store.enter("digest")
        digests = self._digests(self._store.rooms[container.id].files[item.path])
        return {name: value for name, value in digests.items() if name in algorithms}

    def commit(self, container: Container) -> Mapping[PurePosixPath, Item]:
        self._store.enter("commit")
        self._store.on_commit(self)
        items = {}
        for path, (file, replaces) in self._collected.items():
            try:
                items[path] = self._store_file(container, file, replaces)
            except FileExistsError:
                items[path] = replace(self._listed(container)[path], is_taken=True)
        self._collected.clear()
        return items

    def publish(self, container: Container) -> str | None:
        self._store.enter("publish")
        self._store.rooms[container.id].is_published = True
        return f"memory://published/{container.id}"

    def close(self) -> None:
        self.is_closed = True

    def _existing(self, identity: str) -> Container:
        if identity not in self._store.rooms:
            raise UserFault(
                "resource-not-found", f"Resource with id '{identity}' not found for this user."
            )
        return self._container(identity, is_new=False)

    def _container(self, identity: str, *, is_new: bool) -> Container:
        title = self._store.rooms[identity].title
        return Container(id=identity, title=title, link=f"memory://{identity}", is_new=is_new)

    def _store_file(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        store, room, name = self._store, self._store.rooms[container.id], str(file.path)
        with file.open() as body:
            content = b"".join(iter(lambda: body.read(BLOCK), b""))
        with store.lock:
            stored = store.renames(file.path)
            has_replaced = replaces is None and stored in room.files
            if has_replaced and not store.replaces_silently:
                raise FileExistsError(name)
            if store.spoilt[name]:
                store.spoilt[name] -= 1
                content = b"?" + content[1:]
            room.files[stored] = content
            if store.lost[name]:
                store.lost[name] -= 1
                raise TargetFault(
                    "target-unavailable", "no answer", retryable=True, outcome_unknown=True
                )
        self.heard()
        return Item(
            path=stored,
            size=len(content),
            digests=self._digests(content),
            has_replaced=has_replaced,
        )

    def _digests(self, content: bytes) -> dict[str, str]:
        if not self._store.gives_digests:
            return {}
        digester = Digester(self.traits.algorithms, len(content))
        digester.update(content)
        return digester.digests()
