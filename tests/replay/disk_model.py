"""A file system that keeps what was synced and promises nothing else, fed with recorded calls.

After a crash every change of a name that was not synced may be there or be lost, each on its own,
whatever came before or after it; what was written to a file and not synced may be there, be lost,
or be torn. Three things are taken for granted, which hold on every file system with a journal
(Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014, table 1 and section 4.4):

- a rename is one step, between two folders too;
- a name is not moved before it was made, and nothing lies in a folder that was not made;
- a sync of a file keeps the name that it was made under, and the folders above it, too (fsync(2)
  does not promise that; ext4, XFS, Btrfs, F2FS and ZFS do it). `strict` takes it away.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tests.replay.recorded_calls import Call, Handle

Entry = tuple[int, str]
"""A name in a folder, by the number of the folder's node."""

UNKNOWN = {"writev", "pwritev", "sendfile", "copy_file_range", "sync", "syncfs", "fallocate"}


@dataclass(slots=True)
class Node:
    """A file or folder; `versions` are its contents and the change with which each came."""

    is_folder: bool
    versions: list[tuple[int, bytes]] = field(default_factory=list)
    mtime_ns: int | None = None

    def content(self, before: int) -> bytes:
        """What was written when this many changes were made."""
        return next((data for number, data in reversed(self.versions) if number < before), b"")


@dataclass(frozen=True, slots=True)
class Change:
    """One change of names: what each entry holds after it (None: nothing), and what it rests on."""

    number: int
    entries: dict[Entry, int | None]
    rests_on: frozenset[int]


@dataclass(frozen=True, slots=True)
class Sync:
    """A node was synced: what ended before `begun` is durable once `number` calls have ended."""

    number: int
    begun: int
    node: int


