import logging
import os
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.daemon.metrics import Metrics
from presqt_daemon.daemon.metrics.figures import Figures, ServiceFigures
from presqt_daemon.daemon.metrics.textfile import text_of
from presqt_daemon.receivers import MetricsConfig
from presqt_daemon.tickets.holds import Holds
from presqt_daemon.tickets.store import Uploads
from tests.daemon.metrics.test_figures import add
from tests.tickets.infos import finished_info

NASTY = 'odd "name"\\ with\nlines'
NOW = 1_800_000_000.0


def read(text: str) -> dict[tuple[str, ...], float]:
    """Each figure by its name and the values of its labels, in the order of their names."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            labels = tuple(value for _name, value in sorted(sample.labels.items()))
            found[sample.name.removeprefix("presqt_daemon_"), *labels] = sample.value
    return found


def sight() -> ServiceFigures:
    figures = Figures()
    figures.tickets["osf", "failed"] = 2
    figures.failures["osf", "out-of-space"] = 2
    figures.tickets[NASTY, "finished"] = 1
    figures.deposited["osf"] = 2**60
    figures.waits_since["osf"] = NOW - 90
    figures.last_success["osf"] = NOW - 7
    return ServiceFigures(
        now=NOW,
        figures=figures,
        targets={"osf": False, "archive": True},
        held=frozenset({"archive"}),
        free={"inbox": 10**12},
        untaken=3,
    )


def test_the_file_reads_back_as_what_was_seen() -> None:
    assert read(text_of(sight()).decode()) == {
        ("tickets", "failed", "osf"): 2,
        ("tickets", "finished", NASTY): 1,
        ("oldest_wait_seconds", "osf"): 90,
        ("oldest_wait_seconds", "archive"): 0,
        ("deposited_bytes", "osf"): 2**60,
        ("failed_tickets", "out-of-space", "osf"): 2,
        ("last_success_timestamp_seconds", "osf"): NOW - 7,
        ("target_up", "osf"): 0,
        ("target_up", "archive"): 1,
        ("target_on_hold", "osf"): 0,
        ("target_on_hold", "archive"): 1,
        ("free_bytes", "inbox"): 10**12,
        ("untaken_drops",): 3,
        ("written_timestamp_seconds",): NOW,
    }


@pytest.mark.full
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing (prometheus)")
def test_prometheus_own_tool_finds_nothing_to_say() -> None:
    ended = subprocess.run(
        ["promtool", "check", "metrics"], input=text_of(sight()), capture_output=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def metrics(root: Path, path: Path | None, holds: Holds | None = None) -> Metrics:
    (root / "inbox").mkdir(exist_ok=True)
    config = Config(
        inbox=root / "inbox",
        mediafiles=root,
        targets={name: TargetConfig(name=name) for name in ("archive", "osf")},
        metrics=MetricsConfig(textfile=path),
    )
    uploads = Uploads(root)
    uploads.root.mkdir(exist_ok=True)
    return Metrics(uploads, lambda: config, lambda: holds or Holds())


def test_it_is_replaced_as_a_whole_readable_for_all_and_gone_after_a_stop(tmp_path: Path) -> None:
    path = tmp_path / "out" / "presqt.prom"
    path.parent.mkdir()
    add(Uploads(tmp_path), finished_info())
    everything = Holds(everything=datetime.now(UTC))
    writer = metrics(tmp_path, path, everything)
    writer.write_file()
    first = path.stat()
    assert stat.S_IMODE(first.st_mode) == 0o644
    found = read(path.read_text("utf-8"))
    assert found["tickets", "finished", "archive"] == 1
    assert found["target_on_hold", "osf"] == 1
    assert found["free_bytes", "mediafiles"] > 0
    writer.write_file()
    assert path.stat().st_ino != first.st_ino
    assert os.listdir(path.parent) == ["presqt.prom"]
    writer.stop()
    assert os.listdir(path.parent) == []


def test_what_cannot_be_written_is_said_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = metrics(tmp_path, tmp_path / "nowhere" / "x.prom")
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            writer.write_file()
    assert [one.getMessage() for one in caplog.records] == [
        "metrics.textfile: No such file or directory"
    ]
    (tmp_path / "nowhere").mkdir()
    writer.write_file()
    assert (tmp_path / "nowhere" / "x.prom").exists()


def test_a_missing_library_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "presqt_daemon.daemon.metrics.textfile")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    metrics(tmp_path, tmp_path / "x.prom").write_file()
    assert "pip install 'presqt-daemon[metrics]'" in caplog.text
    assert not (tmp_path / "x.prom").exists()


def test_without_a_file_there_is_no_thread_and_nothing_is_loaded(tmp_path: Path) -> None:
    writer = metrics(tmp_path, None)
    writer.start()
    writer.write_file()
    assert writer._thread is None
    writer.stop()
