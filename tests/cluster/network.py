"""Hosts with a network of their own each: namespaces, and a link between them that can be cut.

The target is reached from each by its own loopback, whatever becomes of that link: its server
accepts on a socket of every namespace.
"""

import contextlib
import ctypes
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.cluster import Place
from tests.fakes.server import FakeServer

LINK = "lan"
NAMED = Path("/run/netns")
OWN = Path("/proc/thread-self/ns/net")
CLONE_NEWNET = 0x40000000


@dataclass(frozen=True)
class Network:
    """Two namespaces, `near` and `far`."""

    near: str
    far: str

    @property
    def near_place(self) -> Place:
        return Place(address="10.0.9.1", command=("ip", "netns", "exec", self.near))

    @property
    def far_place(self) -> Place:
        return Place(address="10.0.9.2", command=("ip", "netns", "exec", self.far))

    def cut(self) -> None:
        """From now on nothing passes between them; no end of a connection is told of it."""
        ip("-n", self.far, "link", "set", LINK, "down")

    def mend(self) -> None:
        """Let them reach each other again."""
        ip("-n", self.far, "link", "set", LINK, "up")


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@contextlib.contextmanager
def open_network() -> Iterator[Network]:
    """The two, joined; the test is skipped where this machine does not let us have them."""
    near, far = (f"presqt-{os.getpid()}-{side}" for side in ("near", "far"))
    network = Network(near, far)
    try:
        try:
            for name in (near, far):
                ip("netns", "add", name)
                ip("-n", name, "link", "set", "lo", "up")
            ip("-n", near, "link", "add", LINK, "type", "veth", "peer", LINK, "netns", far)
            for place in (network.near_place, network.far_place):
                ip("-n", place.command[-1], "address", "add", f"{place.address}/24", "dev", LINK)
                ip("-n", place.command[-1], "link", "set", LINK, "up")
        except FileNotFoundError:
            pytest.skip("needs the program ip (iproute2)")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"needs network namespaces and veth: {' '.join(error.cmd)}: {error.stderr}")
        yield network
    finally:
        for name in (near, far):
            with contextlib.suppress(OSError, subprocess.CalledProcessError):
                ip("netns", "delete", name)


@contextlib.contextmanager
def reached_from(fake: FakeServer, *namespaces: Path) -> Iterator[None]:
    """Let a fake answer under its own address in these namespaces too."""
    servers = []
    for namespace in namespaces:
        with inside(namespace):
            servers.append(fake.new_listener())
    threads = [threading.Thread(target=one.serve_forever, args=(0.05,)) for one in servers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def inside(namespace: Path) -> Iterator[None]:
    """What this thread opens meanwhile belongs to a namespace, and stays there."""
    libc = ctypes.CDLL(None, use_errno=True)
    with (
        OWN.open() as own,
        namespace.open() as to,
    ):
        assert libc.setns(to.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            yield
        finally:
            assert libc.setns(own.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
