"""What every target answers, and how one is reached by its configured type.

An adapter answers small questions and owns no loop: walking, order, parallelism, duplicates,
progress, retries, waiting, comparing, status and zipping are the upload room's business.
"""

import importlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import PurePosixPath
from typing import BinaryIO, Protocol, cast, runtime_checkable

from presqt_daemon.config import TargetConfig
from presqt_daemon.digest import digest_stream
from presqt_daemon.errors import UserFault
from presqt_daemon.targets.definition import OWN_MODULES, PLUG_INS
from presqt_daemon.targets.names import NAMES_AS_THEY_ARE, NameRules, title_as_it_is


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a target can do; constant for a type and its configuration.

    `algorithms`: digests that the target computes itself, in order of trust (empty: none).
    `has_folders`: paths are kept; else the bag is sent as one stored zip.
    `needs_folders`: a folder must be made (parents first) before a file is put into it.
    `keeps_empty_folders`: an empty folder can be made.
    `parts_files_and_folders`: a file and a folder of one name stand side by side.
    `title_format`: how a taken title is numbered, with `{title}` and `{number}`.
    `parallel_puts`: how many puts one connection's owner may run at once, 1 = one after another.
    `deferred`: puts are only collected; `commit` sends them and returns what the target said.
    `max_file_bytes`: larger files are refused before anything is created; None = no limit known.
    `min_title_length`, `max_title_length`: others are refused by the target; in characters.
    `titles_are_for_readers`: any sentence may be one: the bag's metadata go before a folder name.
    `carries_mark`: a new container can be found again by `ContainerRequest.ticket`.
    `creates_alone`: it takes no turns to create, and notes itself what it is about to make.
    `title_from`: a title as the target would write it (GitHub knows no spaces); before numbering.
    `makes_drafts`: what is sent stays a draft until `publish`.
    `requests_per_minute`: what it takes of one account, of those before which `turn` is called.
    `names`: what it does to names; whatever else it does to one is a fault.
    """

    algorithms: tuple[str, ...]
    has_folders: bool = True
    needs_folders: bool = False
    keeps_empty_folders: bool = False
    parts_files_and_folders: bool = False
    title_format: str = "{title} (PresQT{number})"
    parallel_puts: int = 1
    deferred: bool = False
    max_file_bytes: int | None = None
    max_files: int | None = None
    min_title_length: int = 1
    max_title_length: int | None = None
    titles_are_for_readers: bool = False
    carries_mark: bool = True
    creates_alone: bool = False
    takes_empty_files: bool = True
    title_from: Callable[[str], str] = title_as_it_is
    makes_drafts: bool = False
    requests_per_minute: int | None = None
    names: NameRules = NAMES_AS_THEY_ARE


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose token it is, as the target says."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRequest:
    """What to open: an existing container by id, or a new one under a title.

    `ticket` is the mark that a new container carries where the target can list it: a number that
    stands for the ticket and that nobody else knows before (`upload.containers.mark`);
    `fields` are descriptive fields of a new container in the neutral form that
    `presqt_daemon.metadata.describe.Description.fields` gives; the adapter maps what it knows.
    `was_creating`: an earlier go began to create it and its end is not known, so a mark that is
    not there yet must be waited for where lists come late.
    """

    ticket: str
    resource_id: str | None
    title: str
    was_creating: bool = False
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A place at the target into which files go.

    `id` is PresQT's form of it and opens it again; `state` is the adapter's own; `added` names
    files that creation put there by itself. One that went through JSON, and to another connection,
    is as good as one just opened. `identity` is the same text for every id under which the target
    opens the same place (a number, an address, another letter case), so that two tickets do not
    write into it at once; empty where the id itself is that.
    """

    id: str
    title: str
    link: str | None
    is_new: bool
    added: tuple[str, ...] = ()
    state: Mapping[str, str] = field(default_factory=dict)
    identity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A file or folder at the target, as the target describes it.

    `path`, `size` and `digests` are taken from the target's answer, never from what was asked;
    `digests` holds only what it computed from the bytes it stored. `has_replaced`: the target says
    of a put without `replaces` that something stood there. `is_taken`: a commit found this in the
    way of such a put and left it alone. `asked` is the path under which the caller knows a file
    that the adapter itself stores under another.
    """

    path: PurePosixPath
    size: int | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    is_folder: bool = False
    state: Mapping[str, str] = field(default_factory=dict)
    has_replaced: bool = False
    is_taken: bool = False
    asked: PurePosixPath | None = None


class Body(Protocol):
    """A file's bytes while they are sent; counts them and takes their digest on the way."""

    def read(self, size: int = -1, /) -> bytes: ...
    def readinto(self, buffer: memoryview, /) -> int: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...
    def fileno(self) -> int: ...


