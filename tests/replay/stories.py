"""What senders do while a daemon is recorded, and the disk that it leaves."""

import contextlib
import re
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.bags import bag_tree, bag_zip, drop, zip_bytes
from tests.house.house import House, open_house, wait_until
from tests.replay.disk_model import Disk
from tests.replay.rebuilt_disk import TARGET, Recorded
from tests.replay.recorded_calls import CALLS, COMMAND, read_calls
from tests.replay.web_site import THEIRS, OsfOfAccounts, tokens

SETTINGS: dict[str, Any] = {
    "intake": {"settle": "500ms", "rescan": "2s", "incomplete_after": "1s"},
    "uploads": {"max_resumes": 100},
}
_TELL = 'f="$0/${PRESQT_EVENT_ID%%.*}"; echo "$PRESQT_EVENT_ID" >> "$f" && sync "$f" "$0"'
"""A receiver that has been told only once it is on the disk, under the ticket's number."""

DEEP = {"W/0.txt": b"0", "W/1.txt": b"1", "W/in/2.txt": b"2"}
"""Two requests at once, and a folder that must be there before a third."""

_TICKET = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_NAME = re.compile(rf"{_TICKET.pattern}\.[0-9]+$", re.MULTILINE)
_NOTE = re.compile(r"\.([0-9a-f]{8})\.ticket\.json$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What a sender does while the daemon is recorded, and how it must end after any crash."""

    act: Callable[[House], None]
    drops: dict[str, str]
    """Name of each drop -> the status that its ticket ends with."""
    stored: dict[str, bytes] = field(default_factory=dict)
    before: Callable[[House], None] = lambda _house: None
    """What has ended already when the recording begins."""
    attempt: int = 1
    is_strict: bool = False
    """Replayed on a disk that keeps a file's name only with its folder."""
    is_told: bool = False
    """Somebody is told of every end, before the crash and after it."""
    is_web: bool = False
    """The target is an OSF, where a container is made by a request; else a folder."""
    is_theirs: bool = False
    """The bag goes into a project that is there before."""

    def target(self, name: str, site: OsfOfAccounts) -> dict[str, Any]:
        """The setting of a target."""
        if not self.is_web:
            return {"type": "folder", "path": name}
        return {"type": "osf", "url": site.api, "token_env": f"TOKEN_{name}"}

    def receivers(self, root: Path) -> dict[str, Any]:
        """The setting; what is told is written below `told/`, a line each time."""
        if not self.is_told:
            return {}
        (root / "told").mkdir(exist_ok=True)
        command = ["/bin/sh", "-c", _TELL, str(root / "told")]
        return {"all": {"command": command, "events": ["finished", "failed"]}}

    def is_stored(self, files: dict[str, bytes], empty: set[str]) -> bool:
        """Whether the target holds what it must; such a disk may leave an empty folder beside."""
        if files == self.stored:
            return True
        titles = {name.split("/")[0] for name in self.stored}
        again = {
            f"{title} (PresQT1){name.removeprefix(title)}": body
            for title in titles
            for name, body in self.stored.items()
        }
        return self.is_strict and files == again and titles <= empty


def payload(number: int) -> dict[str, bytes]:
    return {f"T{number}/{name}.txt": f"{number} {name}".encode() for name in range(2)}


def put(house: House, name: str, content: bytes, folder: str = "", *, options: str = "") -> None:
    place = house.inbox / TARGET / folder / name
    place.parent.mkdir(exist_ok=True)
    if options:
        place.with_name(f"{name}.yaml").write_text(options)
    drop(content, place)


def stored(*numbers: int) -> dict[str, bytes]:
    return {name: body for number in numbers for name, body in payload(number).items()}


def drop_one(house: House) -> None:
    put(house, "0.zip", bag_zip(payload(0)), options="file_duplicate_action: ignore\n")


def drop_three(house: House) -> None:
    for number in range(3):
        options = "file_duplicate_action: ignore\n" if number == 1 else ""
        put(house, f"{number}.zip", bag_zip(payload(number)), options=options)


def drop_damaged(house: House) -> None:
    put(house, "0.zip", zip_bytes({**bag_tree(payload(0)), "data/T0/0.txt": b"other"}))


def drop_for_nobody(house: House) -> None:
    put(house, "0.zip", bag_zip(payload(0)), "R")
    house.ended("0.zip", 60)
    folder = house.root / TARGET / "R"
    folder.mkdir(parents=True, exist_ok=True)


def ask_again(house: House) -> None:
    (house.control / f"{house.tickets()[0]}.retry").touch()


def drop_deep(house: House, folder: str = "") -> None:
    put(house, "0.zip", bag_zip(DEEP), folder, options="file_duplicate_action: ignore\n")


def drop_into_theirs(house: House) -> None:
    drop_deep(house, f"{TARGET}n0001")


STORIES = {
    "finished": Story(act=drop_one, drops={"0.zip": "finished"}, stored=stored(0)),
    "strict": Story(act=drop_one, drops={"0.zip": "finished"}, stored=stored(0), is_strict=True),
    "group": Story(
        act=drop_three,
        drops={f"{number}.zip": "finished" for number in range(3)},
        stored=stored(0, 1, 2),
    ),
    "failed": Story(act=drop_damaged, drops={"0.zip": "failed"}, is_told=True),
    "retried": Story(
        before=drop_for_nobody,
        act=ask_again,
        drops={"0.zip": "finished"},
        stored={f"R/{name}": body for name, body in payload(0).items()},
        attempt=2,
        is_told=True,
    ),
    "web": Story(act=drop_deep, drops={"0.zip": "finished"}, stored=DEEP, is_web=True),
    "theirs": Story(
        act=drop_into_theirs,
        drops={"0.zip": "finished"},
        stored={f"{THEIRS}/{name}": body for name, body in {**DEEP, "keep.txt": b"keep"}.items()},
        is_web=True,
        is_theirs=True,
    ),
}


def stand_still(family: list[psutil.Process]) -> bool:
    """Whether every thread of these processes is stopped; a tracer's short stops count too."""
    for process in family:
        for task in Path(f"/proc/{process.pid}/task").glob("*/stat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if task.read_text().rpartition(")")[2].split()[0] not in {"T", "t", "Z", "X"}:
                    return False
    return True


@contextlib.contextmanager
def halted(house: House) -> Iterator[None]:
    """The daemon and its workers stand still."""
    family = house.family()[1:]
    for process in family:
        process.suspend()
    # a call that is under way would end later, and be neither in the copy nor in the recording
    looks: deque[bool] = deque(maxlen=3)

    def have_halted() -> bool:
        looks.append(stand_still(family))
        return looks.count(True) == 3

    wait_until(have_halted, 60, every=0.02)
    try:
        yield
    finally:
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def record(story: Story, place: Path, site: OsfOfAccounts) -> tuple[Disk, Recorded]:
    """Run a story under strace; its disk, which is proved to end as the real one did."""
    root = place / "root"
    root.mkdir()
    if story.is_theirs:
        site.add_theirs(TARGET)
    with open_house(
        root,
        targets={TARGET: story.target(TARGET, site)},
        receivers=story.receivers(root),
        **SETTINGS,
    ) as house:
        house.environment = tokens([TARGET])
        house.command = (*COMMAND, "-e", f"trace={CALLS}", "-o", str(place / "trace"))
        house.start()
        story.before(house)
        time.sleep(0.7)
        with halted(house):
            begin = time.time()
            story.act(house)
            shutil.copytree(root, place / "before")

        def over() -> bool:
            infos = house.infos()
            return len(infos) == len(story.drops) and all(
                info["status"] != "in_progress"
                and info["attempt"] == story.attempt
                and is_told(story, house, info)
                for info in infos
            )

        wait_until(over, 60, every=0.05)
        time.sleep(0.7)
        with halted(house):
            shutil.copytree(root, place / "after")
            inodes = {str(path.relative_to(root)): path.stat().st_ino for path in root.rglob("*")}
            end = time.time()
        house.family()[1].terminate()
        assert house.process is not None
        house.process.wait(60)
        house.process = None
    disk = Disk(root, place / "before", strict=story.is_strict)
    with (place / "trace").open(encoding="latin-1") as lines:
        disk.feed(call for call in read_calls(lines, begin) if call.moment < end)
    nodes = dict(disk.tree(change.number for change in disk.changes))
    replayed = {
        path: None if disk.nodes[node].is_folder else disk.nodes[node].content(disk.count)
        for path, node in nodes.items()
    }
    real = {
        str(path.relative_to(place / "after")): None if path.is_dir() else path.read_bytes()
        for path in (place / "after").rglob("*")
    }
    assert {**replayed, "log": b""} == {**real, "log": b""}
    times = {n: node.mtime_ns for n, node in enumerate(disk.nodes) if node.mtime_ns is not None}
    by_inode = {inodes[path]: node for path, node in nodes.items() if path in inodes}
    held = [said for _, said in site.history]
    return disk, Recorded(root=root, nodes=by_inode, times=times, site=held)


def told_of(house: House, ticket: str) -> list[str]:
    """The names of the events that somebody was told of a ticket, as often as that was."""
    path = house.root / "told" / ticket
    # a power loss may have torn a line, at which the next one begins
    return _NAME.findall(path.read_text()) if path.exists() else []


def is_told(story: Story, house: House, info: dict[str, Any]) -> bool:
    """Whether a ticket's end has been told, and its entry is gone; of nobody's business always."""
    if not story.is_told:
        return True
    name = f"{info['ticket_number']}.{info['attempt']}"
    entry = house.root / "mediafiles" / "outbox" / f"{name}.json"
    return name in told_of(house, info["ticket_number"]) and not entry.exists()


def seen_in(disk: Disk) -> Callable[[int], set[str]]:
    """The tickets that a note or a status tells of after so many changes."""
    known: dict[int, set[str]] = {}

    def look(count: int) -> set[str]:
        if count not in known:
            paths = [p for p, _ in disk.tree(c.number for c in disk.changes if c.number < count)]
            every = {found[0] for path in paths if (found := _TICKET.search(path))}
            noted = {found[1] for path in paths if (found := _NOTE.search(path))}
            known[count] = {ticket for ticket in every if ticket[:8] in noted} | {
                ticket
                for ticket in every
                if f"mediafiles/uploads/{ticket}/process_info.json" in paths
            }
        return known[count]

    return look


def noted_in(disk: Disk) -> Callable[[int], bool]:
    """Whether the inbox folder was synced after its last note, after so many changes."""
    notes = [
        (change.number, folder)
        for change in disk.changes
        for folder, name in change.entries
        if _NOTE.search(name)
    ]
    last, inbox = notes[-1] if notes else (-1, -1)
    synced = min((s.number for s in disk.syncs if s.node == inbox and s.begun > last), default=0)
    assert synced or not notes, "the inbox is not synced after a note"
    return lambda count: count >= synced
