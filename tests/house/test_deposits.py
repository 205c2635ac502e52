"""kill -9 in the middle of a deposit at each kind of target: after a restart nothing goes twice."""

import base64
import os
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.bags import bag_zip, drop
from tests.fakes import figshare, github, gitlab, osf, zenodo
from tests.fakes.server import FakeServer, Reply, Request
from tests.house.house import House, open_house, wait_until

RECORD = "PRESQT_FTS_METADATA"
"""What is sent last, after the payload."""


class Arrivals(FakeServer):
    """Counts how often the content of each file has come and was taken, in whatever form."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: dict[str, tuple[bytes, bytes]] = {}
        self.arrived: Counter[str] = Counter()

    def watch(self, payload: Mapping[str, bytes]) -> None:
        """Look for these contents from now on: as they are, and within JSON."""
        self.wanted = {
            name: (content, base64.b64encode(content)) for name, content in payload.items()
        }

    def answer(self, request: Request) -> Reply:
        reply = super().answer(request)
        if request.method in {"PUT", "POST"} and reply.status < 300:
            body = request.body
            with self.lock:
                self.arrived.update(
                    name
                    for name, forms in self.wanted.items()
                    if any(form in body for form in forms)
                )
        return reply


class Osf(Arrivals, osf.OsfFake):
    pass


class GitHub(Arrivals, github.GitHubFake):
    pass


class GitLab(Arrivals, gitlab.GitLabFake):
    pass


class Zenodo(Arrivals, zenodo.FakeZenodo):
    pass


class Figshare(Arrivals, figshare.FigshareFake):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A fake, where its API is, what it takes for a token, and when to kill.

    `slow` are method and part of an address of what is slowed down, so that there is a middle.
    """

    fake: Arrivals
    path: str
    token: str
    files: int
    kill_at: int
    slow: tuple[str, str]
    made: tuple[str, ...]

    @property
    def containers(self) -> list[int]:
        """How many resources of each sort the upload has made there."""
        return [len(getattr(self.fake, sort)) for sort in self.made]


def place_of(kind: str) -> Place:
    """The fake of a kind."""
    match kind:
        case "osf":
            return Place(
                fake=Osf(), path="/v2", token=osf.TOKEN, made=("nodes",),
                files=120, kill_at=40, slow=("PUT", "kind=file"),
            )  # fmt: skip
        case "github":
            return Place(
                fake=GitHub(), path="", token=github.TOKEN, made=("repositories",),
                files=120, kill_at=70, slow=("POST", "/git/blobs"),
            )  # fmt: skip
        case "gitlab":
            # a commit holds a hundred files
            return Place(
                fake=GitLab(), path="", token=gitlab.TOKEN, made=("projects",),
                files=250, kill_at=100, slow=("POST", "/commits"),
            )  # fmt: skip
        case "zenodo":
            # all files are in one zip
            return Place(
                fake=Zenodo(), path="/api", token=zenodo.TOKEN, made=("drafts",),
                files=3, kill_at=3, slow=("*", RECORD),
            )  # fmt: skip
        case _:
            return Place(
                fake=Figshare(), path="/v2", token=figshare.TOKEN, made=("projects", "articles"),
                files=12, kill_at=5, slow=("PUT", "/upload/"),
            )  # fmt: skip


@pytest.fixture(params=["osf", "github", "gitlab", "zenodo", "figshare"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def place(kind: str) -> Iterator[Place]:
    place = place_of(kind)
    with place.fake:
        yield place


@pytest.fixture
def house(tmp_path: Path, place: Place, kind: str) -> Iterator[House]:
    target = {"type": kind, "url": place.fake.url + place.path, "token_file": "token"}
    with open_house(tmp_path, targets={"there": target}) as house:
        (tmp_path / "token").write_text(place.token)
        yield house


def kill_all(house: House) -> None:
    """SIGKILL to the daemon and all its workers."""
    family = house.family()
    for member in family:
        member.send_signal(signal.SIGKILL)
    assert house.process is not None
    house.process.wait(10)
    psutil.wait_procs(family, 10)


@pytest.mark.sampled(3)
def test_a_deposit_killed_half_way_is_finished_and_nothing_goes_twice(
    house: House, place: Place
) -> None:
    payload = {f"Project/{number}.bin": b"\0" + os.urandom(900) for number in range(place.files)}
    place.fake.watch(payload)
    place.fake.fault("pause 0.2", *place.slow, times=10**6)
    house.start()
    drop(bag_zip(payload), house.inbox / "there" / "bag.zip")
    wait_until(lambda: place.fake.arrived.total() >= place.kill_at, what="for the middle")
    if place.slow[1] == RECORD:
        wait_until(lambda: place.fake.count(*place.slow), what="for what comes after the files")
    kill_all(house)
    info = house.of("bag.zip")
    assert info is not None
    assert info["status"] == "in_progress"
    place.fake.faults.clear()
    # what was on its way has arrived, or never will
    wait_until(lambda: not place.fake.running)
    house.start()
    info = house.ended("bag.zip", 60)
    assert info["status"] == "finished", info["message"]
    assert (info["failed_fixity"], info["unverified_fixity"]) == ([], [])
    assert place.fake.arrived == dict.fromkeys(payload, 1)
    assert set(place.containers) == {1}
