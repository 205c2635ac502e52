"""The program as a person runs it: a real process with a configuration of its own."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from presqt_daemon.model import Route
from presqt_daemon.schemas.json_values import text_from_time
from presqt_daemon.tickets.claim_record import ClaimRecord, Owner
from presqt_daemon.tickets.locks import FolderLock
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import TicketFolder, Uploads
from tests.tickets.infos import write_info

PATIENCE_SECONDS = 60.0


class Running(subprocess.Popen[str]):
    """A command as it runs; a test that fails beside it ends it."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, error, trace)


class Program:
    """presqt-daemon with the default configuration, in a folder of its own."""

    def __init__(self, folder: Path, configuration: str = "") -> None:
        self.folder = folder
        self.file = folder / "config.yaml"
        self.file.write_text(configuration or "inbox: inbox\n", encoding="utf-8")
        self.inbox = folder / "inbox"
        self.mediafiles = folder / "mediafiles"
        self.uploads = Uploads(self.mediafiles)
        self.uploads.root.mkdir(parents=True)
        (self.inbox / "archive").mkdir(parents=True)

    def command(self, *arguments: str | Path) -> list[str]:
        """The words to start it by."""
        words = ("-m", "presqt_daemon", "--config", self.file, *arguments)
        return [sys.executable, *map(str, words)]

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment, without settings of the caller's own."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("PRESQT_DAEMON")}
        return {**clean, **(more or {})}

    def claimed(self, info: ProcessInfo, *, has_zip: bool = True) -> TicketFolder:
        """A ticket as a drop into the archive's folder left it."""
        folder = self.add(info, content=b"zip" if has_zip else None)
        owner = Owner(host="depot", boot_id="x", pid=1, started=1)
        folder.write_claim(
            ClaimRecord(
                ticket=info.ticket_number,
                inbox_folder=str(self.inbox / "archive"),
                inbox_name=info.source_file,
                zip_name=info.source_file,
                sidecar_name=None,
                route=Route(target="archive"),
                dropped_by_uid=os.getuid(),
                dropped_by_name=None,
                received_at=text_from_time(datetime.now(UTC)),
                owner=owner,
            )
        )
        return folder

    def requests(self) -> list[str]:
        """The names of the files in `control/`."""
        folder = self.mediafiles / "control"
        return sorted(os.listdir(folder)) if folder.exists() else []

    def run(self, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """The command's end; nothing of it is checked."""
        environment = self.environment(options.pop("environment", None))
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=60,
            cwd=options.pop("cwd", self.folder),
            env=environment,
            **options,
        )

    def run_without_power(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """The command's end, with the rights of this user but none of root's beyond them."""
        prefix = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
        if os.geteuid() == 0 and shutil.which("setpriv") is None:
            pytest.skip("setpriv is missing")
        return subprocess.run(
            [*(prefix if os.geteuid() == 0 else []), *self.command(*arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=60,
            env=self.environment(),
        )

    def start(self, *arguments: str | Path, **options: Any) -> Running:
        """The command as it runs; standard output and error are pipes unless given."""
        return Running(
            self.command(*arguments),
            **{
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                "encoding": "utf-8",
                "cwd": self.folder,
                "env": self.environment(),
                **options,
            },
        )

    def add(self, info: ProcessInfo, *, content: bytes | None = b"zip") -> TicketFolder:
        """A ticket's folder with its status and (unless None) its zip."""
        folder = self.uploads.folder(info.ticket_number)
        folder.path.mkdir(exist_ok=True)
        write_info(self.uploads, folder, info)
        if content is not None:
            (folder.path / info.source_file).write_bytes(content)
        return folder

    def hold(self) -> FolderLock:
        """The lock of a daemon, so that one seems to run."""
        return FolderLock(self.mediafiles)


def eventually(is_so: Callable[[], bool], what: str) -> None:
    """Return as soon as it is so; fail when that takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.02)
