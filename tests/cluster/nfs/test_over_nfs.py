"""Leases, fences, locks and tickets on a share of the kernel's own NFS, each host a client.

These run in a kernel of their own (`start_kernel.sh`); `tests/cluster/test_nfs.py` starts it.
"""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from presqt_daemon.leases.fence import FENCED_EXIT
from tests.cluster.cluster import LONG, Cluster, open_cluster
from tests.cluster.network import reached_from
from tests.cluster.nfs.client import TERMS
from tests.cluster.nfs.clients import NAMESPACES, SHARE, Client, open_client, talk
from tests.cluster.test_cluster import assert_finished
from tests.fakes.osf import OsfFake
from tests.house.house import wait_until

if not Path("/proc/fs/nfsd/threads").exists():
    pytest.skip("only in the kernel that tests/cluster/test_nfs.py starts", allow_module_level=True)

Clients = dict[str, Client]
FILES = 12
SLOW = 1.0


@pytest.fixture(scope="session")
def clients() -> Clients:
    """Hosts `a` and `b` for workers, `d` for the daemon and the scheduler."""
    return {name: open_client(name, number) for number, name in enumerate("abd")}


def mount_of(client: Client) -> str:
    """Type and options of what a host sees as the share."""
    said = subprocess.run(
        [*client.place.command, "findmnt", "-n", "-o", "FSTYPE,OPTIONS", str(SHARE)],
        check=True,
        capture_output=True,
        text=True,
    )
    return said.stdout.splitlines()[-1]


def test_each_host_mounts_it_with_the_usual_caches(clients: Clients) -> None:
    for client in clients.values():
        kind, options = mount_of(client).split()
        assert kind == "nfs4"
        assert "hard" in options
        assert "local_lock=none" in options
        assert not {"noac", "actimeo=0", "lookupcache=none"} & set(options.split(","))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ticket's."""
    folder = tmp_path / "uploads" / "ticket"
    folder.mkdir(parents=True)
    return folder


def test_a_look_at_a_name_is_stale_where_the_fence_is_not(clients: Clients, folder: Path) -> None:
    with talk(clients["a"], folder) as a, talk(clients["b"], folder) as b:
        assert a.ask("take") == 1
        assert a.ask("fence") == "passed"
        assert a.ask("sees_second") is False
        b.tell("take")
        number, seconds = b.hear()
        assert number == 2
        assert seconds >= TERMS.ttl
        # the control: who looked for the next number's file would take itself for the holder
        assert a.ask("sees_second") is False
        assert a.ask("fence") == FENCED_EXIT
        assert a.ask("beat") == "FencedError"
        assert b.ask("beat") == 2
        assert b.ask("fence") == "passed"
        assert b.ask("release") == "released"
    assert list(folder.iterdir()) == []


def test_who_has_looked_before_the_first_beat_robs_no_holder_that_lives(
    clients: Clients, folder: Path
) -> None:
    with talk(clients["a"], folder) as a, talk(clients["b"], folder) as b:
        assert b.ask("read") is None
        assert a.ask("take") == 1
        a.tell("live")
        assert b.ask("take") == "HeldElsewhereError"
        assert b.ask("read") == 1
        assert a.hear()[0] == 1


def test_an_ended_ticket_is_locked_against_another_host(clients: Clients, folder: Path) -> None:
    with talk(clients["a"], folder) as a, talk(clients["b"], folder) as b:
        assert a.ask("lock") == "locked"
        assert b.ask("lock") == "ticket ticket is busy"
        assert a.ask("unlock") == "unlocked"
        assert b.ask("lock") == "locked"
        assert a.ask("lock") == "ticket ticket is busy"
        b.process.kill()
        b.process.wait()
        wait_until(lambda: a.ask("lock") == "locked", LONG)


@pytest.fixture(scope="module")
def cluster(clients: Clients, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Everything of the daemon's and the hosts' lies on the share."""
    networks = [NAMESPACES / f"{name}.net" for name in clients]
    with (
        OsfFake() as fake,
        reached_from(fake, *networks),
        open_cluster(tmp_path_factory.mktemp("cluster"), clients["d"].place, fake) as cluster,
    ):
        for name in ("a", "b"):
            cluster.start_host(name, place=clients[name].place)
        cluster.slow_down(SLOW)
        cluster.house.start()
        yield cluster


def assert_all_sent_once(cluster: Cluster) -> None:
    infos = cluster.infos()
    assert_finished(infos)
    puts = cluster.puts()
    assert [path for path, times in puts.items() if times > 1] == []
    assert len(puts) == len(infos) * FILES
    assert cluster.creations() == len(infos)


def begin_upload(cluster: Cluster, name: str) -> tuple[str, str]:
    """The ticket and the host of a bag in the middle of its upload."""
    before = len(cluster.puts())
    cluster.drop(name, FILES)

    def in_the_middle() -> tuple[str, str] | None:
        info = cluster.house.of(f"{name}.zip")
        if info is None or not info["host"] or len(cluster.puts()) < before + 3:
            return None
        return info["ticket_number"], info["host"]

    found: tuple[str, str] = wait_until(in_the_middle, LONG, what=f"for the upload of {name}")
    return found


def wait_for_other_host(cluster: Cluster, ticket: str, name: str) -> None:
    other = {"a": "b", "b": "a"}[name]
    wait_until(lambda: cluster.house.info(ticket)["host"] == other, LONG, what="to go on elsewhere")


def finish(cluster: Cluster, ticket: str) -> None:
    """Wait for the ticket's end, and for nothing of a lease to be left."""
    cluster.wait_for_end(len(cluster.infos()), 2 * LONG)
    assert_all_sent_once(cluster)
    wait_until(lambda: not list((cluster.house.uploads / ticket).rglob(".*")), LONG)


def test_drops_are_deposited_by_two_hosts_of_the_share(cluster: Cluster) -> None:
    for number in range(2):
        cluster.drop(f"bag{number}", FILES)
    cluster.wait_for_end(2, 2 * LONG)
    assert_all_sent_once(cluster)


def test_a_host_that_freezes_is_followed_and_thaws_fenced(cluster: Cluster) -> None:
    ticket, name = begin_upload(cluster, "freezes")
    frozen = cluster.hosts[name]
    frozen.signal(signal.SIGSTOP)
    wait_for_other_host(cluster, ticket, name)
    frozen.signal(signal.SIGCONT)
    wait_until(lambda: not frozen.is_at_work(), LONG)
    finish(cluster, ticket)
    assert cluster.house.info(ticket)["epoch"] >= 2


def test_a_host_that_loses_share_and_scheduler_stops_by_its_own_clock(
    cluster: Cluster, clients: Clients
) -> None:
    for name in ("a", "b"):
        if cluster.hosts[name].process.poll() is not None:
            cluster.start_host(name, place=clients[name].place)
    ticket, name = begin_upload(cluster, "cut")
    sent = len(cluster.puts())
    clients[name].cut()
    # it reaches the target yet: nothing but its own clock can end this
    wait_for_other_host(cluster, ticket, name)
    clients[name].mend()
    wait_until(lambda: not cluster.hosts[name].is_at_work(), LONG)
    finish(cluster, ticket)
    assert sent
    assert cluster.house.info(ticket)["epoch"] >= 2
