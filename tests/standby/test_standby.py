"""One active daemon and standbys on other hosts: whoever dies or freezes, all once."""

import json
import os
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import LONG, open_cluster
from tests.house.house import wait_until
from tests.standby.hosts import FENCED, TTL, Hosts, open_hosts

pytestmark = pytest.mark.xdist_group("standby")

SLOW = 0.25
"""Seconds for each file."""


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    with open_hosts(tmp_path) as hosts:
        yield hosts


def start_pair(hosts: Hosts) -> None:
    hosts.start("a")
    hosts.wait_for_log("a", "ready: ")
    hosts.start("b")
    hosts.wait_for_log("b", "standing by: ")


def drop_all(hosts: Hosts, count: int, files: int = 1) -> None:
    for number in range(count):
        hosts.drop(f"bag{number}", files)


def wait_for_ends(hosts: Hosts, count: int) -> None:
    wait_until(
        lambda: hosts.ended() >= count,
        LONG,
        what=f"for {count} ends: {[info['message'] for info in hosts.infos()]}",
        every=0.1,
    )


def changed_files(hosts: Hosts) -> dict[str, int]:
    """Every file and folder that daemons write, with its time."""
    roots = (hosts.root / "mediafiles", hosts.house.inbox)
    return {str(path): path.lstat().st_mtime_ns for root in roots for path in root.rglob("*")}


@pytest.mark.full
def test_a_frozen_daemon_is_followed_and_thawed_it_ends_and_writes_nothing(hosts: Hosts) -> None:
    start_pair(hosts)
    hosts.slow_down(SLOW)
    drop_all(hosts, 2, 2)
    wait_until(hosts.puts, LONG, what="for an upload")
    hosts.signal("a", signal.SIGSTOP)
    hosts.drop("bag2", 2)
    wait_for_ends(hosts, 3)
    assert hosts.active == "b"
    hosts.signal("a", signal.SIGCONT)
    assert hosts.wait_for_code("a") == FENCED
    assert "(pid " in hosts.log_of("a")
    assert "on b) has taken over" in hosts.log_of("a")
    hosts.assert_one_deposit_each(3, 2)


@pytest.mark.full
def test_without_leases_two_daemons_send_the_same(hosts: Hosts) -> None:
    """The control: these tests can see what the leases prevent."""
    hosts.environment["TEST_NO_LEASE"] = "1"
    hosts.start("a")
    hosts.wait_for_log("a", "ready: ")
    hosts.slow_down(2.0)
    hosts.drop("bag", 24)
    wait_until(lambda: len(hosts.puts()) >= 2, LONG, what="for an upload")
    hosts.start("b")
    wait_until(lambda: max(hosts.puts().values()) > 1, LONG, what="for a file sent twice")


@pytest.mark.full
@pytest.mark.parametrize("whole", [True, False], ids=["the whole host", "its daemon alone"])
def test_a_killed_daemon_is_followed_after_the_time_to_live(hosts: Hosts, *, whole: bool) -> None:
    start_pair(hosts)
    hosts.slow_down(SLOW)
    drop_all(hosts, 4, 3)
    wait_until(hosts.puts, LONG, what="for an upload")
    hosts.signal("a", signal.SIGKILL, whole=whole)
    hosts.drop("bag4", 3)
    wait_for_ends(hosts, 5)
    assert hosts.active == "b"
    hosts.assert_one_deposit_each(5, 3)


@pytest.mark.full
def test_a_daemon_that_stops_is_followed_at_once(hosts: Hosts) -> None:
    hosts.house.configure(engine_options={"lease_ttl": "1h"})
    start_pair(hosts)
    drop_all(hosts, 2)
    wait_for_ends(hosts, 2)
    hosts.daemons["a"].send_signal(signal.SIGTERM)
    assert hosts.wait_for_code("a") == 0
    hosts.wait_for_log("b", "ready: ")
    hosts.drop("bag2")
    wait_for_ends(hosts, 3)
    hosts.assert_one_deposit_each(3)


@pytest.mark.full
def test_a_killed_daemon_that_starts_again_first_goes_on_without_any_wait(hosts: Hosts) -> None:
    """An hour to live: whoever waited for it would be seen."""
    hosts.house.configure(engine_options={"lease_ttl": "1h"})
    start_pair(hosts)
    hosts.slow_down(SLOW)
    drop_all(hosts, 2, 8)
    wait_until(lambda: len(hosts.puts()) > 3, LONG, what="for an upload")
    hosts.signal("a", signal.SIGKILL)
    hosts.wait_for_code("a")
    hosts.start("a")
    hosts.wait_for_log("a", "ready: ", 2)
    wait_for_ends(hosts, 2)
    hosts.assert_one_deposit_each(2, 8)
    assert "ready: " not in hosts.log_of("b")


