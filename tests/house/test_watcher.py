"""Whatever the watcher misses, the scan finds; half a file is never taken, a whole one once."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.bags import bag_tree, bag_zip, drop, zip_bytes
from tests.house.disks import frozen, layered, loop_disk, mounted
from tests.house.house import House, open_house, wait_until

RESCAN_SECONDS = 1.0
SLACK_SECONDS = 3.0
"""For a machine that others use too."""

RARE_RESCAN_SECONDS = 8.0

MAX_MEMORY_BYTES = 200 << 20


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as house:
        yield house


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One daemon for the tests that differ in their drops only; names and titles are theirs."""
    with open_house(tmp_path_factory.mktemp("house")) as house:
        house.configure(intake={"rescan": "1500ms", "incomplete_after": "3s"})
        house.start()
        yield house
        assert "Traceback" not in house.log


def bag(number: int) -> bytes:
    return bag_zip({f"T{number}/a.txt": f"{number}".encode()})


def drop_bag(house: House, number: int, folder: Path | None = None) -> Path:
    return drop(bag(number), (folder or house.inbox / "archive") / f"{number}.zip")


def deposited(house: House, count: int, first: int = 0) -> None:
    """These drops are finished, and each is stored once."""
    numbers = range(first, first + count)
    for number in numbers:
        assert house.ended(f"{number}.zip")["status"] == "finished", house.log
    names = [info["source_file"] for info in house.infos()]
    assert [names.count(f"{number}.zip") for number in numbers] == [1] * count
    stored = house.deposited()
    for number in numbers:
        assert stored[f"T{number}/a.txt"] == f"{number}".encode()
        assert not [name for name in stored if name.startswith(f"T{number} ")]


def ticket_seconds(house: House, number: int, **where: Path) -> float:
    """How long a drop waits for its ticket."""
    path = drop_bag(house, number, **where)
    began = time.monotonic()
    wait_until(lambda: not path.exists(), 20, what=f"for {path.name}\n{house.log}", every=0.002)
    return time.monotonic() - began


def test_a_drop_that_no_event_tells_of_is_found_within_one_period(house: House) -> None:
    house.configure(intake={"observer": "off"})
    house.start()
    times = [ticket_seconds(house, number) for number in range(3)]
    assert max(times) < RESCAN_SECONDS + SLACK_SECONDS
    deposited(house, 3)


def test_a_flood_of_events_hides_no_drop(house: House, full: bool) -> None:
    house.start()
    drop_bag(house, 10)
    deposited(house, 1, first=10)  # so its folder has been scanned, and a watch comes before a scan
    assert house.process is not None
    # the kernel keeps 16,384 events for a reader that does not come; each file makes two
    house.process.send_signal(signal.SIGSTOP)
    daemon = psutil.Process(house.process.pid)
    wait_until(lambda: daemon.status() == psutil.STATUS_STOPPED)
    folder = house.inbox / "archive"
    for number in range(20_000 if full else 11_000):
        (folder / f"{number}.part").touch()
    for number in range(10):
        drop_bag(house, number)
    house.process.send_signal(signal.SIGCONT)
    deposited(house, 11)
    # the events before it are read first, which takes longer than the scan that found the drops
    wait_until(lambda: "verflow" in house.log, what="for too many events")


def test_a_write_on_another_machine_is_found_within_one_period(house: House) -> None:
    upper = house.root / "upper"
    with layered(house.inbox, upper, house.root / "work", house.root / "lower"):
        house.start()
        ticket_seconds(house, 0)
        times = []
        for number in range(1, 4):
            (upper / "archive" / f"{number}.zip").write_bytes(bag(number))
            began = time.monotonic()
            wait_until(partial(house.of, f"{number}.zip"))
            times.append(time.monotonic() - began)
        assert max(times) < 2 * RESCAN_SECONDS + SLACK_SECONDS
        deposited(house, 4)
        house.stop()


def renamed(house: House) -> None:
    house.inbox.rename(house.root / "inbox.old")
    (house.inbox / "archive").mkdir(parents=True)


def target_renamed(house: House) -> None:
    (house.inbox / "archive").rename(house.root / "archive.old")
    (house.inbox / "archive").mkdir()