class Disk:
    """A recorded history of the files below a root; numbers count the calls that changed them."""

    def __init__(self, root: Path, before: Path, *, strict: bool = False) -> None:
        """`before` is a copy of the root as it was, all of it durable."""
        self.root = str(root)
        self.strict = strict
        self.nodes: list[Node] = []
        self.changes: list[Change] = []
        self.syncs: list[Sync] = []
        self.first: dict[Entry, int] = {}
        self.now: dict[Entry, int] = {}
        self.count = 0
        self._maker: dict[Entry, int] = {}
        self._folder_maker: dict[int, int] = {}
        self._made_as: dict[int, Entry] = {}
        self._handles: dict[tuple[int, int], int] = {}
        self.ended: list[tuple[int, float]] = []  # changes at each call's end; when it began
        self._load(before, self._new(is_folder=True))
        self.now = dict(self.first)

    def _new(self, *, is_folder: bool) -> int:
        self.nodes.append(Node(is_folder))
        return len(self.nodes) - 1

    def _load(self, folder: Path, node: int) -> None:
        for path in sorted(folder.iterdir()):
            child = self._new(is_folder=path.is_dir())
            self.first[node, path.name] = child
            if path.is_dir():
                self._load(path, child)
            else:
                self.nodes[child].versions.append((-1, path.read_bytes()))
                self.nodes[child].mtime_ns = path.stat().st_mtime_ns

    def feed(self, calls: Iterable[Call]) -> None:
        """Take in recorded calls; those elsewhere than below the root change nothing."""
        for call in calls:
            self._take(call)
            self.ended.append((self.count, call.moment))

    def _take(self, call: Call) -> None:
        words = call.arguments
        name = call.name
        if name in {"open", "creat", "openat"} and call.opened is not None:
            self._open(call)
        elif name in {"write", "pwrite64"}:
            self._write(call)
        elif name in {"fsync", "fdatasync"}:
            node = self._node_of(call.task, words[0])
            if node is not None:
                begun = self.ended[call.begun - 1][0] if call.begun else 0
                self.count += 1
                self.syncs.append(Sync(self.count, begun, node))
        elif name == "ftruncate":
            node = self._node_of(call.task, words[0])
            if node is not None:
                size = int(str(words[1]))
                old = self.nodes[node].content(self.count)
                self._version(node, old[:size].ljust(size, b"\0"))
        elif name in {"mkdir", "mkdirat"}:
            if (entry := self._entry(words)) is not None:
                self._change({entry: self._new(is_folder=True)})
        elif name in {"unlink", "unlinkat", "rmdir"}:
            if (entry := self._entry(words)) is not None:
                self._change({entry: None})
        elif name in {"rename", "renameat", "renameat2", "link", "linkat"}:
            self._move(call)
        elif name in {"symlink", "symlinkat"} or name in UNKNOWN:
            assert not any(isinstance(w, Handle) and self._inside(w.path) for w in words), (
                f"a call that is not replayed: {call}"
            )

    def _open(self, call: Call) -> None:
        assert call.opened is not None
        flags = next((w for w in call.arguments if isinstance(w, str) and "O_" in w), "")
        key = (call.task, call.opened.number)
        self._handles.pop(key, None)
        if "O_TMPFILE" in flags:
            if self._inside(call.opened.path) is not None:
                self._handles[key] = self._new(is_folder=False)
            return
        entry = self._entry(call.arguments)
        if entry is None:
            return
        node = self.now.get(entry)
        if node is None and "O_CREAT" in flags:
            node = self._new(is_folder=False)
            self._change({entry: node})
        elif node is not None and "O_TRUNC" in flags and self.nodes[node].content(self.count):
            self._version(node, b"")

    def _write(self, call: Call) -> None:
        words = call.arguments
        node = self._node_of(call.task, words[0])
        if node is None:
            return
        assert isinstance(words[1], bytes)
        old, new = self.nodes[node].content(self.count), words[1][: call.result]
        # every file here is written from its beginning to its end, or appended to
        at = int(str(words[3])) if call.name == "pwrite64" else len(old)
        self._version(node, old[:at].ljust(at, b"\0") + new + old[at + len(new) :])

    def _move(self, call: Call) -> None:
        words = call.arguments
        where = [word for word in words if isinstance(word, bytes)]
        handles = [word for word in words if isinstance(word, Handle)]
        bases: list[Handle | None] = [*handles, None, None][:2] if handles else [None, None]
        target = self._entry((*filter(None, [bases[1]]), where[1]))
        if where[0].startswith(b"/proc/self/fd/"):
            node = self._handles.get((call.task, int(where[0].rsplit(b"/", 1)[1])))
            if target is not None and node is not None:
                self._change({target: node})
            return
        source = self._entry((*filter(None, [bases[0]]), where[0]))
        if source is None and target is None:
            return
        assert source is not None, f"moved in from elsewhere: {call}"
        assert target is not None, f"moved away: {call}"
        moved: dict[Entry, int | None] = {target: self.now[source]}
        self._change(moved if "link" in call.name else {source: None, **moved}, needs=source)

    def _change(self, entries: dict[Entry, int | None], needs: Entry | None = None) -> None:
        number = self.count
        self.count += 1
        rests_on = {self._folder_maker.get(folder, -1) for folder, _ in entries}
        rests_on |= {self._maker.get(needs, -1)} if needs is not None else set()
        self.changes.append(Change(number, entries, frozenset(rests_on - {-1})))
        for entry, node in entries.items():
            if node is not None:
                self._made_as.setdefault(node, entry)
            self._maker[entry] = number
            if node is None:
                self.now.pop(entry, None)
                continue
            self.now[entry] = node
            if self.nodes[node].is_folder:
                self._folder_maker.setdefault(node, number)

    def _version(self, node: int, content: bytes) -> None:
        self.nodes[node].versions.append((self.count, content))
        self.count += 1

    def _inside(self, path: str) -> tuple[str, ...] | None:
        if not path.startswith(f"{self.root}/") and path != self.root:
            return None
        return PurePosixPath(path).relative_to(self.root).parts

    def _entry(self, words: Iterable[str | bytes | Handle]) -> Entry | None:
        """The entry that a path stands for, the first one of a call; None for one elsewhere."""
        base = ""
        for word in words:
            if isinstance(word, Handle):
                base = word.path
            elif isinstance(word, bytes):
                path = os.path.normpath(os.path.join(base, os.fsdecode(word)))
                parts = self._inside(path)
                if not parts:
                    return None
                folder = self._walk(parts[:-1])
                return None if folder is None else (folder, parts[-1])
        return None

    def _walk(self, parts: tuple[str, ...]) -> int | None:
        node: int | None = 0
        for part in parts:
            node = self.now.get((node, part)) if node is not None else None
        return node

    def _node_of(self, task: int, handle: str | bytes | Handle) -> int | None:
        if not isinstance(handle, Handle) or (parts := self._inside(handle.path)) is None:
            return None
        if handle.is_deleted:
            return self._handles.get((task, handle.number))
        return self._walk(parts)

    def is_below(self, folder: int, prefix: str) -> bool:
        """Whether a folder, or one above it, was made under a name with this beginning."""
        while folder in self._made_as:
            folder, name = self._made_as[folder]
            if name.startswith(prefix):
                return True
        return False

    def last_path(self, node: int) -> str:
        """The last name that a node had below the root."""
        entries = [*self.first.items(), *(e for c in self.changes for e in c.entries.items())]
        folder, name = next(entry for entry, held in reversed(entries) if held == node)
        return name if folder == 0 else f"{self.last_path(folder)}/{name}"

    def durable(self, count: int) -> tuple[set[int], dict[int, int]]:
        """The changes that are durable after so many, and up to which change each file is."""
        kept: set[int] = set()
        synced: dict[int, int] = {}
        for sync in self.syncs:
            if sync.number > count:
                break
            synced[sync.node] = max(synced.get(sync.node, 0), sync.begun)
        by_number = {change.number: change for change in self.changes}
        for change in self.changes:
            if change.number >= count:
                break
            for (folder, _), node in change.entries.items():
                by_folder = change.number < synced.get(folder, 0)
                by_file = (
                    not self.strict
                    and node is not None
                    and not self.nodes[node].is_folder
                    and change.number < synced.get(node, 0)
                )
                if by_folder or by_file:
                    kept |= with_causes({change.number}, by_number)
        return kept, synced

    def tree(self, kept: Iterable[int]) -> Iterator[tuple[str, int]]:
        """Paths and nodes after these changes alone."""
        entries: dict[Entry, int | None] = dict(self.first)
        wanted = set(kept)
        for change in self.changes:
            if change.number in wanted:
                entries |= change.entries
        below: dict[int, list[tuple[str, int]]] = {}
        for (folder, name), node in entries.items():
            if node is not None:
                below.setdefault(folder, []).append((name, node))
        stack = [("", 0)]
        while stack:
            base, folder = stack.pop()
            for name, node in below.get(folder, ()):
                yield f"{base}{name}", node
                if self.nodes[node].is_folder:
                    stack.append((f"{base}{name}/", node))


def with_causes(numbers: Iterable[int], by_number: dict[int, Change]) -> set[int]:
    """These changes and all that they rest on."""
    found: set[int] = set()
    stack = list(numbers)
    while stack:
        if (number := stack.pop()) not in found:
            found.add(number)
            stack.extend(by_number[number].rests_on)
    return found
