"""A mail server and a web server inside a booted container's network, which the service tells.

They are those of `tests/house/receivers.py`, as a process of their own in that network alone. What
comes is written down, a JSON object a line; they end with their standard input.
"""

import contextlib
import json
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.house.receivers import MailServer, WebServer
from tests.systemd.machine import Machine

ROOT = Path(__file__).parents[2]
MAIL_PORT, WEB_PORT = 2525, 8025


@contextlib.contextmanager
def listening(machine: Machine, book: Path) -> Iterator[None]:
    """Both servers are there meanwhile; `book` is where they write down what comes."""
    book.touch()
    with subprocess.Popen(
        ["nsenter", "-t", str(machine.init), "-n", sys.executable, "-m", __name__, str(book)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"here\n"
            yield
        finally:
            process.stdin.close()
            process.wait(60)


def mails_in(book: Path) -> list[dict[str, Any]]:
    return [line["mail"] for line in _lines(book) if "mail" in line]


def requests_in(book: Path) -> list[tuple[str, Any]]:
    """Path and JSON body of each request; a ping has no body."""
    return [(line["path"], line["body"]) for line in _lines(book) if "path" in line]


def _lines(book: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in book.read_text().splitlines()]


def _write_down(book: Path) -> None:
    mail, web = MailServer(MAIL_PORT), WebServer(WEB_PORT)
    mail.start()
    web.start()
    print("here", flush=True)
    mails = requests = 0
    with book.open("a") as stream:
        while not select.select([sys.stdin], [], [], 0.1)[0]:
            new = [{"mail": {"subject": m.subject, "text": m.text}} for m in mail.mails[mails:]]
            asked = [{"path": path, "body": body} for path, body in web.requests[requests:]]
            stream.writelines(json.dumps(line) + "\n" for line in (*new, *asked))
            stream.flush()
            mails, requests = mails + len(new), requests + len(asked)
    web.stop()
    mail.stop()


if __name__ == "__main__":
    _write_down(Path(sys.argv[1]))
