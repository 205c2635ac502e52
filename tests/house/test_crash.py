"""kill -9 at any instant: after a restart every drop is finished, every file is there once."""

import contextlib
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import presqt_daemon
from presqt_daemon.upload.calls.archive_disk import ID_NAME
from tests.bags import bag_zip, drop
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Fault, Shelf

PACKAGE = Path(presqt_daemon.__file__).parent
OTHER_TARGETS = (
    "osf-", "github-", "gitlab-", "zenodo-", "figshare-", "upgrade-", "notification-",
)  # fmt: skip
"""Points that other suites reach."""

STATUS_POINTS = [
    "status-in_progress-received",
    "status-finished-uploaded",
]


def failpoints() -> list[str]:
    """Every name that the package's source can be made to die at."""
    found = set(STATUS_POINTS)
    for path in PACKAGE.rglob("*.py"):
        found |= set(re.findall(r'reach\("([a-z-]+)"\)', path.read_text()))
    return sorted(name for name in found if not name.startswith(OTHER_TARGETS))


FOLDER_ONLY = {"put-written", "put-placed", "folder-intent", "folder-made"}
ASKED_ONLY = {
    *("asked", "control-taken", "control-answered", "request-taken", "request-answered"),
    "reopened",
}
"""Points that only a request reaches."""

START_ONLY = {"start-in-hand", "claim-undone"}
EXPIRY_ONLY = {"expiry-renamed", "expiry-removed"}

COPY_ONLY = {name for name in failpoints() if name.startswith("copy-")}


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf() as shelf:
        yield shelf


def payload(number: int, files: int = 3) -> dict[str, bytes]:
    return {f"T{number}/{name}.txt": f"{number} {name}".encode() for name in range(files)}


def drop_linked(content: bytes, house: House, destination: Path) -> None:
    """A drop with a second name elsewhere, which has to be copied."""
    kept = house.root / f"kept-{destination.name}"
    kept.write_bytes(content)
    destination.hardlink_to(kept)


def end_the_daemon(house: House) -> None:
    """Wait until the armed failpoint has killed daemon or worker, then kill what is left."""
    assert house.process is not None
    process = house.process
    wait_until(
        lambda: process.poll() is not None or "was killed by signal 9" in house.log,
        what=f"for the failpoint\n{house.log}",
    )
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait(10)


def assert_gone(family: list[int]) -> None:
    wait_until(lambda: not any(map(psutil.pid_exists, family)), 10)


def assert_all_is_well(house: House, shelf: Shelf, count: int) -> None:
    expected = {
        f"T{number}": {f"{name}.txt": f"{number} {name}".encode() for name in range(3)}
        for number in range(count)
    }
    infos = house.infos()
    assert [info["status"] for info in infos] == ["finished"] * count, house.log
    assert {info["source_file"] for info in infos} == {f"{n}.zip" for n in range(count)}
    by_target = {info["title"]: info["target"] for info in infos}
    stored = shelf.stored()
    for title, files in expected.items():
        if by_target[title] == "shelf":
            assert stored.pop(title) == files
        else:
            assert house.deposited(title) == files
    assert not stored, "a project nobody asked for"
    kept = (
        sorted(p.name for p in house.archive.iterdir() if p.name != ID_NAME)
        if house.archive.exists()
        else []
    )
    assert kept == sorted(t for t, target in by_target.items() if target == "archive")
    for info in infos:
        folder = house.uploads / info["ticket_number"]
        assert (folder / info["source_file"]).stat().st_size > 0
        # the ticket's secret stays, all that was only begun is gone
        hidden = {path.name for path in folder.iterdir() if path.name.startswith(".")}
        assert hidden <= {".mark"}
    assert sorted(name for name in house.tickets()) == sorted(i["ticket_number"] for i in infos)
    left = [path.name for path in house.inbox.rglob("*") if path.is_file()]
    ours = (".ticket.json", ".process_info.json", ".presqt-daemon.lock")
    assert not [name for name in left if not name.endswith(ours)], left
    assert sum(name.endswith(".ticket.json") for name in left) == count


@pytest.mark.sampled(10)
@pytest.mark.parametrize("point", sorted({*failpoints()} - ASKED_ONLY - EXPIRY_ONLY - START_ONLY))
def test_a_death_at_this_point_loses_and_doubles_nothing(
    tmp_path: Path, shelf: Shelf, point: str
) -> None:
    with open_house(
        tmp_path,
        targets={"archive": {"type": "folder", "path": "archive"}, "shelf": shelf.target()},
        uploads={"max_resumes": 100},
    ) as house:
        house.start(failpoint=point, ready=False)
        for folder in ("archive", "shelf"):
            wait_until((house.inbox / folder).is_dir)
        for number in range(3):
            target = "archive" if number != 1 or point in FOLDER_ONLY else "shelf"
            place = house.inbox / target / f"{number}.zip"
            if point in COPY_ONLY:
                drop_linked(bag_zip(payload(number)), house, place)
            else:
                side_car = place.with_name(f"{place.name}.yaml")
                side_car.write_text("file_duplicate_action: ignore\n")
                drop(bag_zip(payload(number)), place)
        end_the_daemon(house)
        house.start()
        for number in range(3):
            house.ended(f"{number}.zip")
        assert house.stop() == 0
        assert_all_is_well(house, shelf, 3)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("point", sorted(ASKED_ONLY))
