"""Hosts with a disk of their own each: who takes a ticket over unpacks its bag there anew."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import LONG, Cluster, open_cluster
from tests.cluster.test_cluster import (
    FILES,
    assert_finished,
    assert_sent_once,
    begin_slow_upload,
    other_than,
)
from tests.house.house import wait_until

pytest.importorskip("distributed", reason="needs the extra dask")
pytestmark = [pytest.mark.xdist_group("cluster"), pytest.mark.full]

VARIABLE = "PRESQT_DAEMON__STAGING__SCRATCH"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with open_cluster(tmp_path) as cluster:
        yield cluster


def scratch_of(cluster: Cluster, name: str) -> Path:
    return cluster.root / f"scratch of {name}"


def start(cluster: Cluster, name: str) -> None:
    scratch_of(cluster, name).mkdir(exist_ok=True)
    variables: dict[str, Any] = {VARIABLE: str(scratch_of(cluster, name))}
    cluster.start_host(name, **variables)


def runs_on(cluster: Cluster, name: str) -> list[str]:
    """The runs that have a folder on a host's own disk."""
    found = scratch_of(cluster, name).glob("presqt-daemon-*/*:*/*.*")
    return [path.name for path in found if path.is_dir()]


def test_a_host_that_dies_in_an_upload_leaves_its_bag_to_itself_and_the_ticket_to_another(
    cluster: Cluster,
) -> None:
    start(cluster, "a")
    start(cluster, "b")
    dead = begin_slow_upload(cluster)
    living = other_than(dead)
    (ticket,) = cluster.house.tickets()
    assert runs_on(cluster, dead) == [f"{ticket}.1"]
    assert runs_on(cluster, living) == []
    assert [path for path in (cluster.house.uploads / ticket).iterdir() if path.is_dir()] == []

    cluster.hosts[dead].signal(signal.SIGKILL)
    wait_until(lambda: runs_on(cluster, living), LONG, what="for the other host to unpack it")
    assert_finished(cluster.wait_for_end(1))
    assert_sent_once(cluster, 1, FILES)
    assert runs_on(cluster, dead) == [f"{ticket}.1"], "another host's is not ours to remove"
    wait_until(lambda: not runs_on(cluster, living), LONG)

    cluster.hosts[living].end()
    start(cluster, dead)
    cluster.drop("next", 3)
    assert_finished(cluster.wait_for_end(2))
    wait_until(lambda: not runs_on(cluster, dead), LONG, what="for what was left to go")
