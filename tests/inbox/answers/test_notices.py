"""What senders can make the log say: each cause once, however long it lasts."""

import logging

import pytest

from presqt_daemon.inbox.answers import notices
from presqt_daemon.inbox.answers.notices import Notices
from presqt_daemon.inbox.files.places import InboxFolder
from presqt_daemon.system import logs

LAB, OTHER = InboxFolder(parts=("lab",)), InboxFolder(parts=("other",))


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is said, before the log is shared by folder."""
    logging.getLogger(logs.ROOT).propagate = True
    caplog.set_level(logging.INFO)
    return caplog


def test_the_same_cause_is_said_once_however_often_it_is_met(
    lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "MAX_CAUSES", 100)
    said = Notices()
    for _ in range(10):
        for number in range(500):
            said.warn((LAB, f"x{number}"), "a link", "link")
    assert len(lines.messages) == 100
    said.warn((OTHER, "x0"), "a link", "link")
    said.warn((LAB, "x0"), "a request", "request")
    assert lines.messages[100:] == ["a link"]


def test_what_is_cleared_may_be_said_again(lines: pytest.LogCaptureFixture) -> None:
    said = Notices()
    said.warn(LAB, "it is gone", "folder")
    said.clear(LAB, "it is back")
    said.clear(LAB, "it is back")
    said.warn(LAB, "it is gone", "folder")
    assert lines.messages == ["it is gone", "it is back", "it is gone"]


def test_a_folder_below_a_target_counts_as_the_targets_since_senders_make_any_number() -> None:
    assert InboxFolder(parts=("lab", "r1")).known_target == "lab"
    assert InboxFolder(parts=()).known_target is None
    assert InboxFolder(parts=("nosuch",), is_target=False).known_target is None
