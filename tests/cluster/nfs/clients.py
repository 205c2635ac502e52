"""NFS clients on one kernel: hosts whose network, name and mounts are their own."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.cluster import HERE, Place

SHARE = Path("/run/share")
NAMESPACES = Path("/run/ns")
LINK = "lan"
PROGRAM = Path(__file__).parent / "client.py"


@dataclass(frozen=True)
class Client:
    """One host: it sees the share at the server's own path, by a mount with the usual caches."""

    name: str
    address: str

    @property
    def place(self) -> Place:
        spaces = [f"--{kind}={NAMESPACES / self.name}.{kind}" for kind in ("net", "uts", "mount")]
        return Place(address=self.address, command=("nsenter", *spaces))

    def cut(self) -> None:
        """From now on it reaches neither the share nor another host."""
        run("ip", "link", "set", f"to-{self.name}", "down")

    def mend(self) -> None:
        run("ip", "link", "set", f"to-{self.name}", "up")


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def open_client(name: str, number: int) -> Client:
    """A host with a link to the server, which lives as long as this kernel."""
    client = Client(name, f"10.0.{number}.2")
    for kind in ("net", "uts", "mount"):
        (NAMESPACES / f"{name}.{kind}").touch()
    keep = [f"--{kind}={NAMESPACES / name}.{kind}" for kind in ("net", "uts")]
    run("unshare", *keep, "hostname", name)
    inside = ("nsenter", *keep)
    run("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", LINK)
    run("ip", "link", "set", LINK, "netns", str(NAMESPACES / f"{name}.net"))
    run("ip", "address", "add", f"10.0.{number}.1/24", "dev", f"to-{name}")
    run("ip", "link", "set", f"to-{name}", "up")
    run(*inside, "ip", "address", "add", f"{client.address}/24", "dev", LINK)
    for link in (LINK, "lo"):
        run(*inside, "ip", "link", "set", link, "up")
    run(*inside, "ip", "route", "add", "default", "via", f"10.0.{number}.1")
    # each mount has caches of its own only without those of others
    mount = ("mount", "-t", "nfs4", "-o", "vers=4.2,hard", f"10.0.{number}.1:/", str(SHARE))
    run(*inside, "unshare", f"--mount={NAMESPACES / name}.mount", *mount)
    return client


@dataclass
class Talk:
    """The program `client.py` on a host, told one thing after another."""

    process: subprocess.Popen[str]

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        """What was found, and how many seconds it took."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ask(self, word: str) -> Any:
        """What was found."""
        self.tell(word)
        return self.hear()[0]


@contextlib.contextmanager
def talk(client: Client, folder: Path) -> Iterator[Talk]:
    process = subprocess.Popen(
        [*client.place.command, sys.executable, str(PROGRAM), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE)},
    )
    try:
        yield Talk(process)
    finally:
        process.kill()
        process.communicate()
