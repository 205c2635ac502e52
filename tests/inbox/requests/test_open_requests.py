"""When a request counts as answered, for everything that may be going on with its ticket."""

import pytest

from presqt_daemon.inbox.answers.events import Request, RequestedAction
from presqt_daemon.inbox.requests.open_requests import OpenRequests

CANCEL, RETRY = RequestedAction.CANCEL, RequestedAction.RETRY


class Desk:
    """Tickets that are open, and what was done about them."""

    def __init__(self, *tickets: str) -> None:
        self.open = set(tickets)
        self.coming: set[str] = set()
        self.did: list[str] = []
        self.answered: list[RequestedAction] = []
        self.asked = OpenRequests(
            self.open.__contains__,
            self.coming.__contains__,
            lambda ticket: self.did.append(f"cancel {ticket}"),
            self.retry,
        )

    def retry(self, ticket: str) -> bool:
        self.did.append(f"retry {ticket}")
        return ticket not in self.open

    def ask(self, action: RequestedAction) -> None:
        self.asked.take(
            Request(ticket="t", action=action, answered=lambda: self.answered.append(action))
        )


def test_a_cancel_is_answered_when_the_end_is_written() -> None:
    desk = Desk("t")
    desk.ask(CANCEL)
    assert desk.answered == []
    desk.open.clear()
    desk.ask(CANCEL)
    assert desk.answered == []
    desk.asked.ended("other")
    desk.asked.ended("t")
    assert desk.answered == [CANCEL, CANCEL]


def test_a_retry_is_answered_when_the_ticket_is_open_again() -> None:
    desk = Desk()
    desk.ask(RETRY)
    assert desk.did == ["retry t"]
    assert desk.answered == []
    desk.open.add("t")
    desk.asked.opened("t")
    assert desk.answered == [RETRY]


@pytest.mark.parametrize(("action", "is_open"), [(CANCEL, False), (RETRY, True)])
def test_what_is_not_possible_is_answered_at_once(action: RequestedAction, is_open: bool) -> None:
    desk = Desk("t") if is_open else Desk()
    desk.ask(action)
    assert desk.answered == [action]


def test_a_cancel_that_overtakes_a_retry_counts() -> None:
    desk = Desk()
    desk.ask(RETRY)
    desk.ask(CANCEL)
    desk.open.add("t")
    desk.asked.opened("t")
    assert desk.did == ["retry t", "cancel t", "cancel t"]
    assert desk.answered == [RETRY]
    desk.asked.ended("t")
    assert desk.answered == [RETRY, CANCEL]


def test_a_retry_that_is_asked_while_a_cancel_is_under_way_is_refused() -> None:
    desk = Desk("t")
    desk.ask(CANCEL)
    desk.ask(RETRY)
    assert desk.answered == [RETRY]


def test_a_cancel_of_a_ticket_that_does_not_go_again_is_answered_with_the_retry() -> None:
    desk = Desk()
    desk.ask(RETRY)
    desk.ask(CANCEL)
    desk.asked.opened("t")
    assert desk.answered == [RETRY, CANCEL]


@pytest.mark.parametrize("action", list(RequestedAction))
def test_what_is_asked_of_a_ticket_that_is_about_to_open_waits_for_it(
    action: RequestedAction,
) -> None:
    desk = Desk()
    desk.coming.add("t")
    desk.ask(action)
    assert desk.did == []
    assert desk.answered == []
    desk.coming.clear()
    desk.open.add("t")
    desk.asked.opened("t")
    if action is CANCEL:
        assert desk.did == ["cancel t"]
        desk.asked.ended("t")
    assert desk.answered == [action]
