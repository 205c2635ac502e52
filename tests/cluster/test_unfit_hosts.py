"""Hosts that cannot do the daemon's work: the ticket that waits and `check` say what to do."""

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.cluster import LONG, Cluster, Place, open_cluster
from tests.cluster.test_cluster import FILES, SLOW, assert_finished, assert_sent_once
from tests.house.house import wait_until

pytest.importorskip("distributed", reason="needs the extra dask")
pytestmark = pytest.mark.full


@contextlib.contextmanager
def unfit(
    cluster: Cluster, words: str, *, place: Place | None = None, nanny: bool = False, config: str
) -> Iterator[None]:
    """A host with which the ticket waits for the engine in these words, and `check` has them."""
    host = cluster.start_host("a", place=place, nanny=nanny, PRESQT_DAEMON_CONFIG=config)

    def says() -> bool:
        return any(
            info["waiting_for"] == "the engine" and words in info["message"]
            for info in cluster.infos()
        )

    wait_until(says, LONG, what=f"for {words!r}: {cluster.infos()}")
    yield
    host.end()


def assert_check_says(cluster: Cluster, words: str) -> None:
    said = cluster.house.run("check", "--json", timeout=LONG)
    assert said.returncode != 0
    rows = [row for row in json.loads(said.stdout)["rows"] if row["what"].startswith("worker a")]
    assert [row["state"] for row in rows] == ["wrong"], rows
    assert words in rows[0]["detail"]


def own_config(cluster: Cluster) -> str:
    """The file of a host on which two keys are others."""
    tree = yaml.safe_load((cluster.root / "config.yaml").read_text())
    tree["staging"]["max_files"] = 7
    tree["targets"]["osf"]["workers"] = 9
    own = cluster.root / "config-of-a.yaml"
    own.write_text(yaml.safe_dump(tree))
    return str(own)


def behind(mediafiles: Path) -> Place:
    """Where something else lies in the place of the share."""
    cover = f'mount -t tmpfs none {mediafiles} && mkdir -p {mediafiles}/uploads && exec "$@"'
    return Place(command=("unshare", "--mount", "sh", "-c", cover, "sh"))


@pytest.mark.timeout(1200)
def test_the_ticket_and_check_say_what_to_do_about_a_host_that_cannot(tmp_path: Path) -> None:
    with open_cluster(tmp_path) as cluster:
        cluster.house.start()
        cluster.drop("bag")
        same = str(cluster.root / "config.yaml")
        keys = "has another configuration than the daemon: staging, targets.osf differ"
        with unfit(cluster, keys, config=own_config(cluster)):
            assert_check_says(cluster, keys)
        nanny = "start dask's workers with --no-nanny"
        with unfit(cluster, nanny, config=same, nanny=True):
            assert_check_says(cluster, nanny)
        if os.geteuid() == 0:
            # a folder that looks like the daemon's, and is not
            place, share = behind(cluster.house.uploads.parent), "is the share mounted there?"
            with unfit(cluster, share, config=same, place=place):
                assert_check_says(cluster, share)
            place, rights = read_only(cluster.house.uploads.parent), "is it mounted read-only there"
            with unfit(cluster, rights, config=same, place=place):
                assert_check_says(cluster, rights)
        cluster.start_host("b")
        assert_finished(cluster.wait_for_end(1))
        assert_sent_once(cluster, 1, 3)


def hosts_of(cluster: Cluster) -> set[str]:
    """The hosts that have a ticket now."""
    return {info["host"] for info in cluster.infos() if info["host"] is not None}


def read_only(mediafiles: Path) -> Place:
    """Where the share is seen, and nothing can be written on it."""
    cover = f"mount --bind {mediafiles} {mediafiles} && mount -o remount,bind,ro {mediafiles}"
    return Place(command=("unshare", "--mount", "sh", "-c", f'{cover} && exec "$@"', "sh"))


@pytest.mark.timeout(1200)
def test_a_fit_host_gets_the_tickets_and_one_that_is_mended_comes_back(tmp_path: Path) -> None:
    with open_cluster(tmp_path) as cluster:
        own = Path(own_config(cluster))
        cluster.house.start()
        # the first to be there, with more places: dask would give it most
        cluster.start_host("a", threads=8, PRESQT_DAEMON_CONFIG=str(own))
        cluster.start_host("b")
        for number in range(6):
            cluster.drop(f"bag{number}", 3)
        assert_finished(cluster.wait_for_end(6))
        assert "waits for the engine" not in cluster.house.log
        assert "staging, targets.osf differ" in cluster.house.log

        # the only fit one dies over a ticket, and another of that kind comes later
        cluster.slow_down(SLOW)
        cluster.drop("lost", FILES)
        assert wait_until(lambda: hosts_of(cluster), LONG) == {"b"}
        cluster.hosts["b"].signal(signal.SIGKILL)
        wait_until(lambda: "waits for the engine" in cluster.house.log, LONG)
        cluster.start_host("c")
        assert_finished(cluster.wait_for_end(7))

        own.write_text((cluster.root / "config.yaml").read_text())
        for number in range(12):
            cluster.drop(f"late{number}", FILES)
        wait_until(lambda: "a" in hosts_of(cluster), LONG, what="for the mended host")
        assert_finished(cluster.wait_for_end(19))
        assert [path for path, times in cluster.puts().items() if times > 1] == []
        assert cluster.creations() == 19
