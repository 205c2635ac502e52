"""A host that freezes as a whole between two steps of a run, and thaws when it is over."""

import signal
from pathlib import Path

import psutil
import pytest

from tests.cluster.cluster import LONG, open_cluster
from tests.cluster.test_cluster import FILES, assert_finished
from tests.house.house import wait_until

pytest.importorskip("distributed", reason="needs the extra dask")
pytestmark = [pytest.mark.full, pytest.mark.timeout(1200)]

MOMENTS = ("went-on", "receipt-written")


@pytest.mark.parametrize("moment", MOMENTS)
def test_whoever_thaws_after_its_ticket_went_on_elsewhere_changes_nothing(
    tmp_path: Path, moment: str
) -> None:
    with open_cluster(tmp_path) as cluster:
        frozen = cluster.start_host("a", TEST_FREEZE=moment)
        cluster.house.start()
        cluster.drop("bag", FILES)
        process = psutil.Process(frozen.process.pid)
        wait_until(lambda: process.status() == psutil.STATUS_STOPPED, LONG, what=f"for {moment}")
        before = cluster.infos()[0]["epoch"]
        cluster.start_host("b")
        assert_finished(cluster.wait_for_end(1))
        ended = cluster.infos()
        frozen.signal(signal.SIGCONT)
        wait_until(lambda: not frozen.is_at_work() or frozen.process.poll() is not None, LONG)
        cluster.drop("after", 3)
        assert_finished(cluster.wait_for_end(2))
        puts = cluster.puts()
        assert [path for path, times in puts.items() if times > 1] == []
        assert (len(puts), cluster.creations()) == (FILES + 3, 2)
        assert [info for info in cluster.infos() if info["source_file"] == "bag.zip"] == ended
        assert ended[0]["epoch"] >= before