def test_a_death_at_this_point_loses_no_retry_and_repeats_none(
    tmp_path: Path, shelf: Shelf, point: str
) -> None:
    shelf.faults.append(Fault("status 400", part="/files/2.txt", times=1))
    with open_house(tmp_path, targets={"shelf": shelf.target()}, uploads={"retries": 0}) as house:
        house.start(failpoint=point)
        drop(bag_zip(payload(0)), house.inbox / "shelf" / "0.zip")
        ticket = house.ended("0.zip")["ticket_number"]
        if point.startswith("request-"):
            (house.inbox / "shelf" / f"0.zip.{ticket[:8]}.retry").touch()
        else:
            (house.control / f"{ticket}.retry").touch()
        end_the_daemon(house)
        house.start()
        wait_until(lambda: not [*house.control.iterdir(), *house.inbox.rglob("*retry*")])
        assert house.ended("0.zip")["attempt"] == 2
        assert house.stop() == 0
        assert_all_is_well(house, shelf, 1)
        assert max(shelf.puts.values()) == 1


def test_a_death_while_a_claim_is_taken_back_loses_no_drop(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        (house.inbox / "archive").mkdir(parents=True)
        drop(bag_zip(payload(0)), house.inbox / "archive" / "0.zip")
        for point in ("claim-info", "claim-undone"):
            house.start(failpoint=point, ready=False)
            end_the_daemon(house)
        house.start()
        house.ended("0.zip")
        assert house.stop() == 0
        assert len(house.tickets()) == 1
        assert not list(house.uploads.glob(".*"))


@pytest.mark.parametrize("point", sorted(EXPIRY_ONLY))
def test_a_removal_that_is_killed_at_this_point_is_finished_by_the_next(
    tmp_path: Path, point: str
) -> None:
    records = "1ms" if point == "expiry-renamed" else "forever"
    retention = {"verified": "1ms", "records": records}
    with open_house(tmp_path, retention=retention) as house:
        (house.inbox / "archive").mkdir(parents=True)
        drop(bag_zip(), house.inbox / "archive" / "one.zip")
        assert house.run("run", "--once").returncode == 0
        ticket = house.tickets()[0]
        assert house.run("prune", failpoint=point).returncode == -signal.SIGKILL
        assert house.run("prune").returncode == 0
        if point == "expiry-renamed":
            assert list(house.uploads.iterdir()) == []
        else:
            left = {path.name for path in (house.uploads / ticket).iterdir()}
            assert left == {"claim.json", "process_info.json", "receipt.json"}


def places_of_open_tickets(house: House) -> set[str]:
    """Where the open tickets are, by the files that they have; "at rest" where none is open.

    Their statuses tell less: a small bag's stages are told together with its end.
    """
    found = set()
    for ticket in house.tickets():
        folder = house.uploads / ticket
        with contextlib.suppress(FileNotFoundError):  # claimed, its status not yet in its place
            if house.info(ticket)["status"] != "in_progress":
                continue
            if (folder / "journal.jsonl").exists():
                found.add("sending")
            elif (folder / "payload.jsonl").exists():
                found.add("staged")
            else:
                found.add("staging" if any(folder.glob(".staging-*")) else "waiting")
    if any(house.uploads.glob(".new-*")):
        found.add("claim")
    return found or {"at rest"}


@pytest.mark.timeout(2400)
def test_random_deaths_under_load_lose_and_double_nothing(
    tmp_path: Path, shelf: Shelf, full: bool, record_property: Callable[[str, object], None]
) -> None:
    kills, seed = (500, 1) if full else (25, 1)
    dice = random.Random(seed)
    hit: Counter[str] = Counter()
    shelf.faults.append(Fault("slowly", method="PUT", times=10**6))
    with open_house(
        tmp_path,
        targets={"archive": {"type": "folder", "path": "archive"}, "shelf": shelf.target()},
        uploads={"max_resumes": 1000},
    ) as house:
        count = 0
        for kill in range(kills):
            house.start(ready=dice.random() < 0.5)
            for _ in range(dice.randrange(3)):
                folder = house.inbox / dice.choice(["archive", "shelf"])
                wait_until(folder.is_dir)
                drop(bag_zip(payload(count)), folder / f"{count}.zip")
                count += 1
            time.sleep(dice.random() * 0.8)
            if kill % 5 == 4:
                # however slow the machine is, some are sending
                wait_until(
                    lambda: places_of_open_tickets(house) & {"sending", "at rest"}, 300, every=0.005
                )
            assert house.process is not None
            family = [house.process.pid]
            with contextlib.suppress(psutil.Error):
                family = [member.pid for member in house.family()]
            house.process.send_signal(signal.SIGKILL)
            house.process.wait(10)
            house.process = None
            hit.update(places_of_open_tickets(house))
            if kill % 10 == 0:
                assert_gone(family)
        house.start()
        for number in range(count):
            house.ended(f"{number}.zip", 120)
        assert house.stop() == 0
        assert_all_is_well(house, shelf, count)
        assert shelf.needless == [], "what the target had shown to have was sent again"
    told = f"{kills} kills; with open tickets at {dict(hit)}"
    record_property("kills", told)
    print(told)
    assert hit["waiting"], told
    assert hit["sending"], told
