"""Two hours of life in a few minutes: what a person is told who reads the log and the mails alone.

    python tests/bench/fast_motion.py [--bags N] [--out FILE]

A daemon as a process, a fake Zenodo behind a door that can be shut, a small disk (root), a real
mail server (aiosmtpd). A token goes bad and is mended, the target goes away and comes back, it
stores a file wrong, the disk fills and is emptied, a hundred bags come, a third of them bad.
Printed at the end: the log's lines at WARNING and above, and every mail. It judges little: no mail
may be missing, and the program ends with 1 if one is. Whether a stranger knows what to do from
these, a person must read.
"""

import argparse
import contextlib
import itertools
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bags import bag_zip, drop
from tests.fakes.zenodo import TOKEN, FakeZenodo
from tests.house.disks import mounted
from tests.house.house import House, open_house, wait_until
from tests.house.receivers import MailServer, mail_server

LONG = 180.0
NOTIFY = {"gather": "3s", "every": "10s", "held_after": "40s", "down_after": "5s"}
"""As in the example of a configuration, divided by some hundred."""


class Door:
    """A port that leads to a server while it is open, and refuses everybody while it is shut."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._socket: socket.socket | None = None
        self._ends: list[socket.socket] = []
        self.port = 0
        self.open()

    def open(self) -> None:
        """Let requests through."""
        self._socket = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._socket,), daemon=True).start()

    def shut(self) -> None:
        """Refuse new connections, and cut those that there are."""
        assert self._socket is not None
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends = []

    def _serve(self, door: socket.socket) -> None:
        while True:
            try:
                near, _ = door.accept()
                far = socket.create_connection(self._server)
            except OSError:
                return
            self._ends += [near, far]
            for ends in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=ends, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(1 << 16):
            sink.sendall(block)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


class AlwaysSpoilt(Counter[str]):
    """Whatever file is stored, it is stored wrong."""

    def __missing__(self, key: str) -> int:
        return 1

    def __setitem__(self, key: str, value: int) -> None:
        """Never used up."""


class Life:
    """One service with its people: the sender drops, the operator mends, the mails pile up."""

    def __init__(self, house: House, zenodo: FakeZenodo, mail: MailServer, door: Door) -> None:
        self.house, self.zenodo, self.mail, self.door = house, zenodo, mail, door
        self.numbers = itertools.count(1)
        self.told: list[str] = []

    def say(self, text: str) -> None:
        """What happens in the world, among the mails; to whoever watches as well."""
        self.told.append(f"{len(self.mail.mails)}\t{text}")
        print(f"... {text}", file=sys.stderr, flush=True)

    def drop(self, count: int, target: str, *, bad: bool = False, size: int = 200) -> list[str]:
        """Bags of one folder; their names."""
        names = []
        for _ in range(count):
            number = next(self.numbers)
            name = f"{'scan' if bad else 'survey'}-{number:03}.zip"
            payload = {f"Survey {number}/data.csv": os.urandom(size), "readme.txt": b"about"}
            content = bag_zip(payload)
            if bad:
                content = content[: len(content) // 2] if number % 2 else b"%PDF-1.7 no zip"
            drop(content, self.house.inbox / target / name)
            names.append(name)
        return names

    def ended(self, names: list[str], seconds: float = LONG) -> None:
        """Wait until all these have ended."""
        for name in names:
            self.house.ended(name, seconds)

    def mailed(self, *words: str) -> None:
        """Wait until a mail says this."""
        wait_until(
            lambda: any(all(w in f"{m.subject}\n{m.text}" for w in words) for m in self.mail.mails),
            LONG,
            what=f"for a mail with {words}\n{self.house.log}",
            every=0.1,
        )

    def quiet(self) -> None:
        """Wait until all has been told."""
        outbox = self.house.root / "mediafiles" / "outbox"
        wait_until(lambda: set(os.listdir(outbox)) <= {"told.json"}, LONG, every=0.1)


def live(life: Life, bags: int) -> None:
    """The two hours."""
    house, token = life.house, life.house.root / "zenodo.token"
    life.say("three bags come, as on any day")
    life.ended(life.drop(3, "zenodo"))

    life.say("somebody drops a PDF and half a zip")
    life.ended(life.drop(2, "zenodo", bad=True))
    life.mailed("failed")
    life.quiet()

    life.say("the token is revoked at Zenodo; four bags come")
    token.write_text("expired-token\n")
    names = life.drop(4, "zenodo")
    life.mailed("target down", "zenodo")
    life.say("the operator puts a new token into the file")
    token.write_text(f"{TOKEN}\n")
    life.ended(names)
    life.mailed("target back")
    life.quiet()

    life.say("Zenodo is away for a while; six bags come")
    life.door.shut()
    names = life.drop(6, "zenodo")
    life.mailed("target down", "nothing, if it is known to be down")
    life.say("Zenodo is there again")
    life.door.open()
    life.ended(names)
    wait_until(lambda: sum("target back" in m.subject for m in life.mail.mails) >= 2, LONG)
    life.quiet()

    life.say("Zenodo stores one file wrong, again and again")
    number = next(life.numbers)
    life.zenodo.spoils = AlwaysSpoilt()
    name = f"survey-{number:03}.zip"
    drop(bag_zip({f"Survey {number}/data.csv": b"precious"}), house.inbox / "zenodo" / name)
    life.ended([name])
    life.mailed("not every file verified")
    life.zenodo.spoils = Counter()
    life.quiet()

    life.say("an operator holds everything for a while, and forgets it; a bag comes")
    control = house.root / "mediafiles" / "control"
    (control / "hold").touch()
    names = life.drop(1, "archive")
    life.mailed("waiting for long", "hold")
    (control / "resume").touch()
    life.ended(names)
    life.quiet()

    life.say("the disk fills up with somebody's files; three bags of 3 MB come")
    waste = house.root / "mediafiles" / "core.dump"
    figures = os.statvfs(waste.parent)
    with waste.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, figures.f_bavail * figures.f_frsize - (9 << 20))
    names = life.drop(3, "archive", size=3 << 20)
    life.mailed("disk short")
    life.say("the operator removes them")
    waste.unlink()
    life.ended(names)
    life.mailed("disk well again")
    life.quiet()

    life.say(f"{bags} bags at once, a third of them bad; kill -9 in the middle of it")
    good, bad = life.drop(bags - bags // 3, "archive"), life.drop(bags // 3, "archive", bad=True)
    wait_until(
        lambda: sum(i["status"] != "in_progress" for i in house.infos()) > 20 + bags // 4, LONG
    )
    assert house.process is not None
    house.process.kill()
    house.process.wait(20)
    house.process = None
    house.start()
    life.ended([*good, *bad])
    life.quiet()

    life.say("the operator stops the service")
    house.stop()


def report(life: Life) -> Iterator[str]:
    """The log at WARNING and above, then the mails among what happened."""
    yield "THE LOG, WARNING AND ABOVE"
    yield ""
    lines = life.house.log.splitlines()
    shown = [line for line in lines if line[20:27].strip() in {"WARNING", "ERROR", "CRITICAL"}]
    yield from shown
    yield ""
    yield f"({len(lines)} lines in all, {len(shown)} of them here)"
    yield ""
    yield f"THE {len(life.mail.mails)} MAILS, and between them in [brackets] what nobody was told"
    happened: dict[int, list[str]] = {}
    for line in life.told:
        count, _, text = line.partition("\t")
        happened.setdefault(int(count), []).append(text)
    for number in range(len(life.mail.mails) + 1):
        for text in happened.get(number, ()):
            yield ""
            yield f"[{text}]"
        if number < len(life.mail.mails):
            mail = life.mail.mails[number]
            yield ""
            yield f"Subject: {mail.subject}"
            yield ""
            yield from (f"    {line}" for line in mail.text.rstrip().splitlines())


def missing_mails(life: Life) -> list[str]:
    """Failed tickets of which no mail told, by number or name."""
    said = "\n".join(mail.text for mail in life.mail.mails)
    failed = [i for i in life.house.infos() if i["status"] == "failed"]
    counted = sum(
        int(words[0])
        for line in said.splitlines()
        if " failed (" in line and (words := line.split())[0].isdecimal()
    )
    single = sum(line.startswith("A ticket failed (") for line in said.splitlines())
    if counted + single >= len(failed):
        return []
    return [f"{len(failed)} tickets failed, {counted + single} were told of"]


@contextlib.contextmanager
def service(root: Path) -> Iterator[Life]:
    """The service, its small disk, its target behind a door, its mail."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(mounted(root / "mediafiles", "-t", "tmpfs", "-o", "size=96m", "tmpfs"))
        zenodo = stack.enter_context(FakeZenodo())
        host, _, port = zenodo.address.partition(":")
        door = Door((host, int(port)))
        mail = stack.enter_context(mail_server())
        house = stack.enter_context(open_house(root))
        (root / "zenodo.token").write_text(f"{TOKEN}\n")
        (root / "staff.urls").write_text(mail.url + "\n")
        for name in ("zenodo.token", "staff.urls"):
            (root / name).chmod(0o600)
        zenodo_target: dict[str, Any] = {
            "type": "zenodo",
            "url": f"http://127.0.0.1:{door.port}/api",
            "token_file": "zenodo.token",
        }
        house.configure(
            targets={"archive": {"type": "folder", "path": "archive"}, "zenodo": zenodo_target},
            staging={"min_free_bytes": "8 MB"},
            receivers={"staff": {"urls_file": "staff.urls"}},
            notify=NOTIFY,
        )
        house.start()
        yield Life(house, zenodo, mail, door)


def main(arguments: list[str] | None = None) -> int:
    """Live, then print; 1 when a failure was told by no mail."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--bags", type=int, default=100)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    root = Path(tempfile.mkdtemp(prefix="fast-motion-"))
    began = time.monotonic()
    try:
        with service(root) as life:
            try:
                live(life, options.bags)
            finally:
                text = "\n".join(report(life)).replace(str(root), "/var/lib/presqt-daemon") + "\n"
                write: Callable[[str], object] = sys.stdout.write
                write = write if options.out is None else options.out.write_text
                write(text)
            lost = missing_mails(life)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print(f"{time.monotonic() - began:.0f} s; {lost or 'every failure was told'}", file=sys.stderr)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
