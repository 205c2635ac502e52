"""A host that the network has cut off from the scheduler, and not from the share or the target."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import LONG, Cluster, open_cluster
from tests.cluster.network import NAMED, Network, open_network, reached_from
from tests.cluster.test_cluster import (
    FILES,
    SLOW,
    SLOWER,
    assert_finished,
    assert_sent_once,
    begin_slow_upload,
)
from tests.fakes.osf import OsfFake
from tests.house.house import wait_until

pytest.importorskip("distributed", reason="needs the extra dask")
pytestmark = pytest.mark.full

Divided = tuple[Cluster, Network]


@pytest.fixture
def divided(tmp_path: Path) -> Iterator[Divided]:
    """Daemon and scheduler near, host `a` far; each reaches the share and the target."""
    with (
        open_network() as network,
        OsfFake() as fake,
        reached_from(fake, NAMED / network.near, NAMED / network.far),
        open_cluster(tmp_path, network.near_place, fake) as cluster,
    ):
        cluster.start_host("a", place=network.far_place)
        yield cluster, network


def has_said(cluster: Cluster, name: str, words: str) -> bool:
    return words in cluster.log_of(cluster.hosts[name].process)


def test_who_is_cut_off_finishes_and_the_next_host_leaves_the_ticket_alone(
    divided: Divided,
) -> None:
    cluster, network = divided
    assert begin_slow_upload(cluster, SLOWER) == "a"
    cluster.start_host("b")
    network.cut()
    # the scheduler has given the ticket to the other host
    wait_until(lambda: has_said(cluster, "b", "another process has this ticket"), LONG)
    network.mend()
    (info,) = cluster.wait_for_end(1)
    assert_finished([info])
    assert_sent_once(cluster, 1, FILES)
    # the log is told after the status
    wait_until(lambda: has_said(cluster, "a", f"{info['ticket_number']} finished"), LONG)
    assert not has_said(cluster, "b", f"{info['ticket_number']} finished")


def test_who_is_cut_off_and_silent_is_followed_and_comes_back_fenced(divided: Divided) -> None:
    cluster, network = divided
    assert begin_slow_upload(cluster, SLOW) == "a"
    cluster.start_host("b")
    network.cut()
    cluster.hosts["a"].signal(signal.SIGSTOP)
    wait_until(lambda: cluster.infos()[0]["host"] == "b", LONG, what="for b to take over")
    cluster.hosts["a"].signal(signal.SIGCONT)
    wait_until(lambda: not cluster.hosts["a"].is_at_work(), LONG, what="for a's child to end")
    network.mend()
    (info,) = cluster.wait_for_end(1)
    assert_finished([info])
    assert_sent_once(cluster, 1, FILES)
    wait_until(lambda: has_said(cluster, "b", f"{info['ticket_number']} finished"), LONG)
    assert not has_said(cluster, "a", f"{info['ticket_number']} finished")
    assert info["epoch"] >= 2
