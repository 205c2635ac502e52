"""Whatever a sender writes into side-car, labels or metadata, its drop ends by name and in time.

The seed of a case is in its message. A whole run (`--full`) has every odd value in every field
once, and those of a sender's choices at every type of target, beside another one by chance: 9,000
drops, ten minutes.
"""

import time
from itertools import chain
from pathlib import Path

import pytest

from tests.workers.processes.odd_deposits import KINDS, in_time
from tests.workers.processes.odd_drops import choices, odd_drop, singles

SAMPLE = 10
STALL_SECONDS = 120.0
"""The machine may be busy; a drop of some small files takes a tenth of a second."""

_real_sleep = time.sleep


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: _real_sleep(min(seconds, 0.001)))


@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("kind", KINDS)
def test_odd_drops_end_by_name_or_as_a_whole_deposit(kind: str, tmp_path: Path, full: bool) -> None:
    turn, first = KINDS.index(kind), len(choices())
    own = range(first + turn, first + len(singles()), len(KINDS))
    seeds = chain(range(first), own)
    if not full:
        seeds = chain(range(turn * SAMPLE, (turn + 1) * SAMPLE), own[:SAMPLE])
    faults = []
    for seed in seeds:
        outcome = in_time(kind, seed, tmp_path, STALL_SECONDS)
        if outcome is None or outcome.fault is not None:
            said = "it hangs" if outcome is None else outcome.fault
            faults.append(f"seed {seed}: {said} after {odd_drop(seed).told}")
    assert not faults, "\n".join(faults)
