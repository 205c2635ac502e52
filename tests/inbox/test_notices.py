"""What senders can make the log say."""

import logging

import pytest

from presqt_daemon.inbox import notices
from presqt_daemon.inbox.notices import Notices
from presqt_daemon.inbox.places import Place

LAB, OTHER = Place(parts=("lab",)), Place(parts=("other",))


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def test_each_kind_and_folder_has_one_line_a_minute_with_a_count(
    lines: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    said = Notices(lambda: now[0])
    for number in range(5000):
        said.warn((LAB, f"x{number}"), f"x{number} is a link", "link")
    said.warn((LAB, "y"), "y is a request", "request")
    said.warn((OTHER, "x0"), "other x0 is a link", "link")
    said.flush()
    assert lines.messages == ["x0 is a link", "y is a request", "other x0 is a link"]
    now[0] = 61.0
    said.flush()
    said.flush()
    assert lines.messages[3:] == ["inbox/lab: link: 4999 more of this kind in the last minute"]


def test_the_same_cause_is_said_once_however_often_and_long_it_is_met(
    lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "MAX_CAUSES", 100)
    now = [0.0]
    said = Notices(lambda: now[0])
    for minute in range(10):
        now[0] = minute * 61.0
        for number in range(500):
            said.warn((LAB, f"x{number}"), "a link", "link")
        said.flush()
    assert len(lines.messages) == 2


def test_what_is_cleared_may_be_said_again(lines: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    said = Notices(lambda: now[0])
    said.warn(LAB, "it is gone", "folder")
    said.clear(LAB, "it is back")
    said.clear(LAB, "it is back")
    now[0] = 61.0
    said.warn(LAB, "it is gone", "folder")
    assert lines.messages == ["it is gone", "it is back", "it is gone"]
