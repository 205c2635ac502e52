"""What is written on tickets that a pause holds."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from presqt_daemon.model import PauseKind
from presqt_daemon.workers.held_targets import HeldTargets
from presqt_daemon.workers.queue.open_ticket import OpenTicket
from presqt_daemon.workers.queue.queue import TicketQueue
from presqt_daemon.workers.runs.pauses import Held
from presqt_daemon.workers.runs.run import Work

WALL = datetime(2026, 1, 2, tzinfo=UTC)


class Notes:
    """Takes what is to be written."""

    def __init__(self) -> None:
        self.seconds: list[float | None] = []

    def note(self, _ticket: str, _pause: object, seconds: float | None, _waited: float) -> None:
        self.seconds.append(seconds)


@pytest.mark.parametrize("is_past", [False, True])
def test_a_moment_that_has_passed_is_told_to_nobody_as_the_next_attempt(is_past: bool) -> None:
    agenda, notes = TicketQueue(), Notes()
    agenda.add(OpenTicket(ticket="one", work=Work.UPLOAD, target="archive", zip_bytes=1))
    agenda.pause(
        "archive",
        Held(kind=PauseKind.OUTAGE, cause="It is down.", waiting_for="the target"),
        asked_by="one",
        now=0.0,
        wall=WALL,
    )
    until = agenda.all_pauses()["archive"].until
    holding = HeldTargets(
        agenda=agenda,
        supervisor=cast("Any", None),
        note=notes.note,
        clock=lambda: 0.0,
        wall=lambda: WALL,
    )
    holding.write_note(until + 1.0 if is_past else 0.0)
    assert notes.seconds == [None if is_past else until]
