"""The log is shared by inbox folder."""

import io
import logging
from collections.abc import Iterator

import pytest

from presqt_daemon.system.logs import (
    ROOT,
    LogShares,
    open_log,
    shared_log,
    tell_kept_back,
    ticket_log,
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stream(clock: Clock) -> Iterator[io.StringIO]:
    logger = logging.getLogger(ROOT)
    before = (logger.handlers[:], logger.level, logger.propagate)
    stream = io.StringIO()
    open_log(0, journal=True, stream=stream)
    logger.handlers[0].filters[:] = [LogShares(clock)]
    yield stream
    logger.handlers[:], logger.level, logger.propagate = before


def test_each_kind_and_folder_has_one_line_a_minute_with_a_count(
    stream: io.StringIO, clock: Clock
) -> None:
    for number in range(5000):
        shared_log("link", "lab", "t").warning("x%d is a link", number)
    shared_log("request", "lab").warning("y is a request")
    shared_log("link", "other").warning("other x0 is a link")
    shared_log("link", None).info("x0 in the inbox itself")
    tell_kept_back()
    assert stream.getvalue().splitlines() == [
        "<4>t x0 is a link",
        "<4>y is a request",
        "<4>other x0 is a link",
        "<6>x0 in the inbox itself",
    ]
    clock.now = 61.0
    tell_kept_back()
    tell_kept_back()
    assert stream.getvalue().splitlines()[4:] == ["<4>inbox/lab: link: 4999 more of this kind"]


def test_the_line_after_a_minute_tells_how_many_were_kept_back(
    stream: io.StringIO, clock: Clock
) -> None:
    for number in range(3):
        shared_log("link", "lab").warning("x%d", number)
    clock.now = 61.0
    shared_log("link", "lab").warning("x3")
    tell_kept_back(at_end=True)
    assert stream.getvalue() == "<4>x0\n<4>x3 (and 2 more of this kind before)\n"


def test_at_the_end_nothing_is_kept_back_in_silence(stream: io.StringIO, clock: Clock) -> None:
    for number in range(3):
        shared_log("failed", None).error("x%d", number)
    tell_kept_back(at_end=True)
    assert stream.getvalue() == "<3>x0\n<3>inbox: failed: 2 more of this kind\n"


def test_what_no_sender_causes_is_always_written(stream: io.StringIO, clock: Clock) -> None:
    for _ in range(3):
        ticket_log("t").info("finished")
        logging.getLogger(f"{ROOT}.daemon").info("ready")
    assert stream.getvalue().count("\n") == 6


def test_what_is_to_be_said_once_is_said_once_in_a_run(stream: io.StringIO, clock: Clock) -> None:
    for minute in range(3):
        clock.now = minute * 61.0
        shared_log("share", "lab", once=True).warning("the share keeps no modes")
        shared_log("share", "lab", once=True).warning("another share keeps no modes")
    tell_kept_back(at_end=True)
    assert stream.getvalue() == "<4>the share keeps no modes\n<4>another share keeps no modes\n"


def test_the_rows_of_a_trace_follow_its_line(stream: io.StringIO, clock: Clock) -> None:
    for _ in range(2):
        shared_log("bug", "lab", "t", trace="Traceback:\n  a\x1b").error("a bug")
    assert stream.getvalue() == "<3>t a bug\n    Traceback:\n      a\\x1b\n"
