"""What statuses and headers mean, as values."""

from collections.abc import Mapping
from email.utils import formatdate

import pytest
from requests.structures import CaseInsensitiveDict

from presqt_daemon.errors import PresqtError, TargetFault, UserFault
from presqt_daemon.targets.web.answers import (
    LONGEST_WAIT,
    Answer,
    fault_from_answer,
    message_in,
    wait_from_headers,
    words_of,
)

NOW = 1_800_000_000.0


def wait(**headers: str) -> float | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return wait_from_headers(CaseInsensitiveDict(named), NOW)


def fault(
    status: int, headers: Mapping[str, str] | None = None, said: str | None = None
) -> PresqtError:
    return fault_from_answer(
        status, CaseInsensitiveDict(headers or {}), said, target="osf", doing="a put", now=NOW
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("0", 1.0),
        ("0.2", 1.0),
        ("-3", 1.0),
        (str(int(NOW) + 90), 90.0),
        (str(int(NOW) - 90), 1.0),
        (str(int(NOW) * 1000 + 5000), 5.0),
        ("86400", LONGEST_WAIT),
        ("99999999999999", LONGEST_WAIT),
        ("9" * 400, None),
        ("1e300", LONGEST_WAIT),
        (formatdate(NOW + 30, usegmt=True), 30.0),
        (formatdate(NOW + 30, usegmt=True).removesuffix(" GMT"), 30.0),
        (formatdate(NOW - 30, usegmt=True), 1.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("soon", None),
        ("", None),
        ("inf", None),
        ("nan", None),
        ("Fri, 99 Foo 2026 00:00:00 GMT", None),
    ],
)
def test_the_wait_may_be_seconds_a_date_or_an_epoch(text: str, seconds: float | None) -> None:
    assert wait(retry_after=text) == seconds


@pytest.mark.parametrize("prefix", ["X-RateLimit", "RateLimit"])
def test_the_reset_counts_only_when_nothing_remains(prefix: str) -> None:
    reset = {f"{prefix}-Reset": str(int(NOW) + 60)}
    assert wait_from_headers({**reset, f"{prefix}-Remaining": "1"}, NOW) is None
    assert wait_from_headers({**reset, f"{prefix}-Remaining": "0"}, NOW) == 60.0
    both = {**reset, f"{prefix}-Remaining": "0", "Retry-After": "5"}
    assert wait_from_headers(both, NOW) == 5.0
    late = {f"{prefix}-Reset": str(int(NOW) * 1000 + 60_000), f"{prefix}-Remaining": "0"}
    assert wait_from_headers(late, NOW) == 60.0
    unreadable = {**reset, f"{prefix}-Remaining": "0", "Retry-After": "later"}
    assert wait_from_headers(unreadable, NOW) == 60.0


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "resource-not-found"),
        (410, "resource-gone"),
        (413, "too-large"),
    ],
)
def test_what_the_sender_or_the_operator_must_change(status: int, code: str) -> None:
    error = fault(status)
    assert isinstance(error, UserFault)
    assert (error.code, error.status_code, error.retryable) == (code, status, False)


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 520, 530])
def test_what_may_pass_is_retryable_and_its_outcome_open_from_500(status: int) -> None:
    error = fault(status, {"Retry-After": "9"})
    assert isinstance(error, TargetFault)
    assert error.code == "target-unavailable"
    assert error.retryable
    assert error.retry_after == 9.0
    assert error.outcome_unknown is (status >= 500)


@pytest.mark.parametrize("status", [400, 405, 411, 415, 422, 501, 505, 531])
def test_what_will_not_pass_is_not_retried(status: int) -> None:
    error = fault(status, said="  No such field.  ")
    assert isinstance(error, TargetFault)
    assert (error.code, error.retryable) == ("target-refused", False)
    assert error.message == f"osf answered {status} to a put: No such field."


def test_a_conflict_is_retried_and_told_in_the_targets_words() -> None:
    error = fault(409, said="Another request is under way")
    assert (error.code, error.retryable) == ("target-refused", True)
    assert error.message == "osf answered 409 to a put: Another request is under way."


def test_no_space_at_the_target_is_said_and_not_retried() -> None:
    assert (fault(507).code, fault(507).retryable) == ("target-full", False)


@pytest.mark.parametrize("status", [400, 403, 409, 413, 422])
@pytest.mark.parametrize(
    "said",
    [
        "Not enough quota",
        "Bucket quota exceeded",
        "Repository size limit exceeded",
        "Your push would exceed the allocated storage for your project.",
        "You have used up your storage space",
    ],
)
def test_no_room_is_told_as_that_whatever_status_a_service_gives_it(status: int, said: str) -> None:
    assert fault(status, said=said).code == "target-full"
    assert said.rstrip(".") in fault(status, said=said).message


def test_a_file_that_is_too_large_is_no_full_target() -> None:
    said = "File big.bin is 123 MB; this exceeds GitHub's file size limit of 100.00 MB"
    assert fault(413, said=said).code == "too-large"


@pytest.mark.parametrize("status", [200, 204, 304])
def test_an_unexpected_success_is_a_misbehaviour(status: int) -> None:
    assert fault(status).code == "target-misbehaved"


def test_a_rate_limit_has_a_time_even_when_the_target_names_none() -> None:
    error = fault(429)
    assert (error.code, error.status_code, error.retryable) == ("rate-limited", 429, True)
    assert error.retry_after == 60.0
    assert fault(429, {"Retry-After": "3"}).retry_after == 3.0
    assert fault(429, {"Retry-After": "0"}).retry_after == 1.0


@pytest.mark.parametrize("headers", [{"Retry-After": "30"}, {"X-RateLimit-Remaining": "0"}])
def test_a_refusal_with_a_rate_limit_is_one(headers: dict[str, str]) -> None:
    assert fault(403, headers).code == "rate-limited"
    assert fault(403, {"X-RateLimit-Remaining": "12"}).code == "forbidden"


def test_a_bad_token_is_said_in_presqts_words_and_in_the_targets() -> None:
    assert fault(401).message == (
        "Token is invalid. Response returned a 401 status code. (target osf)."
    )
    assert fault(401, said="Token is expired.").message == (
        "Token is invalid. Response returned a 401 status code. (target osf: Token is expired.)."
    )


@pytest.mark.parametrize("status", [407, 511])
def test_a_proxys_own_sign_in_is_not_the_senders_to_mend(status: int) -> None:
    error = fault(status)
    assert (error.code, error.retryable) == ("target-unavailable", True)
    assert "sign-in" in error.message


def test_a_body_that_is_too_large_comes_with_the_setting_that_can_help() -> None:
    assert "client_max_body_size" in fault(413).message


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("application/json", b'{"message": "No."}', "No."),
        ("application/json", b'{"error": "invalid", "error_description": "Expired."}', "Expired."),
        ("application/json", b'{"message": {"a": 1}}', None),
        ("application/json", b"[1]", None),
        ("text/plain; charset=utf-8", b"default backend\n - 404 ", "default backend - 404"),
        ("text/html", b"<html>No.</html>", None),
        ("", b"", None),
    ],
)
def test_the_targets_words_are_found_wherever_it_puts_them(
    kind: str, content: bytes, words: str | None
) -> None:
    headers = CaseInsensitiveDict({"Content-Type": kind})
    answer = Answer(status=400, headers=headers, content=content, url="http://x", target="x")
    assert words_of(answer, message_in) == words


def test_long_words_are_cut() -> None:
    assert len(fault(422, said="x" * 9999).message) < 400
