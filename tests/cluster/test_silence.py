"""Who answers nothing, dead or frozen: nobody else waits for it, and what waits says so."""

import json
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.cluster.cluster import LONG, Cluster, open_cluster
from tests.cluster.test_cluster import (
    FILES,
    assert_finished,
    assert_sent_once,
    begin_slow_upload,
)
from tests.house.house import wait_until

pytest.importorskip("distributed", reason="needs the extra dask")
pytestmark = [pytest.mark.full, pytest.mark.timeout(1200)]


def waits(cluster: Cluster, name: str, words: str) -> bool:
    info = cluster.house.of(f"{name}.zip")
    return info is not None and info["waiting_for"] == "the engine" and words in info["message"]


def cancel(cluster: Cluster, name: str) -> None:
    info = cluster.house.of(f"{name}.zip")
    assert info is not None
    assert cluster.house.run("cancel", info["ticket_number"], timeout=LONG).returncode == 0
    ended = cluster.house.ended(f"{name}.zip", LONG)
    assert ended["error_code"] == "cancelled"


def test_a_ticket_whose_last_host_died_waits_for_the_engine_and_can_be_cancelled(
    tmp_path: Path,
) -> None:
    with open_cluster(tmp_path) as cluster:
        cluster.start_host("a")
        begin_slow_upload(cluster)
        cluster.drop("other", FILES)
        wait_until(lambda: len(hosts_named(cluster)) == 2, LONG)
        cluster.hosts["a"].signal(signal.SIGKILL)
        nobody = "no worker has joined the scheduler"
        for name in ("bag", "other"):
            wait_until(partial(waits, cluster, name, nobody), LONG, what="for words")
        assert hosts_named(cluster) == []
        cancel(cluster, "bag")
        cluster.start_host("b")
        assert_finished([cluster.house.ended("other.zip", LONG)])
        assert [path for path, times in cluster.puts().items() if times > 1] == []


def hosts_named(cluster: Cluster) -> list[str]:
    """The host of each ticket that names one."""
    return [info["host"] for info in cluster.infos() if info["host"] is not None]


def test_with_a_frozen_scheduler_a_drop_says_why_it_waits_and_cancel_and_stop_are_done(
    tmp_path: Path,
) -> None:
    with open_cluster(tmp_path) as cluster:
        cluster.house.configure(stop_grace="0s")
        cluster.start_host("a", threads=4)
        begin_slow_upload(cluster, seconds=8.0)
        cluster.drop("other", FILES)
        wait_until(lambda: len(hosts_named(cluster)) == 2, LONG)
        assert cluster.scheduler is not None
        os.kill(cluster.scheduler.pid, signal.SIGSTOP)
        cluster.drop("late")
        wait_until(lambda: waits(cluster, "late", "does not answer"), LONG, what="for words")
        cancel(cluster, "bag")
        assert cluster.house.stop(seconds=LONG) == 0
        os.kill(cluster.scheduler.pid, signal.SIGCONT)
        # what was on its way at the stop is at the target before anybody lists it
        wait_until(lambda: cluster.stored() >= len(cluster.puts()), LONG)
        cluster.fake.faults.clear()
        cluster.house.start()
        names = ("late.zip", "other.zip")
        assert_finished([cluster.house.ended(name, LONG) for name in names])
        assert [path for path, times in cluster.puts().items() if times > 1] == []


def test_check_says_which_worker_is_frozen_and_what_the_others_are(tmp_path: Path) -> None:
    with open_cluster(tmp_path) as cluster:
        cluster.start_hosts("a", "b")
        cluster.house.start()
        cluster.hosts["b"].signal(signal.SIGSTOP)
        said = cluster.house.run("check", "--json", timeout=LONG)
        rows = [one for one in json.loads(said.stdout)["rows"] if one["what"].startswith("worker")]
        assert sorted(row["state"] for row in rows) == ["ok", "wrong"], rows
        (wrong,) = [row["detail"] for row in rows if row["state"] == "wrong"]
        assert wrong.startswith("does not answer ("), wrong
        cluster.hosts["b"].signal(signal.SIGCONT)
        cluster.drop("bag")
        assert_finished(cluster.wait_for_end(1))
        assert_sent_once(cluster, 1, 3)
