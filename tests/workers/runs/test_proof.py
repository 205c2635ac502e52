"""What counts as a sign that a target serves again."""

import pytest

from presqt_daemon.messages import Alive, Opened, Progress, Report
from presqt_daemon.workers.runs.proof import PROOF_BYTES, Proof, Serves

OPENED = Opened(container_id="1", link=None, title="T")
BEGUN = Progress(bytes_done=PROOF_BYTES - 1, bytes_total=10**9, files_total=2)
MUCH = Progress(bytes_done=PROOF_BYTES, bytes_total=10**9, files_total=2)
ONE_FILE = Progress(bytes_done=1, bytes_total=10**9, files_done=1, files_total=2)


@pytest.mark.parametrize(
    ("reports", "is_told"),
    [
        ([OPENED, ONE_FILE], True),
        ([OPENED, MUCH], True),
        ([OPENED, ONE_FILE, MUCH], True),
        ([OPENED, BEGUN, Alive()], False),
        ([ONE_FILE, MUCH, OPENED], False),
    ],
)
def test_a_file_or_much_of_one_in_an_open_container_is_told_once(
    reports: list[Report], is_told: bool
) -> None:
    told: list[Serves] = []
    proof = Proof("t", told.append)
    for report in reports:
        proof.hear(report)
    assert told == [Serves("t")] * is_told
