"""An inbox that runs in a folder of the test's own, and waiting without sleeping blindly."""

import contextlib
import functools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from presqt_daemon.config import Config, IntakeConfig, TargetConfig
from presqt_daemon.inbox import Inbox
from presqt_daemon.inbox.answers.events import Claimed, Event, Request
from presqt_daemon.inbox.folder_scanner import FolderScanner
from presqt_daemon.tickets.store import Uploads

SETTLE = 0.1
RESCAN = 0.3
INCOMPLETE_AFTER = 0.6
DEADLINE_SECONDS = 20.0


def make_config(base: Path, **intake: Any) -> Config:
    """Folders below `base`, two targets, short times."""
    values = {"settle": SETTLE, "rescan": RESCAN, "incomplete_after": INCOMPLETE_AFTER} | intake
    config = Config(
        inbox=base / "inbox",
        mediafiles=base / "mediafiles",
        targets={
            name: TargetConfig(name=name, type="folder", path=base / "targets" / name)
            for name in ("archive", "osf")
        },
        intake=IntakeConfig(**values),
    )
    config.uploads_folder.mkdir(parents=True, exist_ok=True)
    for target in config.targets:
        (config.inbox / target).mkdir(parents=True, exist_ok=True)
    return config


def until(holds: Callable[[], object], what: str = "it", seconds: float = DEADLINE_SECONDS) -> None:
    """Return as soon as the predicate holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what} did not come about"
        threading.Event().wait(0.005)


class Running:
    """What a daemon sees and does, without the rest of it."""

    def __init__(self, config: Config, *, patience: bool = True) -> None:
        self.config = config
        self.uploads = Uploads(config.mediafiles)
        self.events: list[Event] = []
        self.inbox = Inbox(config, self.uploads, self.events.append, patience=patience)

    @property
    def claimed(self) -> list[Claimed]:
        """All claims so far."""
        return [event for event in list(self.events) if isinstance(event, Claimed)]

    @property
    def requests(self) -> list[Request]:
        """All requests so far."""
        return [event for event in list(self.events) if isinstance(event, Request)]

    def claims(self, count: int) -> list[Claimed]:
        """The claims, as soon as there are so many; fails when there are more."""
        until(lambda: len(self.claimed) >= count, f"{count} claims")
        assert len(self.claimed) == count
        return self.claimed

    def claim(self) -> Claimed:
        """The only claim."""
        return self.claims(1)[0]

    def settled(self) -> None:
        """Wait until nothing waits any more."""
        until(self.inbox.is_idle, "rest")

    def scanned(self) -> None:
        """Wait until every folder has been scanned from now on."""
        for _ in range(2):  # the first may have begun before
            counts = {scanner: scanner._scanned for scanner in self.inbox._scanners.values()}
            self.inbox.wake()
            until(functools.partial(_have_scanned, counts), "a scan")


def _have_scanned(counts: dict[FolderScanner, int]) -> bool:
    return all(scanner._scanned > count for scanner, count in counts.items())


@contextlib.contextmanager
def running(config: Config, *, patience: bool = True) -> Iterator[Running]:
    """An inbox between start and stop."""
    daemon = Running(config, patience=patience)
    daemon.inbox.start()
    try:
        yield daemon
    finally:
        daemon.inbox.stop()


def names_in(folder: Path) -> list[str]:
    """All names, sorted."""
    return sorted(os.listdir(folder))


def left_in(folder: Path) -> list[str]:
    """All names that are no notes and no folders, sorted."""
    return sorted(
        entry.name
        for entry in os.scandir(folder)
        if not entry.name.endswith((".ticket.json", ".process_info.json"))
        and not entry.is_dir(follow_symlinks=False)
    )


def note_of(claim: Claimed) -> tuple[Path, dict[str, str]]:
    """The note in the inbox and what it says."""
    path = Path(claim.record.inbox_folder) / claim.record.receipt_name
    return path, json.loads(path.read_bytes())


def zip_of(claim: Claimed) -> Path:
    """The drop in its ticket."""
    assert claim.record.zip_name is not None
    return claim.folder.path / claim.record.zip_name


def with_intake(config: Config, **changes: Any) -> Config:
    """The configuration with another intake."""
    return replace(config, intake=replace(config.intake, **changes))
