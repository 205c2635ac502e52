"""Whatever a service answers, an upload ends by name, in time, and tells no fixity that is not so.

The seed of a case is in its name; `pytest --full` runs about ten minutes of them.
"""

import time
from pathlib import Path

import pytest

from tests.targets.odd_answers import ALL_OVER, KINDS, in_time

SAMPLE = 25
BLOCK = 100
BLOCKS = 5
STALL_SECONDS = 120.0
"""The machine may be busy; an upload of three small files takes a fraction of a second."""

_real_sleep = time.sleep


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: _real_sleep(min(seconds, 0.001)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "block", [pytest.param(one, marks=pytest.mark.full if one else ()) for one in range(BLOCKS)]
)
def test_odd_answers_end_by_name_and_never_as_a_false_fixity(
    kind: str, block: int, tmp_path: Path, full: bool
) -> None:
    _assert_all_well(
        kind, range(block * BLOCK, block * BLOCK + (BLOCK if full else SAMPLE)), tmp_path
    )


@pytest.mark.parametrize("kind", KINDS)
def test_answers_whose_every_address_or_text_is_odd_end_by_name(
    kind: str, tmp_path: Path, full: bool
) -> None:
    _assert_all_well(kind, range(ALL_OVER, ALL_OVER + (3 * BLOCK if full else SAMPLE)), tmp_path)


def _assert_all_well(kind: str, seeds: range, place: Path) -> None:
    faults = []
    for seed in seeds:
        outcome = in_time(kind, seed, place, STALL_SECONDS)
        if outcome is None:
            faults.append(f"seed {seed}: it hangs")
        elif outcome.fault is not None:
            faults.append(f"seed {seed}: {outcome.fault} after {outcome.told[:3]}")
    assert not faults, "\n".join(faults)
