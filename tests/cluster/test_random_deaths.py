"""Any process of a two-host cluster dies at any time: every drop one deposit, no file twice."""

import random
import signal
from pathlib import Path

import pytest

from tests.cluster.cluster import LONG, Cluster, open_cluster
from tests.house.house import wait_until

pytest.importorskip("distributed", reason="needs the extra dask")
pytestmark = [pytest.mark.full, pytest.mark.xdist_group("cluster"), pytest.mark.timeout(3600)]

FILES = 6


def kill_and_start_again(cluster: Cluster, chance: random.Random) -> str:
    """What died."""
    who = chance.choice(["scheduler", "daemon", "host a", "host b", "worker a", "worker b"])
    if who == "daemon":
        cluster.house.stop(signal.SIGKILL)
        cluster.house.start()
    elif who == "scheduler":
        cluster.kill_scheduler()
        cluster.start_scheduler()
    else:
        kind, name = who.split()
        cluster.hosts[name].signal(signal.SIGKILL, whole=kind == "host")
    start_ended_hosts(cluster)
    return who


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
