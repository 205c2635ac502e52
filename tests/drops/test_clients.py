"""Whatever program brings a zip: it ends without an error and the zip is deposited once.

Once with the service as the files' owner, once as a service user to whom others bring their files.
The ordinary run has one round of all programs at once, one half of them for each kind of user; the
whole suite has ten rounds of each for both.
"""

import os
import pwd
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.bags import bag_zip
from tests.drops.clients import CLIENTS, MIRRORS, MOUNTS, needs
from tests.drops.sender import Sender
from tests.house.house import House, open_house, wait_until
from tests.house.test_three_users import DROPPERS
from tests.house.users import SERVICE, python_for_all

ROUNDS = 10
FILES = 2
SEED = 20
AT_ONCE = 3
OTHER_DISK = "/dev/shm" if os.path.isdir("/dev/shm") else None
"""Files come from another file system, so that nothing can simply be renamed."""


@dataclass
class Shelf:
    """A daemon, who sends, and what has become of the drops."""

    house: House
    sender: Sender
    ended: dict[str, dict[str, Any]] = field(default_factory=dict)

    def look(self) -> bool:
        """Read what has ended since; whether nothing is under way."""
        for ticket in set(self.house.tickets()) - self.ended.keys():
            info = self.house.info(ticket)
            if info["status"] != "in_progress":
                self.ended[ticket] = info
        return len(self.ended) == len(self.house.tickets())

    def lacks(self, client: str) -> str | None:
        """Why this sender cannot use a client here, None when nothing is missing."""
        if client in MOUNTS and self.sender.uid is not None:
            return "only root may mount here"
        return needs(client)

    def of(self, names: list[str]) -> list[dict[str, Any]]:
        """The ended tickets of these drops."""
        return [info for info in self.ended.values() if info["source_file"] in names]


def folder_of(client: str) -> str:
    """Who mirrors a folder has one of his own."""
    return "mirrored" if client in MIRRORS else "archive"


@pytest.fixture(
    scope="module", params=["one user", "others"],
    ids=["the service owns the files", "other users do"],
)  # fmt: skip
def shelf(request: pytest.FixtureRequest) -> Iterator[Shelf]:
    """A daemon with the quiet time of the defaults, for all clients."""
    sender, python = Sender(), None
    command: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    if request.param == "others":
        if os.getuid() != 0 or shutil.which("setpriv") is None:
            pytest.skip("other users need root and the program setpriv")
        if (found := python_for_all()) is None:
            pytest.skip("no Python here that another user could run with this installation")
        python, path = found
        sender = Sender(uid=pwd.getpwnam("nobody").pw_uid, group=DROPPERS, python=python, path=path)
        command = (
            "setpriv", f"--reuid={SERVICE}", f"--regid={SERVICE}", f"--groups={DROPPERS}",
        )  # fmt: skip
        environment = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    # not below pytest's own folder, which is closed to other users
    root = Path(tempfile.mkdtemp(prefix="drops-"))
    root.chmod(0o755)
    with open_house(root) as house:
        house.command, house.environment = command, environment
        house.python = python or house.python
        targets = {name: {"type": "folder", "path": "archive"} for name in ("archive", "mirrored")}
        house.configure(targets=targets, intake={"settle": "1s", "rescan": "1s"})
        (root / "senders").mkdir()
        (root / "senders").chmod(0o1777)
        if command:
            os.chown(root, SERVICE, SERVICE)
            for place in ("inbox", "inbox/archive", "inbox/mirrored"):
                (root / place).mkdir()
                os.chown(root / place, SERVICE, DROPPERS)
                (root / place).chmod(0o2770 if "/" in place else 0o755)
        house.start()
        yield Shelf(house, sender)
        assert "Traceback" not in house.log
        assert house.stop() == 0
    shutil.rmtree(root)


def bring(shelf: Shelf, client: str, *rounds: int) -> tuple[list[str], list[str]]:
    """Some files of odd sizes for each round, by one program; their names, and what it said."""
    slug = client.replace(" ", "_").replace(",", "")
    names = []
    with tempfile.TemporaryDirectory(dir=OTHER_DISK) as base:
        os.chmod(base, 0o755)
        folders = [Path(base) / f"round{number}" for number in rounds]
        for folder, number in zip(folders, rounds, strict=True):
            folder.mkdir()
            chance = random.Random(f"{SEED} {client} {number}")
            for part in range(FILES):
                path = folder / f"{slug}.{number}.{part}.zip"
                content = chance.randbytes(chance.randrange(1, 300_000))
                path.write_bytes(bag_zip({f"{path.stem}/a.bin": content}))
                path.chmod(0o644)
                names.append(path.name)
        inbox = shelf.house.inbox / folder_of(client)
        return names, shelf.sender.bring(client, folders, inbox)


