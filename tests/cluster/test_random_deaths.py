"""Any process of a two-host cluster dies at any time: every drop one deposit, no file twice."""

import contextlib
import random
import signal
from pathlib import Path

import psutil
import pytest

from tests.cluster.cluster import LONG, Cluster, WorkerHost, open_cluster
from tests.house.house import wait_until

pytest.importorskip("distributed", reason="needs the extra dask")
pytestmark = [pytest.mark.full, pytest.mark.xdist_group("cluster"), pytest.mark.timeout(3600)]

FILES = 6


def kill_and_start_again(cluster: Cluster, chance: random.Random) -> str:
    """What died."""
    kinds = [f"{kind} {name}" for kind in ("host", "worker", "run") for name in "ab"]
    who = chance.choice(["scheduler", "daemon", *kinds])
    if who == "daemon":
        cluster.house.stop(signal.SIGKILL)
        cluster.house.start()
    elif who == "scheduler":
        cluster.kill_scheduler()
        cluster.start_scheduler()
    else:
        kind, name = who.split()
        if kind == "run":
            return f"{who}: {kill_runs(cluster.hosts[name])}"
        cluster.hosts[name].signal(signal.SIGKILL, whole=kind == "host")
    start_ended_hosts(cluster)
    return who


def kill_runs(host: WorkerHost) -> int:
    """End the processes of the runs on a host under their supervisors' hands; how many."""
    runs = host.at_work()
    for run in runs:
        with contextlib.suppress(psutil.Error):
            run.kill()
    return len(runs)


def start_ended_hosts(cluster: Cluster) -> None:
    """As a service manager does; a worker ends a moment after its scheduler."""
    for name, host in list(cluster.hosts.items()):
        if host.process.poll() is not None:
            cluster.start_host(name)


def have_ended(cluster: Cluster, count: int) -> bool:
    start_ended_hosts(cluster)
    ended = [info for info in cluster.infos() if info["status"] != "in_progress"]
    return len(ended) >= count


@pytest.mark.parametrize("kills", [6, 50])
def test_every_drop_is_deposited_once_whatever_dies(tmp_path: Path, kills: int) -> None:
    chance = random.Random(kills)
    with open_cluster(tmp_path) as cluster:
        cluster.start_hosts("a", "b")
        # what is counted here is files, not how often one ticket may be unlucky
        cluster.house.configure(uploads={"max_resumes": 1000})
        cluster.slow_down(0.1)
        cluster.house.start()
        epochs: dict[str, int] = {}
        for number in range(kills):
            cluster.drop(f"bag{number}", FILES)
            who = kill_and_start_again(cluster, chance)
            for info in cluster.infos():
                ticket = info["ticket_number"]
                assert info["epoch"] >= epochs.get(ticket, 0), f"{ticket} after {who}"
                epochs[ticket] = info["epoch"]
        wait_until(lambda: have_ended(cluster, kills), 4 * LONG, every=0.5)
        infos = cluster.infos()
        assert {info["status"] for info in infos} == {"finished"}, infos
        puts = cluster.puts()
        assert [path for path, times in puts.items() if times > 1] == []
        assert len(puts) == kills * FILES
        assert cluster.creations() == kills
        left = [".epoch.*", ".heartbeat", ".requested"]
        uploads = cluster.house.uploads
        wait_until(
            lambda: not [path for name in left for path in uploads.rglob(name)],
            LONG,
            what="for nothing of a lease to be left",
        )
