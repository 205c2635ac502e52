"""A crash after every call by which a ticket is claimed and ended, and after each loss of power.

One real daemon is recorded by strace; what may lie on the disk then is laid out again, and real
daemons start on it. See `disk_model.py` for what a disk may keep.
"""

import contextlib
import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from presqt_daemon.tickets.store import LEFT_PREFIX
from tests.house.house import House, open_house, wait_until
from tests.replay.crash_states import CrashState, distinct, killed_states, powerless_states
from tests.replay.disk_model import Disk
from tests.replay.rebuilt_disk import Recorded, rebuild, target_name
from tests.replay.stories import (
    SETTINGS,
    STORIES,
    Story,
    is_told,
    noted_in,
    record,
    seen_in,
    told_of,
)
from tests.replay.web_site import Meanwhile, OsfOfAccounts, tokens

HOUSEFUL = 200
"""States on which one daemon starts."""

ORDINARY = {"group", "retried", "strict", "web"}
MOMENTS = 12
OTHERS = 10
"""Moments far from any request, of which `--full` takes so many."""
SAMPLE = 25
SINGLES = 250
SINGLES_OF_WEB = 100
"""States in which one single change is lost or kept, of which `--full` takes so many a story."""

OURS = (".ticket.json", ".process_info.json", ".presqt-daemon.lock")


def states_of(disk: Disk, counts: Collection[int], meanwhile: Meanwhile) -> list[CrashState]:
    about = seen_in(disk), noted_in(disk), meanwhile
    return [
        *distinct(disk, killed_states(disk, counts), *about, has_lost_power=False),
        *distinct(disk, powerless_states(disk, counts), *about, has_lost_power=True),
    ]


def faults_of(
    story: Story,
    recorded: Recorded,
    states: list[CrashState],
    root: Path,
    site: OsfOfAccounts,
) -> list[str]:
    """What is wrong after a daemon has started on these states."""
    root.mkdir()
    names = [target_name(index) for index in range(len(states))]
    targets = {name: story.target(name, site) for name in names}
    receivers = story.receivers(root)
    with open_house(root, targets=targets, receivers=receivers, **SETTINGS) as house:
        house.environment = tokens(names)
        site.clear()
        house.uploads.mkdir(parents=True)
        seen: list[set[str]] = []
        for index, state in enumerate(states):
            said = rebuild(recorded, state, root, index)
            site.restore(said(recorded.site[state.site]))
            seen.append({said(ticket.encode()).decode() for ticket in state.seen})
        house.start()

        def ended() -> int:
            found = Counter(
                info["target"]
                for info in infos_of(house).values()
                if info["status"] == story.drops.get(info["source_file"])
                and is_told(story, house, info)
            )
            return sum(min(found[name], len(story.drops)) for name in names)

        # however slow the machine is: as long as something happens; an end that is told once more
        # is none until then
        with contextlib.suppress(AssertionError):
            while (before := ended()) < len(story.drops) * len(names):
                wait_until(lambda: ended() != before, 120, every=1)
        assert house.stop(seconds=400) == 0, house.log
        by_target: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        infos = infos_of(house)
        for info in infos.values():
            by_target.setdefault(str(info["target"]), []).append(info)
        tickets = set(house.tickets())
        faults = [f"no status: {tickets - set(infos)}"] if tickets - set(infos) else []
        faults += [f"of no target: {i}" for k in set(by_target) - {*names} for i in by_target[k]]
        for index, (name, state) in enumerate(zip(names, states, strict=True)):
            told = list(faults_in(story, house, name, by_target[name], state, site))
            if gone := seen[index] - tickets:
                told.append(f"tickets that were seen have vanished: {gone}")
            faults += [f"{state.label}: {fault}" for fault in told]
    return faults


def infos_of(house: House) -> dict[str, dict[str, Any]]:
    """The statuses that can be read; a lost or torn one is made anew by the daemon."""
    found = {}
    for ticket in house.tickets():
        with contextlib.suppress(OSError, ValueError):
            found[ticket] = house.info(ticket)
    return found


