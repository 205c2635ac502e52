"""Figures for Prometheus of the daemon as a process."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.bags import bag_zip, drop
from tests.house.house import open_house, wait_until


def figure(path: Path, name: str, **labels: str) -> float | None:
    if not path.exists():
        return None
    for family in text_string_to_metric_families(path.read_text("utf-8")):
        for sample in family.samples:
            if sample.name == f"presqt_daemon_{name}" and sample.labels == labels:
                return sample.value
    return None


def test_figures_follow_what_happens_and_go_at_a_clean_stop(tmp_path: Path) -> None:
    path = tmp_path / "presqt.prom"
    targets = {
        "archive": {"type": "folder", "path": "archive"},
        "lab": {"type": "osf", "token_file": "token"},
    }
    with open_house(
        tmp_path, targets=targets, metrics={"textfile": str(path), "every": "200ms"}
    ) as house:
        house.start()
        drop(bag_zip(), house.inbox / "archive" / "one.zip")
        drop(b"no zip", house.inbox / "archive" / "two.zip")
        house.ended("one.zip")
        house.ended("two.zip")
        done = {"target": "archive", "state": "finished"}
        wait_until(lambda: figure(path, "tickets", **done) == 1, what="for figures")
        failed = {"target": "archive", "code": "not-a-zip"}
        wait_until(lambda: figure(path, "failed_tickets", **failed) == 1)
        assert figure(path, "target_up", target="archive") == 1
        # it has no token, and none of its drops go on
        wait_until(lambda: figure(path, "target_up", target="lab") == 0)
        assert figure(path, "target_on_hold", target="archive") == 0
        (house.control / "archive.hold").touch()
        wait_until(lambda: figure(path, "target_on_hold", target="archive") == 1)
        drop(bag_zip(), house.inbox / "archive" / "three.zip")
        held = {"target": "archive", "state": "hold"}
        wait_until(lambda: figure(path, "tickets", **held) == 1)
        assert (figure(path, "oldest_wait_seconds", target="archive") or 0) >= 0
        assert house.stop() == 0
        assert not path.exists()
