import pytest

from presqt_daemon.cli.output.rows import Totals, state_text, ticket_row
from presqt_daemon.tickets.holds import ON_HOLD
from presqt_daemon.tickets.process_info import ProcessInfo
from tests.tickets.infos import (
    BEGAN,
    failed_info,
    finished_info,
    infos_of_every_kind,
    new_info,
    sending_info,
)


@pytest.mark.parametrize(
    ("info", "state"),
    [
        (new_info(), "waiting"),
        (new_info(function_process_id=7, job_percentage=12), "staging 12%"),
        (sending_info(), "sending 50%"),
        (sending_info(waiting_for="the target"), "waiting"),
        (sending_info(waiting_for=ON_HOLD), "on hold"),
        (failed_info(), "failed 400"),
        (finished_info(), "finished"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_state_is_one_word_and_a_figure(info: ProcessInfo, state: str) -> None:
    assert state_text(info) == state


@pytest.mark.parametrize("kind", infos_of_every_kind())
def test_no_state_is_longer_than_its_column(kind: str) -> None:
    row = ticket_row(infos_of_every_kind()[kind], BEGAN)
    assert len(row.state) <= 11
    assert len(row.age) <= 4


def test_a_ticket_that_has_changed_is_counted_anew_and_one_that_went_no_more() -> None:
    totals = Totals()
    first, second = sending_info(), finished_info()
    infos = {info.ticket_number: info for info in (first, second)}
    assert totals.line(infos) == "2 tickets: 1 at work, 1 finished (3.0 MB)"
    infos[first.ticket_number] = failed_info(ticket_number=first.ticket_number)
    assert totals.line(infos, 2) == "4 tickets: 1 finished (3.0 MB), 1 failed, 2 unreadable"
    del infos[second.ticket_number]
    assert totals.line(infos) == "1 ticket: 1 failed"
    assert totals.line({}) == "no tickets"


def test_a_ticket_at_work_has_a_share_and_no_other_has() -> None:
    assert ticket_row(sending_info(), BEGAN).share == 0.5
    for info in (new_info(), finished_info(), sending_info(waiting_for="a token")):
        assert ticket_row(info, BEGAN).share is None
