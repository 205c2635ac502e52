import pytest

from presqt_daemon.cli.tickets.turns import Turns
from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.base import Traits
from tests.targets.memory import MemoryStore

CONFIG = TargetConfig(name="memory", type="memory")


def test_a_rate_limit_is_waited_for_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    slept: list[float] = []
    faults: list[Exception] = [
        TargetFault("rate-limited", "Slow down.", retryable=True, retry_after=90)
    ]
    call = Turns(sleep=slept.append).of(CONFIG, MemoryStore().connect(CONFIG, None), 5)

    def request() -> str:
        if faults:
            raise faults.pop()
        return "answer"

    assert call(request) == "answer"
    assert sum(slept) == 90
    assert "Slow down. Waits " in capsys.readouterr().err


def test_a_target_that_does_not_answer_is_tried_again_and_every_long_wait_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slept: list[float] = []
    fault = TargetFault("target-unavailable", "It is down.", retryable=True, retry_after=7.0)
    faults = [fault, fault]
    call = Turns(sleep=slept.append).of(CONFIG, MemoryStore().connect(CONFIG, None), 5)

    def request() -> str:
        if faults:
            raise faults.pop()
        return "answer"

    assert call(request) == "answer"
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert all("Waits " in line and "It is down." in line for line in told)


def test_deposits_of_one_server_share_its_pace() -> None:
    now, slept = [0.0], [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    turns = Turns(sleep=sleep, clock=lambda: now[0])
    store = MemoryStore(traits=Traits(algorithms=("md5",), requests_per_minute=60))
    for _ in range(2):
        target = store.connect(CONFIG, None)
        target.turn = lambda: None  # type: ignore[attr-defined]
        turns.of(CONFIG, target, 5)
        for _ in range(30):
            target.turn()  # type: ignore[attr-defined]
    assert 55 < now[0] < 65
