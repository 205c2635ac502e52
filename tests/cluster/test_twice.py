"""One ticket given to two hosts at once: one has it, the other leaves it alone."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from presqt_daemon.workers.runs.run import ELSEWHERE, RunKind
from tests.cluster.cluster import HERE, LONG, open_cluster
from tests.cluster.test_cluster import FILES, SLOW, assert_finished, assert_sent_once
from tests.house.house import wait_until

pytest.importorskip("distributed", reason="needs the extra dask")
pytestmark = pytest.mark.full

PROGRAM = Path(__file__).parent / "submit_twice.py"


def test_of_two_hosts_with_the_same_ticket_one_sends_and_the_other_says_whose_it_is(
    tmp_path: Path,
) -> None:
    with open_cluster(tmp_path) as cluster:
        cluster.slow_down(SLOW)
        cluster.house.start()
        cluster.drop("bag", FILES)
        # without a worker it waits, and without a daemon nobody else gives it out
        wait_until(lambda: any(i["waiting_for"] == "the engine" for i in cluster.infos()), LONG)
        cluster.house.stop(signal.SIGKILL)
        cluster.start_hosts("a", "b")
        (ticket,) = cluster.house.tickets()
        said = subprocess.run(
            [sys.executable, str(PROGRAM), str(tmp_path / "config.yaml"), ticket, "a", "b"],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(HERE)},
            timeout=LONG,
        )
        ends = {tuple(end) for end in json.loads(said.stdout)}
        assert ends == {(RunKind.OVER, None), (RunKind.PARKED, ELSEWHERE)}
        assert_finished(cluster.infos())
        assert_sent_once(cluster, 1, FILES)
        # nobody was there who could clean up after them
        assert list(cluster.house.uploads.rglob(".*")) == []