def faults_in(
    story: Story,
    house: House,
    target: str,
    infos: list[dict[str, Any]],
    state: CrashState,
    site: OsfOfAccounts,
) -> Iterator[str]:
    """What is wrong with one state's target."""
    ends = sorted((i["source_file"], i["status"]) for i in infos)
    if ends != sorted(story.drops.items()):
        yield f"ended as {ends}"
    # a status that is torn as it tells of progress takes the number of the attempt with it
    attempts = {story.attempt, 1} if state.has_lost_power else {story.attempt}
    if not {info["attempt"] for info in infos} <= attempts:
        yield f"attempts {[info['attempt'] for info in infos]}"
    if story.is_web:
        yield from site.faults_of(target)
    base = house.root / target
    found = site.stored(target) | {
        str(path.relative_to(base)): path.read_bytes()
        for path in base.rglob("*")
        if path.is_file() and not path.relative_to(base).parts[0].startswith(".presqt-")
    }
    made = list(base.iterdir()) if base.is_dir() else []  # by the first deposit alone
    empty = {path.name for path in made if path.is_dir() and not os.listdir(path)}
    if not story.is_stored(found, empty):
        yield f"stored {sorted(found)}"
    for info in infos:
        inside = os.listdir(house.uploads / info["ticket_number"])
        # a power loss may bring back what a ticket that had ended by then has let go of
        if not state.has_lost_power and (odd := [name for name in inside if name[0] == "."]):
            yield f"left in the ticket: {odd}"
        try:
            receipt = house.receipt(info["ticket_number"])
        except (OSError, ValueError) as error:
            yield f"no record: {error!r}"
        else:
            if receipt["status"] != info["status"]:
                yield f"record says {receipt['status']}, status {info['status']}"
        if story.is_told:
            number = info["ticket_number"]
            told = set(told_of(house, number))
            names = {f"{number}.{attempt + 1}" for attempt in range(story.attempt)}
            if not {f"{number}.{info['attempt']}"} <= told <= names:
                yield f"told as {told}"
    left = [path.name for path in (house.inbox / target).rglob("*") if path.is_file()]
    # until the inbox folder is synced a power loss may bring a side-car back and take a note away
    is_strict = state.is_noted or not state.has_lost_power
    ours = OURS if is_strict else (*OURS, ".zip.yaml")
    if odd := [name for name in left if not name.endswith(ours)]:
        yield f"left in the inbox: {odd}"
    notes = sum(name.endswith(".ticket.json") for name in left)
    if notes > len(story.drops) or (is_strict and notes < len(story.drops)):
        yield f"{notes} notes"


def untold_in(disk: Disk) -> Iterator[str]:
    """The moments at which a ticket has ended, nobody is told of it and no entry says so."""
    for _count, label, make in killed_states(disk, range(disk.count + 1)):
        files = make()
        for path in files:
            if not path.endswith("/process_info.json") or "/uploads/" not in path:
                continue
            info = json.loads(files[path][1] or b"{}")
            if info.get("status", "in_progress") == "in_progress":
                continue
            number, attempt = info["ticket_number"], info["attempt"]
            left = str(Path(path).with_name(f"{LEFT_PREFIX}{attempt}"))
            kept = f"mediafiles/outbox/{number}.{attempt}.json"
            told = files.get(f"told/{number}", (0, b""))[1] or b""
            if not {left, kept} & files.keys() and f"{number}.{attempt}" not in told.decode():
                yield label


@pytest.fixture
def site() -> Iterator[OsfOfAccounts]:
    with OsfOfAccounts() as site:
        yield site


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="needs the program strace")


@needs_strace
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in ORDINARY else pytest.mark.full) for name in STORIES],
)
def test_a_crash_after_any_call_loses_and_doubles_nothing(
    tmp_path: Path, name: str, full: bool, site: OsfOfAccounts
) -> None:
    story = STORIES[name]
    disk, recorded = record(story, tmp_path, site)
    assert not story.is_told or not list(untold_in(disk))
    dice, meanwhile = random.Random(7), Meanwhile(disk, site.history)
    near, counts = meanwhile.around_requests(), range(disk.count + 1)
    wanted: Collection[int] = counts
    if not full:
        wanted = dice.sample(near or counts, min(MOMENTS, len(near or counts)))
    elif near:
        # claim and end are those of every target
        wanted = {*near, *dice.sample(counts, OTHERS)}
    states = states_of(disk, wanted, meanwhile)
    every = len(states)
    if full:
        singles = [state for state in states if state.is_single]
        states = [state for state in states if not state.is_single]
        states += dice.sample(singles, min(SINGLES_OF_WEB if near else SINGLES, len(singles)))
    else:
        states = dice.sample(states, min(SAMPLE, every))
    print(f"{name}: {disk.count} changes, {len(states)} of {every} states", flush=True)
    faults: list[str] = []
    for first in range(0, len(states), HOUSEFUL):
        some = states[first : first + HOUSEFUL]
        faults += faults_of(story, recorded, some, tmp_path / f"house{first}", site)
    assert not faults, f"{len(faults)} of {len(states)} states:\n" + "\n".join(faults[:40])
