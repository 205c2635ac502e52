from itertools import permutations

import pytest

from presqt_daemon.tickets.verdict import Verdict, verdict, worst
from tests.tickets.infos import infos_of_every_kind

EXPECTED = {
    "taken": 3,
    "taken without a target": 3,
    "sending": 3,
    "waiting": 3,
    "verified": 0,
    "failed fixity": 2,
    "unverified": 2,
    "ignored different": 2,
    "refused": 1,
    "target down": 1,
    "ours": 1,
}


@pytest.mark.parametrize(("kind", "code"), EXPECTED.items())
def test_every_state_has_its_number(kind: str, code: int) -> None:
    assert verdict(infos_of_every_kind()[kind]) == code


def test_the_worst_is_a_failure_then_an_open_ticket_then_a_difference() -> None:
    for some in permutations(Verdict):
        assert worst(some) is Verdict.FAILED
    assert worst([Verdict.DIFFERS, Verdict.OPEN, Verdict.VERIFIED]) is Verdict.OPEN
    assert worst([Verdict.VERIFIED, Verdict.DIFFERS]) is Verdict.DIFFERS
    assert worst([]) is Verdict.VERIFIED
