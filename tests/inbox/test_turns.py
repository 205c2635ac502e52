"""Whose turn it is where many drops wait."""

import logging
from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.inbox import candidates
from presqt_daemon.inbox.files.whole_file import mark_whole
from tests.bags import bag_zip, drop
from tests.inbox.running import Running, left_in, make_config, until

ZIP = bag_zip()
MANY = 40


class Newcomer(logging.Handler):
    """Moves one more drop in when the first is taken, in the midst of a scan.

    A scanner says in its log what it takes; it goes on when the newcomer's event has been told.
    """

    def __init__(self, daemon: Running, path: Path) -> None:
        super().__init__()
        self.daemon = daemon
        self.path = path
        self.taken: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "taken" not in record.getMessage():
            return
        self.taken.append(Path(record.getMessage()).name)
        if len(self.taken) == 1:
            scanner = self.daemon.inbox._scanners["osf"]
            path = drop(ZIP, self.path.with_name(".late"))
            with path.open("rb") as stream:
                mark_whole(stream.fileno())  # or it would have to lie still for a while
            path.rename(self.path)
            until(lambda: self.path.name in scanner._hints.get(self.path.parent, {}), "the event")


def order_of_taking(config: Config, folder: Path, caplog: pytest.LogCaptureFixture) -> list[str]:
    """The names of the drops as they are taken, when `late.zip` comes after the first."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(MANY):
        drop(ZIP, folder / f"early{number}.zip")
    daemon = Running(config)
    newcomer = Newcomer(daemon, folder / "late.zip")
    logger = logging.getLogger("presqt_daemon")
    logger.addHandler(newcomer)
    try:
        with caplog.at_level(logging.INFO, logger.name):
            daemon.inbox.start()
            daemon.claims(MANY + 1)
            daemon.settled()
    finally:
        daemon.inbox.stop()
        logger.removeHandler(newcomer)
    assert left_in(folder) == []
    return newcomer.taken


@pytest.mark.parametrize("container", [".", "abc12"])
def test_a_drop_moved_in_during_a_scan_passes_those_that_wait(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    container: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = make_config(tmp_path)
    monkeypatch.setattr(candidates, "_MAX_GROUP", 1)
    names = order_of_taking(config, config.inbox / "osf" / container, caplog)
    assert len(set(names)) == len(names) == MANY + 1
    assert names[1] == "late.zip"
