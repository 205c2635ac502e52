"""What may lie on a disk after a crash at any moment of a recorded history."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.replay.disk_model import Change, Disk, with_causes

State = Mapping[str, tuple[int, bytes | None]]
"""Path -> the number of its node, and its content (None: a folder)."""


@dataclass(slots=True, kw_only=True)
class CrashState:
    """One disk after a crash.

    `seen` are the tickets that somebody may have seen before it, `is_noted` says that the inbox
    folder had been synced after the last note. `site` is the entry of the site's history that was
    true then.
    """

    label: str
    files: State
    has_lost_power: bool
    seen: set[str] = field(default_factory=set)
    is_noted: bool = False
    site: int = 0

    @property
    def is_single(self) -> bool:
        """Whether one single change, or one file, fares otherwise than the rest."""
        return " (" in self.label or " of " in self.label


def killed_states(
    disk: Disk, counts: Iterable[int]
) -> Iterator[tuple[int, str, Callable[[], State]]]:
    """After kill -9: the first so many changes, for each count, all of which the kernel keeps."""
    numbers = [change.number for change in disk.changes]
    for count in counts:
        kept = {number for number in numbers if number < count}
        yield count, f"killed after {count}", _state(disk, kept, count, {}, "kept")


def powerless_states(
    disk: Disk, counts: Iterable[int]
) -> Iterator[tuple[int, str, Callable[[], State]]]:
    """After a loss of power: what was synced, and of the rest none, all, all but one, or one.

    A bag that is being unpacked is one thing: it is whole, torn, or lost.
    """
    by_number = {change.number: change for change in disk.changes}
    causes = {number: with_causes({number}, by_number) for number in by_number}
    for count in counts:
        durable, synced = disk.durable(count)
        made = {number for number in by_number if number < count}
        pending = sorted(made - durable)
        files = [
            number
            for number, node in enumerate(disk.nodes)
            if node.content(count) != node.content(synced.get(number, 0))
            and any(change < count for change, _ in node.versions)
        ]
        head = f"no power after {count}: "
        for data in ("lost", "torn", "kept"):
            yield count, f"{head}all names, data {data}", _state(disk, made, count, synced, data)
        for data in ("lost", "kept"):
            label = f"{head}synced names, data {data}"
            yield count, label, _state(disk, durable, count, synced, data)
        if not any(change.number == count - 1 for change in disk.changes):
            continue
        for number in pending:
            if is_of_bag(disk, by_number[number]):
                continue
            without = {other for other in made if number not in causes[other]}
            label = f"{head}all names but {shown(disk, by_number[number])}"
            yield count, label, _state(disk, without, count, synced, "kept")
            label = f"{head}synced names and {shown(disk, by_number[number])}"
            alone = durable | causes[number]
            yield count, label, _state(disk, alone, count, synced, "kept")
        for node in files:
            for data in ("lost", "torn"):
                label = f"{head}all names, data {data} of {disk.last_path(node)}"
                yield count, label, _state(disk, made, count, synced, data, only=node)


def is_of_bag(disk: Disk, change: Change) -> bool:
    """Whether a change is one inside of a bag that is being unpacked."""
    return all(disk.is_below(folder, ".staging-") for folder, _ in change.entries)


def shown(disk: Disk, change: Change) -> str:
    """A change of names for a reader."""
    names = dict(disk.tree(c.number for c in disk.changes if c.number < change.number))
    folders = {node: path for path, node in names.items()} | {0: "."}
    told = [
        f"{'+' if node is not None else '-'}{folders.get(folder, '?')}/{name}"
        for (folder, name), node in change.entries.items()
    ]
    return f"{change.number} ({', '.join(told)})"


def distinct(
    disk: Disk,
    wanted: Iterator[tuple[int, str, Callable[[], State]]],
    seen_after: Callable[[int], set[str]],
    noted_after: Callable[[int], bool],
    sites_after: Callable[[int], Iterable[int]],
    *,
    has_lost_power: bool,
) -> list[CrashState]:
    """Each state once, with all that had been seen on any way to it."""
    found: dict[tuple[bytes, int], CrashState] = {}
    for count, label, make in wanted:
        files = make()
        digest = hashlib.sha256()
        for path in sorted(files):
            content = files[path][1]
            digest.update(f"{path}\0{content is None}\0".encode("utf-8", "surrogateescape"))
            digest.update(hashlib.sha256(content or b"").digest())
        for site in sites_after(count):
            state = found.setdefault(
                (digest.digest(), site),
                CrashState(label=label, files=files, has_lost_power=has_lost_power, site=site),
            )
            state.seen |= seen_after(count)
            state.is_noted |= noted_after(count)
    return list(found.values())


def _state(
    disk: Disk,
    kept: set[int],
    count: int,
    synced: Mapping[int, int],
    data: str,
    *,
    only: int | None = None,
) -> Callable[[], State]:
    """The disk with these changes of names; `data` is what became of what was not synced."""

    def content(number: int) -> bytes | None:
        node = disk.nodes[number]
        if node.is_folder:
            return None
        written = node.content(count)
        if data == "kept" or (only is not None and only != number):
            return written
        durable = node.content(synced.get(number, 0))
        if data == "lost" or written == durable:
            return durable
        if written.startswith(durable):
            return written[: (len(durable) + len(written)) // 2]
        return written[: len(written) // 2] + bytes(len(written) - len(written) // 2)

    return lambda: {path: (number, content(number)) for path, number in disk.tree(kept)}