class Notes:
    """An adapter's notes on one file's way, oldest first, by which another go takes up this one.

    Used by one thread at a time. `keep` makes a note outlast the process, where that is possible.
    """

    def __init__(
        self, noted: Iterable[str] = (), keep: Callable[[str], None] = lambda _note: None
    ) -> None:
        self._noted = list(noted)
        self._keep = keep

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._noted))

    def add(self, note: str) -> None:
        """Note it; when this returns, it is as durable as it will be."""
        self._keep(note)
        self._noted.append(note)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One file to put: where it goes in the container, how long it is, and its bytes.

    `open` gives the bytes from the start, as often as it is asked. `digests` were taken at staging.
    `notes` are the adapter's own, of earlier goes at this file too.
    """

    path: PurePosixPath
    size: int
    digests: Mapping[str, str]
    open: Callable[[], AbstractContextManager[Body]]
    notes: Notes = field(default_factory=Notes)

    def digest(self, algorithm: str) -> str:
        """The file's digest from staging, or taken now."""
        if algorithm not in self.digests:
            with self.open() as body:
                return digest_stream(cast("BinaryIO", body), (algorithm,), self.size)[algorithm]
        return self.digests[algorithm].lower()


@runtime_checkable
class Target(Protocol):
    """A connection to one target for one ticket; not shared between processes.

    `heard` is set by the caller; the adapter calls it, from any thread, whenever the target has
    answered or its work moved, so that a long poll is not taken for a hang. Errors are those of
    `presqt_daemon.errors`; a bare OSError counts as a lost connection whose outcome is unknown.
    """

    traits: Traits
    heard: Callable[[], None]

    def account(self) -> Account:
        """Whose token this is. Raises UserFault `unauthorized`."""
        ...

    def titles(self) -> Collection[str]:
        """The titles of the account's top-level resources; with `CanFindTitles` the newest."""
        ...

    def container(self, request: ContainerRequest) -> Container:
        """Open or create; a container that carries the ticket's mark is returned, not made twice.

        Raises UserFault `resource-not-found`, `resource-gone`, `forbidden`, or `bad-request` for
        an item that is no container, and FileExistsError when the title was taken meanwhile.
        """
        ...

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        """Everything in the container, folders too, by path relative to it."""
        ...

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        """What stands at one path now, None for nothing; asked by its own address or folder.

        Never answered from what this connection remembers, nor by listing the whole tree.
        """
        ...

    def make_folder(self, container: Container, path: PurePosixPath) -> None:
        """Make a folder whose parent exists; one that exists already is fine."""
        ...

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        """Store one file; repeatable. Returns only what the target said.

        Called from up to `traits.parallel_puts` threads. Raises FileExistsError when `replaces` is
        None and the name was taken since the listing. `replaces` is let go only when the new file
        is there.
        """
        ...

    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        """Digests of a stored file that its listing left out, in any of these algorithms.

        Empty where the target gives none. Called from as many threads as `put`.
        """
        ...

    def commit(self, container: Container) -> Mapping[PurePosixPath, Item]:
        """Make all puts permanent; repeatable, may do nothing. Its items replace those of puts.

        Where puts are deferred, what took a name since the listing stays: its item `is_taken`.
        """
        ...

    def publish(self, container: Container) -> str | None:
        """Publish where the target knows drafts; the new link, None where nothing changed."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class TargetModule(Protocol):
    """What a target's module offers."""

    def traits(self, config: TargetConfig) -> Traits:
        """What this target can do, without asking it."""
        ...

    def connect(self, config: TargetConfig, token: str | None) -> Target:
        """A connection; asks nothing of the network yet."""
        ...


def traits_of(config: TargetConfig) -> Traits:
    """What a configured target can do. Raises UserFault `unknown-target` for an unknown type."""
    return _module(config).traits(config)


def connect(config: TargetConfig, token: str | None) -> Target:
    """A connection to a configured target. Raises UserFault `unknown-target`."""
    return _module(config).connect(config, token)


def _module(config: TargetConfig) -> TargetModule:
    if (room := OWN_MODULES.get(config.type)) is not None:
        module: TargetModule = importlib.import_module(f"{room}.target")
        return module
    plug_ins = entry_points(group=PLUG_INS)
    if config.type in plug_ins.names:
        loaded: TargetModule = plug_ins[config.type].load()
        return loaded
    known = (*OWN_MODULES, *sorted(plug_ins.names - set(OWN_MODULES)))
    raise UserFault(
        "unknown-target",
        f"The target {config.name!r} has the type {config.type!r}, which is not installed "
        f"(known: {', '.join(known)}).",
    )