@pytest.mark.full
def test_three_hosts_follow_one_another_and_each_number_is_a_later_one(hosts: Hosts) -> None:
    hosts.start("a", "b", "c")
    epochs = []
    names = {"a", "b", "c"}
    for number in range(3):
        name = hosts.wait_for_active(*names)
        hosts.wait_for_log(name, "ready: ")
        beat = hosts.beat()
        assert beat is not None
        epochs.append(beat.epoch)
        hosts.drop(f"bag{number}")
        wait_for_ends(hosts, number + 1)
        hosts.signal(name, signal.SIGSTOP)
        names.remove(name)
    assert epochs == sorted(set(epochs))
    for name in hosts.daemons:
        hosts.signal(name, signal.SIGCONT)
    codes = [hosts.wait_for_code(name) for name in hosts.daemons if name != hosts.active]
    assert codes[:1] == [FENCED]
    hosts.assert_one_deposit_each(3)


@pytest.mark.full
def test_a_daemon_without_standby_is_refused_beside_one_and_followed_only_when_it_stops(
    hosts: Hosts,
) -> None:
    hosts.command = ("run",)
    hosts.start("a")
    hosts.wait_for_log("a", "ready: ")
    hosts.start("b")
    assert hosts.wait_for_code("b") == 75
    pid = hosts.daemons["a"].pid
    assert f"is held by another presqt-daemon (pid {pid} on a)" in hosts.log_of("b")
    hosts.command = ("run", "--standby")
    hosts.start("b")
    hosts.wait_for_log("b", "runs without --standby")
    # frozen for longer than any time to live: its silence says nothing, for it never beats
    hosts.signal("a", signal.SIGSTOP)
    over = threading.Event()
    threading.Timer(2 * TTL, over.set).start()
    wait_until(over.is_set, LONG)
    assert "taking over" not in hosts.log_of("b")
    hosts.signal("a", signal.SIGCONT)
    hosts.drop("bag0")
    wait_for_ends(hosts, 1)
    assert hosts.active == "a"
    hosts.daemons["a"].send_signal(signal.SIGTERM)
    hosts.wait_for_log("b", "ready: ")
    hosts.drop("bag1")
    wait_for_ends(hosts, 2)
    hosts.assert_one_deposit_each(2)


@pytest.mark.full
def test_a_request_that_a_frozen_daemon_has_taken_is_acted_on_by_the_next(hosts: Hosts) -> None:
    start_pair(hosts)
    hosts.slow_down(2.0)
    hosts.drop("bag", 40)
    wait_until(hosts.puts, LONG, what="for an upload")
    (info,) = hosts.infos()
    hosts.signal("a", signal.SIGSTOP)
    ticket = info["ticket_number"]
    # as the frozen one would have left it, between taking it and acting on it
    (hosts.house.control / f"{ticket}.cancel.taken-1").touch()
    wait_for_ends(hosts, 1)
    (info,) = hosts.infos()
    assert (info["status"], info["error_code"]) == ("failed", "cancelled")
    wait_until(lambda: os.listdir(hosts.house.control) == [], LONG)
    before = changed_files(hosts)
    hosts.signal("a", signal.SIGCONT)
    assert hosts.wait_for_code("a") == FENCED
    after = changed_files(hosts)
    written = {path for path in after if after[path] != before.get(path)}
    # the active one's own beat, and nothing else
    assert {Path(path).name for path in written} <= {".heartbeat", "daemon.json", "mediafiles"}


@pytest.mark.full
def test_commands_on_a_standbys_host_find_the_active_daemon(hosts: Hosts) -> None:
    start_pair(hosts)
    status = hosts.house.run("status")
    assert "no daemon" not in status.stdout + status.stderr
    check = hosts.house.run("check", "--json")
    rows = {row["what"]: row for row in json.loads(check.stdout)["rows"]}
    assert rows["daemon"]["detail"] == f"is running: pid {hosts.daemons['a'].pid} on a"
    hosts.daemons["b"].send_signal(signal.SIGTERM)
    assert hosts.wait_for_code("b") == 0


def daemons_of(hosts: Hosts) -> list[tuple[str, str]]:
    """What `status --workers` says of daemons: the active one, then those that stand by."""
    said = hosts.house.run("status", "--workers", "--json")
    return [(row["what"], row["detail"]) for row in json.loads(said.stdout)["daemons"]]


