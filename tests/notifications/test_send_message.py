import json
import logging
import subprocess
import sys

import pytest

from presqt_daemon.notifications.send_message import (
    MAX_CAUSE,
    NO_LIBRARY,
    cause_from,
    problem_of_url,
    send,
    without_parts,
)
from tests.house.receivers import mail_server, web_server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:apprise")
"""Warnings of the library's own ways are its business."""

URL = "mailto://user%40x:s3cretPass@smtp.example.org:587/?to=boss@example.org&name=Robot"
PARTS = ("s3cretPass", "user@x", "user%40x", "smtp.example.org", "boss", "Robot", "587")


def record(level: int, text: str) -> logging.LogRecord:
    return logging.LogRecord("apprise", level, "", 0, text, (), None)


def test_a_cause_holds_no_part_of_the_address_in_any_form_or_case() -> None:
    told = [
        record(logging.DEBUG, f"POST {URL}"),
        record(logging.WARNING, f"cannot log in as USER@X with S3cretPass at {URL}"),
        record(logging.DEBUG, f"Socket Exception: [Errno 111] Connection refused ({URL})"),
    ]
    cause = cause_from(told, URL)
    assert not [part for part in PARTS if part.lower() in cause.lower()], cause
    assert "Connection refused" in cause
    assert len(cause) <= MAX_CAUSE


def test_what_stands_below_a_warning_is_taken_by_known_words_alone() -> None:
    below = "Max retries exceeded with url: /services/T0/B0/XyZsecret (Caused by timed out)"
    cause = cause_from(
        [record(logging.WARNING, "it failed."), record(logging.DEBUG, below)], "a://b"
    )
    assert cause == "it failed: timed out"


@pytest.mark.parametrize("url", ["json://h/tok3n", "tok3n", "x://%74ok3n", "slack://a/tok3n?q=1"])
def test_every_part_of_an_address_is_hidden(url: str) -> None:
    assert "tok3n" not in without_parts("at tok3n and TOK3N", url).lower()


def test_an_address_that_nobody_understands_is_no_error_of_ours() -> None:
    assert problem_of_url("nonsense://x") == "apprise does not understand it"
    assert problem_of_url("json://127.0.0.1") is None
    assert (
        send(["nonsense://x", ""], "t", "b")
        == [{"ok": False, "cause": "apprise does not understand it"}] * 2
    )


def test_one_message_reaches_mail_and_web_and_a_refusal_is_told() -> None:
    with mail_server() as mail, web_server() as web, web_server() as bad:
        bad.status = 500
        urls = [mail.url, f"json://127.0.0.1:{web.port}/", f"json://127.0.0.1:{bad.port}/"]
        results = send(urls, "Subject with ünicode", "one\ntwo <b>&amp;</b>\n")
        assert [result["ok"] for result in results] == [True, True, False]
        assert "error=500" in results[2]["cause"]
        assert mail.mails[0].subject == "Subject with ünicode"
        assert mail.mails[0].text.splitlines()[:2] == ["one", "two <b>&amp;</b>"]
        assert web.bodies[0]["message"].strip() == "one\ntwo <b>&amp;</b>"


def test_without_the_library_each_address_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert problem_of_url(URL) == NO_LIBRARY
    assert send([URL], "t", "b") == [{"ok": False, "cause": NO_LIBRARY}]


def test_as_a_program_it_answers_with_json_alone() -> None:
    given = json.dumps({"urls": ["nonsense://x"], "title": "t", "body": "b"})
    done = subprocess.run(
        [sys.executable, "-m", "presqt_daemon.notifications.send_message"],
        input=given, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["results"][0]["ok"] is False
