"""Daemons of hosts that are clients of one share: whoever freezes, dies or is cut off is followed.

These run in a kernel of their own (`tests/cluster/nfs/start_kernel.sh`), which
`tests/standby/test_nfs_share.py` starts.
"""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import LONG
from tests.cluster.network import reached_from
from tests.cluster.nfs.clients import NAMESPACES, Client, open_client
from tests.fakes.osf import OsfFake
from tests.house.house import wait_until
from tests.standby.hosts import FENCED, Hosts
from tests.standby.test_standby import SLOW, daemons_of, drop_all, start_pair, wait_for_ends

if not Path("/proc/fs/nfsd/threads").exists():
    pytest.skip("only in the kernel that test_nfs_share.py starts", allow_module_level=True)

FILES = 6


@pytest.fixture(scope="session")
def clients() -> dict[str, Client]:
    """Two hosts, each with a daemon."""
    return {name: open_client(name, number) for number, name in enumerate("ab")}


@pytest.fixture
def hosts(clients: dict[str, Client], tmp_path: Path) -> Iterator[Hosts]:
    """All that is the daemons' lies on the share."""
    networks = [NAMESPACES / f"{name}.net" for name in clients]
    with OsfFake() as fake, reached_from(fake, *networks):
        hosts = Hosts(tmp_path, fake)
        hosts.places = {name: client.place for name, client in clients.items()}
        hosts.temporary = Path("/run/tmp")
        # commands are typed on the host of the one that stands by
        hosts.house.command = clients["b"].place.command
        try:
            yield hosts
        finally:
            hosts.end()


def begin_upload(hosts: Hosts) -> None:
    """`a` is active and in the middle of an upload, `b` stands by."""
    start_pair(hosts)
    hosts.slow_down(SLOW)
    drop_all(hosts, 2, FILES)
    wait_until(lambda: len(hosts.puts()) >= 2, LONG, what="for an upload")
    assert hosts.active == "a"


def finish_on_the_other(hosts: Hosts) -> None:
    """What `a` had, and one more, is ended by `b`."""
    hosts.drop("bag2", FILES)
    hosts.wait_for_log("b", "ready: ")
    wait_for_ends(hosts, 3)
    assert hosts.active == "b"


def test_a_frozen_daemon_is_followed_and_thawed_it_ends_and_writes_nothing(hosts: Hosts) -> None:
    begin_upload(hosts)
    hosts.signal("a", signal.SIGSTOP)
    finish_on_the_other(hosts)
    hosts.signal("a", signal.SIGCONT)
    assert hosts.wait_for_code("a") == FENCED
    assert "on b) has taken over" in hosts.log_of("a")
    hosts.assert_one_deposit_each(3, FILES)


def test_a_killed_daemon_is_followed_and_both_are_listed_from_the_other_host(
    hosts: Hosts,
) -> None:
    begin_upload(hosts)
    pids = {name: f"pid {process.pid} on {name}" for name, process in hosts.daemons.items()}
    both = [("daemon", f"is running: {pids['a']}"), ("standby", f"stands by: {pids['b']}")]
    wait_until(lambda: daemons_of(hosts) == both, LONG, what=f"for {both}", every=0.2)
    hosts.signal("a", signal.SIGKILL)
    finish_on_the_other(hosts)
    hosts.assert_one_deposit_each(3, FILES)
    hosts.wait_for_code("a")
    hosts.start("a")
    hosts.wait_for_log("a", "standing by: ")
    hosts.daemons["b"].send_signal(signal.SIGTERM)
    assert hosts.wait_for_code("b") == 0
    wait_until(lambda: hosts.active == "a", LONG, what="for the first to be active again")


def test_a_daemon_that_loses_the_share_is_followed_and_ends_when_it_sees_it_again(
    hosts: Hosts, clients: dict[str, Client]
) -> None:
    begin_upload(hosts)
    clients["a"].cut()
    try:
        finish_on_the_other(hosts)
    finally:
        clients["a"].mend()
    assert hosts.wait_for_code("a") == FENCED
    hosts.assert_one_deposit_each(3, FILES)


def test_each_host_sees_the_share_by_nfs(hosts: Hosts, clients: dict[str, Client]) -> None:
    for client in clients.values():
        command = [*client.place.command, "stat", "-f", "-c", "%T", str(hosts.root)]
        said = subprocess.run(command, check=True, capture_output=True, text=True)
        assert said.stdout.strip() == "nfs"
