"""Whose trouble has ended a run: that of one file, or that of the whole target."""

from collections.abc import Callable
from pathlib import Path

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import PresqtError, TargetFault, UserFault
from presqt_daemon.model import PauseKind
from presqt_daemon.upload.calls.patience import MustWait
from tests.targets.memory import MemoryStore
from tests.upload.tickets import Supervisor, job_for, staged

REFUSED = UserFault("unauthorized", "Token is invalid.")
FORBIDDEN = UserFault("forbidden", "Permission denied.")
CONFLICT = TargetFault("target-refused", "409", retryable=True)
POISON = TargetFault("target-unavailable", "500: Oops", retryable=True, outcome_unknown=True)
NO_CONNECTION = TargetFault(
    "target-unavailable", "connection refused", retryable=True, is_outage=True
)
LIMITED = TargetFault("rate-limited", "slow down", retryable=True, retry_after=600)
MANY = 20


def send(store: MemoryStore, folder: Path) -> None:
    config = TargetConfig(name="memory", type="memory")
    Supervisor().send(job_for(folder, config), connect=store.connect)


def failing(put: Exception, account: Exception | None) -> MemoryStore:
    """Every put fails so; the account's question too, from the second time on."""
    answers: list[Exception | None] = [None, *([account] * MANY)]
    return MemoryStore(faults={"put": [put] * MANY, "account": answers})


@pytest.mark.parametrize("fault", [POISON, FORBIDDEN, UserFault("resource-not-found", "404")])
def test_one_file_that_the_target_does_not_take_is_that_tickets_trouble(
    tmp_path: Path, fault: PresqtError
) -> None:
    with pytest.raises(type(fault), match=fault.message):
        send(failing(fault, None), staged(tmp_path, {"P/a": b"a"}))


@pytest.mark.parametrize(
    "fault", [POISON, CONFLICT, FORBIDDEN, UserFault("resource-not-found", "404")]
)
def test_one_files_5xx_403_404_and_409_are_tried_as_often_as_was_configured(
    tmp_path: Path, fault: PresqtError
) -> None:
    store = failing(fault, None)
    with pytest.raises(type(fault)):
        send(store, staged(tmp_path, {"P/a": b"a"}))
    assert store.calls["put"] == 6


@pytest.mark.parametrize(
    ("put", "account", "kind"),
    [
        (POISON, POISON, PauseKind.OUTAGE),
        (POISON, LIMITED, PauseKind.LIMIT),
        (POISON, REFUSED, PauseKind.TOKEN),
        (POISON, ConnectionResetError(104, "reset"), PauseKind.OUTAGE),
        (FORBIDDEN, FORBIDDEN, PauseKind.TOKEN),
        (REFUSED, None, PauseKind.TOKEN),
        (NO_CONNECTION, None, PauseKind.OUTAGE),
        (LIMITED, None, PauseKind.LIMIT),
    ],
)
def test_what_no_other_ticket_would_fare_better_with_holds_the_target(
    tmp_path: Path, put: Exception, account: Exception | None, kind: PauseKind
) -> None:
    with pytest.raises(MustWait) as raised:
        send(failing(put, account), staged(tmp_path, {"P/a": b"a"}))
    assert raised.value.limited.kind is kind


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: REFUSED, PauseKind.TOKEN),
        (lambda: FORBIDDEN, PauseKind.TOKEN),
        (lambda: UserFault("resource-not-found", "the list"), PauseKind.TOKEN),
        (lambda: POISON, PauseKind.OUTAGE),
        (lambda: NO_CONNECTION, PauseKind.OUTAGE),
    ],
)
def test_an_account_question_that_is_refused_fails_no_ticket(
    tmp_path: Path, make: Callable[[], PresqtError], kind: PauseKind
) -> None:
    store = MemoryStore(faults={"account": [make()] * MANY})
    with pytest.raises(MustWait) as raised:
        send(store, staged(tmp_path))
    assert raised.value.limited.kind is kind
    assert store.rooms == {}