def deleted(house: House) -> None:
    shutil.rmtree(house.inbox)
    (house.inbox / "archive").mkdir(parents=True)


def deleted_and_not_made_again(house: House) -> None:
    shutil.rmtree(house.inbox / "archive")
    wait_until((house.inbox / "archive").is_dir, 30)


WAYS = [renamed, target_renamed, deleted, deleted_and_not_made_again]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A daemon whose scans are rare, so that what comes sooner was told by events."""
    with open_house(tmp_path_factory.mktemp("watched")) as house:
        house.configure(intake={"rescan": f"{RARE_RESCAN_SECONDS}s"})
        house.start()
        yield house


@pytest.mark.sampled(2)
@pytest.mark.parametrize("way", range(len(WAYS)), ids=[way.__name__ for way in WAYS])
def test_an_inbox_made_anew_is_found_and_watched_again(watched: House, way: int) -> None:
    first = 100 + 10 * way
    WAYS[way](watched)
    assert ticket_seconds(watched, first) < RARE_RESCAN_SECONDS + 20.0
    # a scan alone would take these so long each
    took = sum(ticket_seconds(watched, first + number) for number in range(1, 5))
    assert took < 2 * RARE_RESCAN_SECONDS
    deposited(watched, 5, first)


def test_an_inbox_mounted_over_unmounted_and_mounted_again_loses_no_drop(house: House) -> None:
    other = Path(tempfile.mkdtemp(dir="/dev/shm"))
    (other / "archive").mkdir()
    try:
        house.start()
        ticket_seconds(house, 0)
        with mounted(house.inbox, "--bind", other):
            times = [ticket_seconds(house, number) for number in (1, 2)]
            for number in range(3, 7):
                drop_bag(house, number)
        # some of these are being copied now, and are not there for a while
        times += [ticket_seconds(house, number) for number in (7, 8)]
        with mounted(house.inbox, "--bind", other):
            times += [ticket_seconds(house, number) for number in (9, 10)]
            deposited(house, 11)
        assert max(times) < RESCAN_SECONDS + SLACK_SECONDS
    finally:
        shutil.rmtree(other)


def test_an_inbox_that_is_a_link_is_watched(house: House) -> None:
    (house.root / "elsewhere").mkdir()
    house.inbox.symlink_to("elsewhere")
    house.configure(intake={"rescan": "30s"})
    house.start()
    assert sum(ticket_seconds(house, number) for number in range(3)) < SLACK_SECONDS
    deposited(house, 3)


@pytest.mark.parametrize("limit", ["max_inotify_instances", "max_inotify_watches"])
def test_without_inotify_drops_are_found_by_scanning_and_the_log_says_so_once(
    house: House, limit: str
) -> None:
    # limits of a user namespace: nobody else meets them, and they go with it
    house.command = (
        "unshare", "--user", "--map-root-user",
        "sh", "-c", f'echo 0 > /proc/sys/user/{limit} && exec "$0" "$@"',
    )  # fmt: skip
    if subprocess.run([*house.command, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("no user namespaces here")
    house.start()
    assert ticket_seconds(house, 0) < RESCAN_SECONDS + SLACK_SECONDS
    assert ticket_seconds(house, 1) < RESCAN_SECONDS + SLACK_SECONDS
    deposited(house, 2)
    assert house.log.count("inbox/archive: not watched") == 1


def test_a_slow_paused_and_stepwise_copy_becomes_one_ticket_with_all_bytes(shared: House) -> None:
    content = {n: bag_zip({f"T{n}/a.txt": os.urandom(30_000)}) for n in range(200, 203)}
    pause = threading.Event()

    def parts(number: int) -> Iterator[bytes]:
        size = len(content[number]) // 4 + 1
        for start in range(0, len(content[number]), size):
            yield content[number][start : start + size]
            pause.wait(0.45)

    def slowly(number: int) -> None:
        with (shared.inbox / "archive" / f"{number}.zip").open("wb", buffering=0) as stream:
            for part in parts(number):
                stream.write(part)

    def in_steps(number: int) -> None:
        for part in parts(number):
            with (shared.inbox / "archive" / f"{number}.zip").open("ab") as stream:
                stream.write(part)

    def its_ends_first(number: int) -> None:
        with (shared.inbox / "archive" / f"{number}.zip").open("wb", buffering=0) as stream:
            size = len(content[number])
            stream.truncate(size)
            # head and tail are those of a whole zip long before the middle is there
            for start in [0, *range(size - size % 4096, 0, -4096)]:
                stream.seek(start)
                stream.write(content[number][start : start + 4096])
                pause.wait(0.15)

    works = (slowly, in_steps, its_ends_first)
    writers = [
        threading.Thread(target=work, args=(number,))
        for number, work in zip(content, works, strict=True)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    for number, whole in content.items():
        info = shared.ended(f"{number}.zip")
        assert info["status"] == "finished", info
        assert (shared.uploads / info["ticket_number"] / f"{number}.zip").read_bytes() == whole
    names = [info["source_file"] for info in shared.infos()]
    assert [names.count(f"{number}.zip") for number in content] == [1, 1, 1]


def test_a_zip_that_never_gets_whole_fails_after_its_time_and_one_removed_leaves_nothing(
    shared: House,
) -> None:
    whole = bag_zip({"T/a.txt": os.urandom(9000)})
    gone = drop(whole[:4000], shared.inbox / "archive" / "gone.zip")
    cut = drop(whole[:5000], shared.inbox / "archive" / "cut.zip")
    began = time.monotonic()
    assert ticket_seconds(shared, 210) < 2.0
    gone.unlink()
    wait_until(lambda: not cut.exists(), 20)
    assert time.monotonic() - began > 2.9
    info = shared.ended("cut.zip")
    assert info["status"] == "failed"
    assert info["status_code"] == 400
    assert info["error_code"] == "incomplete-zip"
    assert "not a whole zip" in info["message"]
    assert (shared.uploads / info["ticket_number"] / "cut.zip").read_bytes() == whole[:5000]
    assert shared.of("gone.zip") is None


def test_the_beginning_of_a_zip_that_ends_like_a_zip_is_not_taken(shared: House) -> None:
    inner = zip_bytes({"x.txt": os.urandom(500)}, folder=None)
    tree = bag_tree({"Nested/in.zip": inner, "Nested/z.txt": b"z" * 900})
    whole = zip_bytes(tree, method=zipfile.ZIP_STORED)
    cut = whole[: whole.index(inner) + len(inner)]
    path = drop(cut, shared.inbox / "archive" / "nested.zip")
    assert zipfile.is_zipfile(path), "not the case that is meant"
    # events, several scans
    for number in range(220, 224):
        ticket_seconds(shared, number)
        shared.ended(f"{number}.zip")
    assert path.read_bytes() == cut
    with path.open("ab") as stream:
        stream.write(whole[len(cut) :])
    assert shared.ended("nested.zip")["status"] == "finished"
    assert shared.deposited("Nested")["in.zip"] == inner


def test_a_hole_before_a_good_end_fails_by_its_checksum(shared: House) -> None:
    content = bag_zip({"Hole/a.bin": os.urandom(60_000)})
    holed = content[:8192] + bytes(16384) + content[8192 + 16384 :]
    drop(holed, shared.inbox / "archive" / "hole.zip")
    info = shared.ended("hole.zip")
    assert info["status"] == "failed"
    assert info["status_code"] == 400, info
    assert "a.bin" in json.dumps(info["errors"]) + info["message"]
    assert not shared.deposited("Hole")


def test_a_drop_replaced_while_it_waits_is_taken_as_what_it_became(shared: House) -> None:
    path = drop(bag(9)[:200], shared.inbox / "archive" / "230.zip")
    ticket_seconds(shared, 231)
    assert path.exists()
    drop(bag(230), path)
    deposited(shared, 2, 230)


def test_a_drop_replaced_again_and_again_gives_one_ticket_for_each_content(shared: House) -> None:
    path = shared.inbox / "archive" / "replaced.zip"
    numbers = range(300, 360)
    for number in numbers:
        drop(bag(number), path)
        if number % 3 == 0:
            threading.Event().wait(0.02)
    stored = tickets_of(shared, path.name, lambda titles: "T359" in titles)  # the last one
    titles = Counter(info["title"] for info in stored)
    assert set(titles) <= {f"T{number}" for number in numbers}
    assert set(titles.values()) == {1}, "a content was taken twice"
    files = shared.deposited()
    assert all(files[f"{title}/a.txt"] == title[1:].encode() for title in titles)


def test_one_name_dropped_twice_quickly_gives_two_tickets(shared: House) -> None:
    path = shared.inbox / "archive" / "same.zip"
    for number in range(400, 406):
        drop(bag(number), path)
        wait_until(lambda: not path.exists(), every=0.0005)
    infos = tickets_of(shared, path.name, lambda titles: len(titles) >= 6)
    assert sorted(info["title"] for info in infos) == [f"T{n}" for n in range(400, 406)]
    assert len(list((shared.inbox / "archive").glob("same.zip.*.ticket.json"))) == 6


def tickets_of(
    house: House, name: str, are_all: Callable[[list[str]], bool]
) -> list[dict[str, Any]]:
    """All tickets of drops with one name, once they are finished and their titles are all there.

    A zip that is gone from the inbox is claimed; its status comes a moment later.
    """

    def look() -> list[dict[str, Any]] | None:
        infos = [info for info in house.infos() if info["source_file"] == name]
        ended = all(info["status"] == "finished" for info in infos)
        return infos if ended and are_all([info["title"] for info in infos]) else None

    return wait_until(look, 60)  # type: ignore[no-any-return]


def test_thousands_of_zips_moved_in_at_once_are_all_ticketed_and_none_twice(
    house: House, full: bool, record_property: Callable[[str, object], None]
) -> None:
    count = 10_000 if full else 1_000
    house.start()
    aside = house.root / "aside"
    aside.mkdir()
    for number in range(count):
        (aside / f"{number}.zip").write_bytes(bag(number))
    began = time.monotonic()
    for number in range(count):
        (aside / f"{number}.zip").rename(house.inbox / "archive" / f"{number}.zip")
    wait_until(lambda: len(house.tickets()) >= count, 60 + count / 10, every=0.2)
    seconds = time.monotonic() - began
    wait_until(lambda: not list((house.inbox / "archive").glob("*.zip")), 30)
    assert house.process is not None
    memory = memory_peak(house.process.pid)
    record_property("seconds until all had tickets", round(seconds, 1))
    record_property("peak of the daemon's memory, MB", memory >> 20)
    print(f"{count} drops: all had tickets after {seconds:.1f} s; peak memory {memory >> 20} MB")
    names = Counter(
        json.loads((house.uploads / ticket / "claim.json").read_bytes())["zip_name"]
        for ticket in house.tickets()
    )
    assert names == Counter(f"{number}.zip" for number in range(count))
    assert memory < MAX_MEMORY_BYTES


def memory_peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return psutil.Process(pid).memory_info().rss


def test_an_inbox_folder_that_hangs_stops_neither_uploads_nor_other_folders(house: House) -> None:
    house.configure(
        targets={
            "archive": {"type": "folder", "path": "archive"},
            "hung": {"type": "folder", "path": "archive"},
        }
    )
    hung = house.inbox / "hung"
    with loop_disk(hung, house.root / "image", 16 << 20):
        house.start()
        ticket_seconds(house, 0, folder=hung)
        with (hung / "1.zip").open("wb", buffering=0) as writer:
            writer.write(bag(1))
            with frozen(hung):
                # only now it may be taken; renaming it hangs, as on a network mount that died
                writer.close()
                wait_until(lambda: sleeps_for_good(house), what="for the daemon to hang there")
                times = [ticket_seconds(house, number) for number in range(2, 5)]
                for number in range(2, 5):
                    assert house.ended(f"{number}.zip")["status"] == "finished"
                assert sleeps_for_good(house)
        assert max(times) < RESCAN_SECONDS + SLACK_SECONDS
        deposited(house, 5)
        assert house.stop() == 0


def sleeps_for_good(house: House) -> bool:
    """Whether a thread of the daemon is in an uninterruptible wait (state D), twice in a row."""
    assert house.process is not None
    tasks = Path(f"/proc/{house.process.pid}/task")

    def waiting() -> set[str]:
        found = set()
        for task in tasks.iterdir():
            if (task / "stat").read_text().rpartition(")")[2].split()[0] == "D":
                found.add(task.name)
        return found

    first = waiting()
    threading.Event().wait(0.1)
    return bool(first & waiting())
