"""An operator's day on a cluster: each command does and says what it does with the local engine."""

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import LONG, Cluster, open_cluster
from tests.cluster.test_cluster import FILES, SLOW, assert_finished, assert_sent_once
from tests.cluster.test_scratch import runs_on
from tests.cluster.test_scratch import start as start_with_scratch
from tests.fakes.osf import OsfFake
from tests.house.house import wait_until

pytest.importorskip("distributed", reason="needs the extra dask")
pytestmark = [pytest.mark.full, pytest.mark.timeout(1200)]

OWN = re.compile(r"[0-9a-f]{8}(-[0-9a-f-]+)?|\d+(\.\d+)?|/\S+")
"""Tickets, figures and paths: of this run alone."""


@dataclass
class Day:
    """What an operator does, and what is told then."""

    cluster: Cluster
    told: list[tuple[str, ...]] = field(default_factory=list)

    def command(self, *words: str) -> None:
        """A command's exit code and words; progress tells a line a second: none of them twice."""
        said = self.cluster.house.run(*words, timeout=LONG)
        lines = OWN.sub("#", said.stdout).splitlines()
        # how far it was at each second, and the time left, is of this run alone
        once = [line for line, _ in itertools.groupby(lines) if "records made, " not in line]
        if words[0] == "prune":
            once = once[-1:]  # with a scratch disk no unpacked bag is left to be removed
        elif words[0] in {"verify", "report"}:
            once.sort()  # by tickets' numbers
        self.note(words[0], said.returncode, "\n".join(once), said.stderr)

    def note(self, *what: object) -> None:
        self.told.append(tuple(OWN.sub("#", str(one)).strip() for one in what))

    def note_status(self, name: str) -> None:
        info = self.info(name)
        keys = ("status", "status_code", "error_code", "stage", "waiting_for", "message")
        self.note(name, *(info[key] for key in keys))

    def info(self, name: str) -> dict[str, Any]:
        info = self.cluster.house.of(f"{name}.zip")
        assert info is not None
        return info

    def wait(self, name: str, holds: Callable[[dict[str, Any]], object], what: str) -> None:
        def found() -> bool:
            info = self.cluster.house.of(f"{name}.zip")
            return info is not None and bool(holds(info))

        wait_until(found, LONG, what=f"for {name} {what}: {self.cluster.infos()}")

    def wait_for_sending(self, name: str) -> None:
        self.wait(name, lambda info: info["upload_files_finished"] >= 2, "to be sent")

    def wait_for_end(self, name: str) -> None:
        self.wait(name, lambda info: info["status"] != "in_progress", "to end")
        self.note_status(name)


def live(cluster: Cluster) -> list[tuple[str, ...]]:
    """The day, and all that was told."""
    day, house = Day(cluster), cluster.house
    cluster.slow_down(SLOW)
    house.start()

    day.command("hold", "osf")
    cluster.drop("held", FILES)
    day.wait("held", lambda info: info["waiting_for"] == "hold", "to be on hold")
    day.note_status("held")
    day.command("status", day.info("held")["ticket_number"])
    day.command("status", "--held")
    assert cluster.creations() == 0
    day.command("resume", "osf")
    day.wait_for_sending("held")

    # a run that is on its way keeps what it has begun with
    house.configure(uploads={"retries": 3})
    day.command("reload")
    day.wait_for_end("held")

    cluster.drop("cancelled", FILES)
    day.wait_for_sending("cancelled")
    day.command("cancel", day.info("cancelled")["ticket_number"])
    day.wait_for_end("cancelled")
    assert day.info("cancelled")["upload_files_finished"] < FILES
    sent = len(cluster.puts())
    wait_until(lambda: cluster.stored() >= sent, LONG)
    back = house.root / "given back"
    back.mkdir()
    day.command("give-back", day.info("cancelled")["ticket_number"], str(back))
    assert len(list(back.glob("*.zip"))) == 1
    day.command("retry", day.info("cancelled")["ticket_number"])
    day.wait("cancelled", lambda info: info["status"] == "finished", "to be finished")
    day.note_status("cancelled")

    for name in ("held", "cancelled"):
        day.command("verify", day.info(name)["ticket_number"])
    day.command("verify", "--all")
    day.command("report", "--format", "csv")
    day.command("prune", "--dry-run")
    day.command("prepare-upgrade", "--wait")

    cluster.drop("stopped", FILES)
    day.wait_for_sending("stopped")
    day.note("stop", house.stop(seconds=LONG))
    day.note_status("stopped")
    # nobody works on it any more, on whatever host
    assert day.info("stopped")["host"] is None
    # what was on its way is at the target before the next start
    sent = len(cluster.puts())
    wait_until(lambda: cluster.stored() >= sent, LONG)
    house.start()
    day.wait_for_end("stopped")
    assert_finished(cluster.infos())
    assert_sent_once(cluster, 3, FILES)

    cluster.drop("pruned", FILES)
    day.wait_for_sending("pruned")
    ticket = day.info("pruned")["ticket_number"]
    day.command("cancel", ticket)
    day.wait_for_end("pruned")
    day.command("prune", "--unverified", ticket)
    day.command("retry", ticket)
    assert [path for path in house.uploads.glob("*/*") if path.is_dir()] == []
    return day.told


@contextlib.contextmanager
def open_local(root: Path) -> Iterator[Cluster]:
    """The same folders and target without a cluster."""
    root.mkdir()
    with OsfFake() as fake:
        cluster = Cluster(root, fake)
        try:
            cluster.house.configure(engine="local")
            yield cluster
        finally:
            cluster.end()


@pytest.fixture(scope="module")
def locally(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, ...]]:
    """The same day with the local engine."""
    with open_local(tmp_path_factory.mktemp("house") / "local") as cluster:
        cluster.house.configure(stop_grace="0s")
        return live(cluster)


@pytest.mark.parametrize("has_scratch", [False, True], ids=["", "scratch"])
def test_each_command_does_and_says_what_it_does_with_the_local_engine(
    has_scratch: bool, locally: list[tuple[str, ...]], tmp_path: Path
) -> None:
    with open_cluster(tmp_path) as cluster:
        cluster.house.configure(stop_grace="0s")
        for name in ("a", "b"):
            if has_scratch:
                start_with_scratch(cluster, name)
            else:
                cluster.start_host(name)
        assert live(cluster) == locally
        if has_scratch:
            assert [runs_on(cluster, name) for name in ("a", "b")] == [[], []]
