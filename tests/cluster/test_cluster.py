"""Tickets on a real scheduler and real workers; each worker's process tree is a host of its own."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import LONG, Cluster, open_cluster
from tests.house.house import wait_until

pytest.importorskip("distributed", reason="needs the extra dask")
pytestmark = pytest.mark.xdist_group("cluster")

FILES = 24
SLOW, SLOWER = 0.25, 2.0
"""Seconds for each file; the second outlasts a daemon's start on a busy machine."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with open_cluster(tmp_path) as cluster:
        yield cluster


def assert_sent_once(cluster: Cluster, drops: int, files: int) -> None:
    """Every drop one deposit, and no file twice."""
    puts = cluster.puts()
    assert [path for path, times in puts.items() if times > 1] == []
    assert len(puts) == drops * files
    assert cluster.creations() == drops


def assert_finished(infos: list[dict[str, Any]]) -> None:
    assert {info["status"] for info in infos} == {"finished"}, infos
    assert {tuple(info["failed_fixity"]) for info in infos} == {()}


def begin_slow_upload(cluster: Cluster, seconds: float = SLOW) -> str:
    """One bag in the middle of its upload, so slow for each file; the host that sends it."""
    cluster.slow_down(seconds)
    cluster.house.start()
    cluster.drop("bag", FILES)
    return cluster.wait_for_holder()


def other_than(name: str) -> str:
    return {"a": "b", "b": "a"}[name]


def test_drops_are_deposited_by_the_workers_of_two_hosts(cluster: Cluster) -> None:
    cluster.start_hosts("a", "b")
    cluster.house.start()
    for number in range(6):
        cluster.drop(f"bag{number}")
    infos = cluster.wait_for_end(6)
    assert_finished(infos)
    assert_sent_once(cluster, 6, 3)
    # nothing of a lease, or of what was asked, is left of a ticket that has ended
    wait_until(lambda: not list(cluster.house.uploads.rglob(".*")), LONG)


@pytest.mark.full
@pytest.mark.parametrize("whole", [True, False], ids=["the whole host", "its worker alone"])
def test_a_host_that_dies_in_an_upload_is_followed_by_another(
    cluster: Cluster, *, whole: bool
) -> None:
    cluster.start_hosts("a", "b")
    name = begin_slow_upload(cluster)
    cluster.hosts[name].signal(signal.SIGKILL, whole=whole)
    infos = cluster.wait_for_end(1)
    assert_finished(infos)
    assert_sent_once(cluster, 1, FILES)
    assert infos[0]["epoch"] >= 2


def freeze_and_thaw(cluster: Cluster) -> list[dict[str, Any]]:
    """The ends after a host was frozen, its ticket taken over, and the host thawed again."""
    name = begin_slow_upload(cluster)
    frozen = cluster.hosts[name]
    frozen.signal(signal.SIGSTOP)
    wait_until(
        lambda: any(info["host"] == other_than(name) for info in cluster.infos()),
        LONG,
        what="for another host to take over",
    )
    frozen.signal(signal.SIGCONT)
    infos = cluster.wait_for_end(1)
    wait_until(lambda: not frozen.is_at_work(), LONG, what="for its worker to end")
    return infos


def test_a_frozen_host_that_thaws_after_another_took_over_writes_nothing_more(
    cluster: Cluster,
) -> None:
    cluster.start_hosts("a", "b")
    infos = freeze_and_thaw(cluster)
    assert_finished(infos)
    assert_sent_once(cluster, 1, FILES)


@pytest.mark.full
def test_without_leases_the_same_sends_files_twice(cluster: Cluster) -> None:
    """The control: these tests can see what leases prevent. As the daemon's death above."""
    cluster.environment["TEST_NO_LEASE"] = "1"
    for name in ("a", "b"):
        cluster.start_host(name, threads=1)
    begin_slow_upload(cluster, SLOWER)
    cluster.house.stop(signal.SIGKILL)
    cluster.house.start()
    wait_until(lambda: max(cluster.puts().values()) > 1, LONG, what="for a file sent twice")


@pytest.mark.full
def test_a_daemon_that_is_killed_and_started_again_finds_the_run_and_its_end(
    cluster: Cluster,
) -> None:
    cluster.start_hosts("a", "b")
    begin_slow_upload(cluster, SLOWER)
    cluster.house.stop(signal.SIGKILL)
    cluster.house.start()
    assert_finished(cluster.wait_for_end(1))
    assert_sent_once(cluster, 1, FILES)


@pytest.mark.full
@pytest.mark.parametrize("daemon_too", [False, True], ids=["scheduler", "scheduler and daemon"])
def test_a_scheduler_that_is_killed_and_started_again_loses_nothing(
    cluster: Cluster, *, daemon_too: bool
) -> None:
    cluster.start_hosts("a")
    begin_slow_upload(cluster)
    cluster.kill_scheduler()
    if daemon_too:
        cluster.house.stop(signal.SIGKILL)
        cluster.house.start()
    cluster.start_scheduler()
    cluster.start_host("b")
    assert_finished(cluster.wait_for_end(1))
    assert_sent_once(cluster, 1, FILES)


