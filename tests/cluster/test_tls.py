"""The example of `workers/README.md` as it stands, with a CA made here; and with another CA."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import presqt_daemon.workers
from tests.bags import bag_zip, drop
from tests.cluster.cluster import LONG, free_port
from tests.fakes.osf import OsfFake
from tests.house.house import House, wait_until

pytest.importorskip("distributed", reason="needs the extra dask")
pytestmark = pytest.mark.full

PAGE = Path(presqt_daemon.workers.__file__).parent / "README.md"
BINARIES = Path(sys.executable).parent


def blocks(language: str) -> list[str]:
    """What stands on the page in blocks of this language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )


@dataclass
class Site:
    """The example's files and units below one folder, its scheduler on a port of this machine."""

    root: Path
    fake: OsfFake
    port: int = field(default_factory=free_port)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def local(self, text: str) -> str:
        """The page's text with this machine's addresses."""
        for there, here in (
            ("/etc/presqt-daemon", str(self.root)),
            ("/srv/presqt", str(self.root)),
            ("/opt/presqt-daemon/bin", str(BINARIES)),
            ("scheduler.example.org:8786", f"127.0.0.1:{self.port}"),
            ("--port 8786", f"--port {self.port} --host 127.0.0.1"),
            ("{type: osf,", f"{{type: osf, url: '{self.fake.api}',"),
        ):
            text = text.replace(there, here)
        return text

    def start_unit(self, text: str) -> subprocess.Popen[bytes]:
        """What a service manager would start by this unit."""
        lines = [line.partition("=") for line in self.local(text).splitlines()]
        (command,) = [value for key, _, value in lines if key == "ExecStart"]
        more = dict(value.split("=", 1) for key, _, value in lines if key == "Environment")
        with (self.root / f"unit-{len(self.started)}.log").open("wb") as log:
            process = subprocess.Popen(
                shlex.split(command),
                cwd=self.root,
                env={**os.environ, **more},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.started.append(process)
        return process

    def log_of(self, process: subprocess.Popen[bytes]) -> str:
        return (self.root / f"unit-{self.started.index(process)}.log").read_text(errors="replace")


def openssl(folder: Path, *arguments: str) -> None:
    command = ["openssl", *arguments]
    subprocess.run(command, check=True, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL)


def make_certificates(folder: Path) -> None:
    """A CA, and one certificate with its key that it has signed."""
    folder.mkdir()
    new = ("req", "-newkey", "rsa:2048", "-nodes")
    ca = ("-x509", "-days", "2", "-subj", "/CN=the CA of a test")
    openssl(folder, *new, *ca, "-keyout", "ca.key", "-out", "ca.pem")
    openssl(folder, *new, "-subj", "/CN=presqt", "-keyout", "key.pem", "-out", "request.pem")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
    openssl(folder, "x509", "-req", "-in", "request.pem", *signed, "-out", "cert.pem")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    if shutil.which("openssl") is None:
        pytest.skip("needs the program openssl")
    make_certificates(tmp_path / "tls")
    make_certificates(tmp_path / "wrong")
    with OsfFake() as fake:
        (tmp_path / "osf.token").write_text(fake.token)
        (tmp_path / "osf.token").chmod(0o600)
        site = Site(tmp_path, fake)
        try:
            yield site
        finally:
            for process in site.started:
                process.kill()
                process.wait(60)


def engine_row(house: House) -> dict[str, str]:
    rows = json.loads(house.run("check", "--json", timeout=LONG).stdout)["rows"]
    (row,) = [row for row in rows if row["what"] == "engine dask"]
    return dict(row)


def test_the_pages_example_works_as_it_stands_and_another_ca_is_told(site: Site) -> None:
    (settings,) = blocks("yaml")
    scheduler, worker = [unit for unit in blocks("ini") if "/bin/dask " in unit]
    config = site.root / "config.yaml"
    site.start_unit(scheduler)
    house = House(site.root, {"targets": {"osf": {}}})
    # the daemon's own CA is another one at first
    config.write_text(site.local(settings).replace("/tls/", "/wrong/"))
    try:
        house.start()
        drop(bag_zip({"P/a.txt": b"a", "P/b.txt": b"b"}), house.inbox / "osf" / "bag.zip")

        def waits() -> bool:
            info = house.of("bag.zip")
            return info is not None and info["waiting_for"] == "the engine"

        wait_until(waits, LONG)
        message = (house.of("bag.zip") or {})["message"]
        row = engine_row(house)
        print(message, row)
        for said in (message, row["detail"]):
            assert f"tls://127.0.0.1:{site.port} does not answer" in said
            assert "certificate" in said.lower(), said
        assert row["state"] == "wrong"
        house.stop()
        config.write_text(site.local(settings))
        member = site.start_unit(worker)
        wait_until(lambda: "Registered to" in site.log_of(member), LONG)
        assert engine_row(house)["state"] == "ok"
        house.start()
        info = house.ended("bag.zip", LONG)
        assert (info["status"], info["failed_fixity"]) == ("finished", [])
        assert site.fake.count("POST", "/v2/nodes/") == 1
        assert "tls://" in site.log_of(member)
        assert "tcp://" not in site.log_of(member)
    finally:
        if house.process is not None:
            house.process.kill()
            house.process.wait(60)