@pytest.mark.full
def test_who_is_active_and_who_stands_by_is_listed_and_no_dead_one_for_ever(hosts: Hosts) -> None:
    start_pair(hosts)
    hosts.start("c")
    hosts.wait_for_log("c", "standing by: ")
    pids = {name: f"pid {process.pid} on {name}" for name, process in hosts.daemons.items()}

    def listed(active: str, *waiting: str) -> bool:
        daemon = ("daemon", f"is running: {pids[active]}")
        return daemons_of(hosts) == [
            daemon,
            *(("standby", f"stands by: {pids[w]}") for w in waiting),
        ]

    wait_until(lambda: listed("a", "b", "c"), LONG, what=f"{daemons_of(hosts)}", every=0.2)
    said = hosts.house.run("status", "--workers").stdout
    assert all(pid in said for pid in pids.values()), said
    hosts.signal("c", signal.SIGSTOP)
    wait_until(lambda: listed("a", "b"), LONG, what="for the frozen one to go", every=0.2)
    hosts.signal("c", signal.SIGCONT)
    wait_until(lambda: listed("a", "b", "c"), LONG, what="for the thawed one", every=0.2)
    hosts.signal("c", signal.SIGKILL)
    wait_until(lambda: listed("a", "b"), LONG, what="for the dead one to go", every=0.2)
    hosts.daemons["a"].send_signal(signal.SIGTERM)
    assert hosts.wait_for_code("a") == 0
    wait_until(lambda: listed("b"), LONG, what="for the next active one", every=0.2)


@pytest.mark.full
def test_with_an_engine_the_runs_go_on_while_one_daemon_follows_another(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    with open_cluster(tmp_path) as cluster:
        hosts = Hosts(tmp_path, cluster.fake, has_engine=True)
        try:
            cluster.start_hosts("w")
            start_pair(hosts)
            hosts.slow_down(SLOW)
            drop_all(hosts, 3, 8)
            wait_until(lambda: len(hosts.puts()) > 3, LONG, what="for an upload")
            hosts.signal("a", signal.SIGSTOP)
            hosts.drop("bag3", 8)
            wait_for_ends(hosts, 4)
            assert hosts.active == "b"
            hosts.signal("a", signal.SIGCONT)
            assert hosts.wait_for_code("a") == FENCED
            hosts.assert_one_deposit_each(4, 8)
        finally:
            hosts.end()


def strike(hosts: Hosts, chance: random.Random, frozen: set[str]) -> None:
    """Kill or freeze one host, its daemon alone or whole; or thaw one."""
    if frozen and (chance.random() < 0.5 or len(frozen) == len(hosts.daemons)):
        name = chance.choice(sorted(frozen))
        hosts.signal(name, signal.SIGCONT)
        frozen.remove(name)
        return
    name = chance.choice(sorted(set(hosts.daemons) - frozen))
    whole = chance.random() < 0.7
    if chance.random() < 0.5:
        hosts.signal(name, signal.SIGKILL, whole=whole)
    else:
        hosts.signal(name, signal.SIGSTOP, whole=whole)
        frozen.add(name)


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("drops", "seed"), [(40, 1), (300, 2)])
def test_every_drop_is_one_ticket_and_one_deposit_whatever_dies_or_freezes(
    hosts: Hosts, drops: int, seed: int
) -> None:
    chance = random.Random(seed)
    hosts.slow_down(0.05)
    hosts.start("a", "b")
    hosts.wait_for_active("a", "b")
    wait_until((hosts.house.inbox / "osf").is_dir, LONG)
    frozen: set[str] = set()
    epoch = dropped = 0
    while dropped < drops or frozen:
        for _ in range(chance.randint(1, 6) if dropped < drops else 0):
            hosts.drop(f"bag{dropped}")
            dropped += 1
            if dropped == drops:
                break
        strike(hosts, chance, frozen)
        # so long that some are followed, and some are not
        over = threading.Event()
        timer = threading.Timer(chance.random() * TTL * 1.5, over.set)
        timer.start()
        wait_until(over.is_set, LONG, every=0.05)
        timer.join()
        hosts.start_ended()
        if (beat := hosts.beat()) is not None:
            assert beat.epoch >= epoch
            epoch = beat.epoch

    def have_ended() -> bool:
        hosts.start_ended()
        return hosts.ended() >= drops

    wait_until(have_ended, 4 * LONG, what=f"for {drops} ends, {hosts.ended()} so far", every=0.5)
    wait_until(lambda: len(list((hosts.house.inbox / "osf").glob("*.ticket.json"))) >= drops, LONG)
    hosts.assert_one_deposit_each(drops)