@pytest.mark.full
def test_without_an_engine_a_ticket_waits_and_says_why(cluster: Cluster) -> None:
    cluster.house.start()
    cluster.drop("bag")

    def waits_for(cause: str) -> bool:
        return any(
            info["waiting_for"] == "the engine" and cause in info["message"]
            for info in cluster.infos()
        )

    wait_until(lambda: waits_for("no worker has joined the scheduler"), LONG)
    cluster.kill_scheduler()
    wait_until(lambda: waits_for("does not answer"), LONG)
    cluster.start_scheduler()
    cluster.start_host("a")
    assert_finished(cluster.wait_for_end(1))
    assert_sent_once(cluster, 1, 3)


@pytest.mark.full
def test_a_host_of_another_version_or_with_another_token_refuses_and_says_so(
    cluster: Cluster,
) -> None:
    cluster.start_host("a", TEST_VERSION="0.0.1")
    cluster.house.start()
    cluster.drop("bag")
    wait_until(
        lambda: any("a has version 0.0.1" in info["message"] for info in cluster.infos()), LONG
    )
    cluster.hosts["a"].end()
    own = cluster.root / "config-of-b.yaml"
    (cluster.root / "other-token").write_text("another")
    text = (cluster.root / "config.yaml").read_text()
    own.write_text(text.replace(str(cluster.root / "token"), str(cluster.root / "other-token")))
    cluster.start_host("b", PRESQT_DAEMON_CONFIG=str(own))
    wait_until(
        lambda: any("another token for osf" in info["message"] for info in cluster.infos()), LONG
    )
    assert cluster.creations() == 0
    cluster.start_host("c")
    cluster.hosts["b"].end()
    assert_finished(cluster.wait_for_end(1))


@pytest.mark.full
def test_a_running_ticket_is_cancelled_on_its_host(cluster: Cluster) -> None:
    cluster.start_hosts("a")
    begin_slow_upload(cluster)
    (ticket,) = cluster.house.tickets()
    assert cluster.house.run("cancel", ticket).returncode == 0
    (info,) = cluster.wait_for_end(1)
    assert (info["status"], info["error_code"]) == ("failed", "cancelled")
    sent = len(cluster.puts())
    assert sent < FILES
    # a request that was on its way has its effect first; a retry finds it in the listing
    wait_until(lambda: cluster.stored() >= sent, LONG)
    assert cluster.house.run("retry", ticket).returncode == 0
    wait_until(lambda: cluster.infos()[0]["status"] == "finished", LONG)
    assert_sent_once(cluster, 1, FILES)


@pytest.mark.full
def test_a_daemon_that_stops_hands_the_run_back_and_goes_on_after_its_start(
    cluster: Cluster,
) -> None:
    cluster.house.configure(stop_grace="0s")
    cluster.start_hosts("a")
    begin_slow_upload(cluster)
    assert cluster.house.stop() == 0
    (info,) = cluster.infos()
    assert (info["status"], info["host"]) == ("in_progress", None)
    cluster.house.start()
    assert_finished(cluster.wait_for_end(1))
    assert_sent_once(cluster, 1, FILES)


@pytest.mark.full
def test_a_run_over_its_time_is_ended_on_its_own_host(cluster: Cluster) -> None:
    settings = cluster.house.settings["targets"]
    settings["osf"]["time_limit"] = "3s"
    cluster.house.configure(targets=settings)
    cluster.start_hosts("a")
    begin_slow_upload(cluster)
    (info,) = cluster.wait_for_end(1)
    assert (info["status"], info["error_code"]) == ("failed", "timed-out")
    assert cluster.hosts["a"].process.poll() is None
    assert not cluster.hosts["a"].is_at_work()


@pytest.mark.full
def test_check_and_status_show_the_workers_and_what_is_wrong_with_one(cluster: Cluster) -> None:
    found = cluster.house.run("check", "--json")
    rows = {row["what"]: row for row in json.loads(found.stdout)["rows"]}
    assert rows["engine dask"]["state"] == "wrong"
    assert "no worker has joined" in rows["engine dask"]["detail"]
    cluster.house.start()
    cluster.start_host("a")
    cluster.start_host("b", TEST_VERSION="0.0.1")
    found = cluster.house.run("status", "--workers", "--json")
    engine = {row["what"].split(" tcp")[0]: row for row in json.loads(found.stdout)["engine"]}
    assert engine["worker a"]["state"] == "ok", engine
    assert engine["worker b"]["state"] == "wrong"
    assert "has version 0.0.1" in engine["worker b"]["detail"]
    cluster.slow_down(SLOW)
    cluster.hosts["b"].end()
    cluster.drop("bag", FILES)
    cluster.wait_for_holder()
    shown = cluster.house.run("status", "--workers").stdout
    assert re.search(r"^a +\d+ +dask +1 .* bag\.zip", shown, re.MULTILINE), shown
    assert cluster.fake.token not in shown