def faults_of(shelf: Shelf, client: str, names: list[str]) -> list[str]:
    """What is wrong with what became of one client's drops, once they have ended."""
    house, inbox = shelf.house, shelf.house.inbox / folder_of(client)
    wait_until(
        lambda: shelf.look() and len(shelf.of(names)) >= len(names), 180, every=0.05,
        what=f"for the drops of {client}; {sorted(os.listdir(inbox))[:20]} {house.log[-2000:]}",
    )  # fmt: skip
    infos = shelf.of(names)
    faults = [f"{i['source_file']}: {i['message']}" for i in infos if i["status"] != "finished"]
    counts = Counter(info["source_file"] for info in infos)
    faults += [f"{name}: {count} tickets" for name, count in counts.items() if count != 1]
    faults += [f"{name}: no deposit" for name in names
               if not (house.archive / name.removesuffix(".zip")).is_dir()]  # fmt: skip
    for info in infos:
        stem = inbox / f"{info['source_file']}.{info['ticket_number'][:8]}"
        answer = stem.with_name(f"{stem.name}.process_info.json")
        wait_until(answer.exists, 60, what="for the sender's answer")
        if not stem.with_name(f"{stem.name}.ticket.json").exists():
            faults.append(f"{stem.name}: no note")
    return faults


def nothing_else(shelf: Shelf, names: set[str]) -> None:
    """No ticket of anything but the drops, and nothing but answers in the inbox."""
    assert shelf.look()
    assert {info["source_file"] for info in shelf.ended.values()} <= names
    for place in ("archive", "mirrored"):
        left = os.listdir(shelf.house.inbox / place)
        assert [name for name in left if not name.endswith(".json")] == []


def sample(shelf: Shelf) -> list[str]:
    """A half of the clients for each sender; one that only one of them can use is his."""
    clients = list(CLIENTS)
    random.Random(SEED).shuffle(clients)
    half = clients[len(clients) // 2 :] if shelf.sender.uid else clients[: len(clients) // 2]
    if shelf.sender.uid is None:
        half += [client for client in clients if client in MOUNTS and client not in half]
    return [client for client in half if shelf.lacks(client) is None]


def test_each_program_ends_well_and_each_zip_is_deposited_once(shelf: Shelf) -> None:
    clients = sample(shelf)
    several = [name for name in clients if name not in MIRRORS]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        rounds = dict(zip(several, pool.map(lambda c: bring(shelf, c, 0), several), strict=True))
    said = {
        client: faults or faults_of(shelf, client, names)
        for client, (names, faults) in rounds.items()
    }
    for client in [name for name in clients if name in MIRRORS]:
        names, faults = rounds[client] = bring(shelf, client, 0)
        said[client] = faults or faults_of(shelf, client, names)
    assert {client: faults for client, faults in said.items() if faults} == {}
    nothing_else(shelf, {name for names, _ in rounds.values() for name in names})


@pytest.mark.parametrize("client", CLIENTS)
def test_a_program_that_is_missing_is_named(client: str) -> None:
    if (missing := needs(client)) is not None:
        pytest.skip(missing)


@pytest.mark.full
@pytest.mark.parametrize("client", CLIENTS)
def test_it_does_so_every_time(shelf: Shelf, client: str) -> None:
    if (missing := shelf.lacks(client)) is not None:
        pytest.skip(missing)
    rounds = range(1, ROUNDS + 1)
    for numbers in [(number,) for number in rounds] if client in MIRRORS else [tuple(rounds)]:
        names, faults = bring(shelf, client, *numbers)
        assert faults == []
        assert faults_of(shelf, client, names) == []
    nothing_else(shelf, {name for name in map(source, shelf.ended.values()) if is_ours(name)})


def source(info: dict[str, Any]) -> str:
    """The name of the drop that became a ticket."""
    name: str = info["source_file"]
    return name


def is_ours(name: str) -> bool:
    """Whether this suite gives a drop such a name."""
    return name.endswith(".zip") and name.split(".")[-2].isdecimal()
