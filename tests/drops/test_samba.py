"""A Samba share as inbox, as the recipe of the service's page has it, on the loopback address."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bags import bag_zip
from tests.house.house import House, open_house, wait_until

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can run smbd for other users"),
    pytest.mark.skipif(
        shutil.which("smbd") is None or shutil.which("smbclient") is None,
        reason="samba and smbclient are not installed",
    ),
    pytest.mark.skipif(
        not list(Path("/usr/lib").glob("*/samba/vfs/recycle.so")),
        reason="samba's recycle module is not installed (Debian 12: samba-vfs-modules)",
    ),
]

CONFIG = """
[global]
  server role = standalone server
  map to guest = bad user
  guest account = {user}
  interfaces = 127.0.0.1
  bind interfaces only = yes
  smb ports = {port}
  disable netbios = yes
  load printers = no
  log level = 0
  lock directory = {base}
  state directory = {base}
  cache directory = {base}
  private dir = {base}
  pid directory = {base}
  ncalrpc dir = {base}/ncalrpc
  log file = {base}/log
"""


PAGE = Path(__file__).parents[2] / "systemd" / "README.md"
GUESTS = """
  guest ok = yes
  guest only = yes
  force user = {user}
"""
"""In place of the recipe's users and group, since this machine has no such accounts."""


def recipe(inbox: Path, user: str) -> str:
    """The page's share, for this folder and this user."""
    text = PAGE.read_text(encoding="utf-8")
    share = text[text.index("[thesis-drop]") :]
    lines = share[: share.index("```")].splitlines()
    named = [f"  path = {inbox}" if line.startswith("  path =") else line for line in lines]
    kept = [line for line in named if "valid users" not in line and "force group" not in line]
    assert len(kept) == len(lines) - 2
    return "\n".join(kept) + GUESTS.format(user=user)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def sharing(inbox: Path, base: Path, user: str) -> Iterator[int]:
    """smbd with this one share; its port. It makes a session of its own, which it ends."""
    base.mkdir()
    base.chmod(0o755)
    port = free_port()
    config = base / "smb.conf"
    config.write_text(CONFIG.format(user=user, port=port, base=base) + recipe(inbox, user))
    server = subprocess.Popen(
        ["smbd", "--foreground", "-s", str(config)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
    )  # fmt: skip

    def answers() -> bool:
        if server.poll() is not None:
            pytest.skip(f"smbd does not run here: {(base / 'log').read_text()[-500:]}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    try:
        wait_until(answers, 60, what="for smbd")
        yield port
    finally:
        server.terminate()
        server.wait(20)


def smbclient(port: int, folder: Path, *commands: str) -> str:
    """What the client said to these commands; fails when it fails."""
    done = subprocess.run(
        ["smbclient", "//127.0.0.1/thesis-drop", "-N", "-p", str(port),
         "-c", "; ".join(commands)],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NT_STATUS" not in done.stdout, done.stdout
    return done.stdout


@pytest.fixture(params=["root", "nobody"], ids=["the service owns the files", "another user does"])
def share(request: pytest.FixtureRequest) -> Iterator[tuple[House, int]]:
    # not below pytest's own folder, which is closed to other users
    base = Path(tempfile.mkdtemp(prefix="share-"))
    base.chmod(0o755)
    with open_house(base / "house") as house:
        house.root.mkdir()
        house.root.chmod(0o755)
        house.configure(intake={"settle": "1s", "rescan": "1s", "mediafiles_as_seen": "/seen"})
        house.start()
        (house.inbox / "archive").chmod(0o2777)
        with sharing(house.inbox / "archive", base / "samba", request.param) as port:
            yield house, port
    shutil.rmtree(base)


def test_a_share_takes_drops_and_gives_answers(share: tuple[House, int], tmp_path: Path) -> None:
    house, port = share
    local = tmp_path / "local"
    local.mkdir()
    for name in ("put", "part", "deleted"):
        (local / f"{name}.zip").write_bytes(bag_zip({f"{name}/a.txt": name.encode()}))
    smbclient(port, local, "put put.zip")
    smbclient(port, local, "put part.zip part.zip.part", "rename part.zip.part part.zip")
    for name in ("put.zip", "part.zip"):
        assert house.ended(name, 120)["status"] == "finished"
    smbclient(port, local, "put deleted.zip deleted.zip.part", "del deleted.zip.part")
    assert (house.inbox / "archive" / ".recycle" / "deleted.zip.part").exists()
    ticket = next(i["ticket_number"] for i in house.infos() if i["source_file"] == "put.zip")
    answer = f"put.zip.{ticket[:8]}.process_info.json"
    wait_until((house.inbox / "archive" / answer).exists, 60, what="for the answer")
    smbclient(port, local, f"get {answer}")
    status = (house.uploads / ticket / "process_info.json").read_bytes()
    assert (local / answer).read_bytes() == status
    assert (
        b'"upload_job": "/seen/uploads/'
        in (house.inbox / "archive" / f"put.zip.{ticket[:8]}.ticket.json").read_bytes()
    )
    assert sorted(i["source_file"] for i in house.infos()) == ["part.zip", "put.zip"]


def test_what_a_program_still_does_after_a_put_finds_the_file(
    share: tuple[House, int], tmp_path: Path, full: bool, request: pytest.FixtureRequest
) -> None:
    """As Explorer and the Finder: look at it, set its times and attributes, a twin beside it."""
    house, port = share
    rounds = 10 if full else 2
    for number in range(rounds):
        name = f"bag{number}.zip"
        (tmp_path / name).write_bytes(bag_zip({f"bag{number}/a.bin": os.urandom(50_000)}))
        (tmp_path / f"._{name}").write_bytes(b"\0\5\x16\7" + bytes(4092))
        then = [
            f"utimes {name} -1 2020:01:02-03:04:05 2020:01:02-03:04:05 -1",
            f"setmode {name} +a",
        ]
        if request.node.callspec.params["share"] == "nobody":
            then = []  # Samba lets its guests set neither, with or without a daemon
        smbclient(
            port, tmp_path, f"put ._{name}", f"put {name}", f"allinfo {name}", *then,
            f"allinfo {name}", f"del ._{name}",
        )  # fmt: skip
    for number in range(rounds):
        assert house.ended(f"bag{number}.zip", 120)["status"] == "finished"
    sources = sorted(info["source_file"] for info in house.infos())
    assert sources == [f"bag{number}.zip" for number in range(rounds)]
