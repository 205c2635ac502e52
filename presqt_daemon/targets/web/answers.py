"""An HTTP answer and what it means: its JSON, a named error, a wait; nothing is asked here."""

import email.utils
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from typing import Any

from presqt_daemon.errors import PresqtError, TargetFault, UserFault
from presqt_daemon.system.untrusted_json import UntrustedJsonError, read_untrusted_json

TOKEN_INVALID = "Token is invalid. Response returned a 401 status code."  # noqa: S105
BODY_LIMIT_HINT = (
    "It, or a proxy before it, takes no request of that size; its operator can raise the limit "
    "(`client_max_body_size` in nginx, `LimitRequestBody` in Apache)."
)
RETRYABLE = frozenset({408, 423, 425, 500, 502, 503, 504, *range(520, 531)})
_FULL = re.compile(
    r"\bquota\b|\b(?:storage|disk) (?:limit|space)\b|exceed\w*\b.{0,80}\bstorage\b"
    r"|\brepository\b.{0,80}\b(?:size limit|limit of)\b",
    re.IGNORECASE,
)
"""No room in words: InvenioRDM and Figshare ("quota"), GitLab (its lib/gitlab/
repository_size_error_message.rb and its namespaces' storage messages); statuses vary."""

LEAST_WAIT = 1.0
"""Seconds; `Retry-After: 0` is what remains of a second (WaterButler tells whole ones)."""

LONGEST_WAIT = 3600.0
"""Seconds after which a limit is asked about again, whatever time the target names."""

_EPOCH_FROM = 1e9
_MILLISECONDS_FROM = 1e11
"""Larger numbers are epochs in milliseconds; as seconds they would lie 1,200 years ahead."""

_MAX_SAID = 300


class AnsweredObject(dict[str, Any]):
    """A JSON object of an answer: what is asked of it in brackets must be there.

    Raises TargetFault `target-misbehaved` for a key that it lacks.
    """

    __slots__ = ("_where",)

    def __init__(self, pairs: Any = (), where: str = "The target answered") -> None:
        # its own values in it, such as those that dataclasses.asdict makes, are made without words
        super().__init__(pairs)
        self._where = where

    def __missing__(self, key: str) -> Any:
        """Raise for the key, naming the target and the answer's status."""
        raise TargetFault("target-misbehaved", f"{self._where} without {key!r}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A finished answer; `headers` is case-insensitive."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str
    target: str

    def json(self) -> Any:
        """The JSON value. Raises TargetFault `target-misbehaved` when it is none."""
        try:
            where = f"{self.target} answered {self.status}"
            return read_untrusted_json(self.content, partial(AnsweredObject, where=where))
        except UntrustedJsonError as error:
            raise TargetFault(
                "target-misbehaved", f"{self.target} answered {self.status} with what {error}."
            ) from None

    def tree(self) -> dict[str, Any]:
        """The JSON object. Raises TargetFault `target-misbehaved` when it is none."""
        value = self.json()
        if not isinstance(value, dict):
            raise TargetFault(
                "target-misbehaved", f"{self.target} answered with JSON of an unexpected form."
            )
        return value


def words_of(answer: Answer, find: Callable[[Any], str | None]) -> str | None:
    """The target's own words in a refusal: what `find` sees in its JSON, or a line of plain text.

    None where it says nothing that a person could read.
    """
    try:
        tree = read_untrusted_json(answer.content)
    except UntrustedJsonError:
        if not (answer.headers.get("Content-Type") or "").startswith("text/plain"):
            return None
        text = answer.content[: 4 * _MAX_SAID].decode("utf-8", errors="replace")
        return " ".join(text.split())
    try:
        words = find(tree)
    except (TypeError, KeyError, IndexError, AttributeError):
        return None
    return str(words) if words else None


def message_in(tree: Any) -> str | None:
    """The sentence in most services' refusals."""
    if isinstance(tree, dict):
        for key in ("message", "error_description", "error", "detail", "reason"):
            if isinstance(tree.get(key), str):
                return str(tree[key])
    return None


def on_one_line(said: str) -> str:
    """A target's words, cut where they are very long."""
    return " ".join(said.split())[:_MAX_SAID]


def ended(sentence: str) -> str:
    """The sentence with a full stop, unless it has its end."""
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


def wait_from_headers(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait as the target asks for, None when it names no time.

    `headers` is case-insensitive; `now` is in seconds since the epoch. `Retry-After` may hold
    seconds, a date (RFC 9110 section 10.2.3) or, against the rules, an epoch, also one in
    milliseconds; the reset headers count only when nothing remains. From LEAST_WAIT to
    LONGEST_WAIT, whatever they hold.
    """
    text = headers.get("Retry-After")
    if text is not None and (seconds := _seconds(text, now)) is not None:
        return seconds
    for prefix in ("X-RateLimit", "RateLimit"):
        reset = headers.get(f"{prefix}-Reset")
        if headers.get(f"{prefix}-Remaining") == "0" and reset is not None:
            return _seconds(reset, now)
    return None


def fault_from_answer(
    status: int,
    headers: Mapping[str, str],
    said: str | None,
    *,
    target: str,
    doing: str,
    waits_everywhere: bool = False,
    now: float | None = None,
) -> PresqtError:
    """The error that a refused request stands for.

    `said` is the target's own words if it gave any; `doing` completes "The target X refused ...".
    `waits_everywhere`: the target puts `Retry-After` on every answer, so that it means something
    with 429 and 503 only (Zenodo).
    """
    moment = time.time() if now is None else now
    wait = wait_from_headers(headers, moment)
    words = f": {on_one_line(said)}" if said and said.strip() else ""
    text = f"{target} answered {status} to {doing}{words}"
    if status == 401:
        return UserFault("unauthorized", f"{TOKEN_INVALID} (target {target}{words}).")
    if waits_everywhere and status not in {429, 503}:
        wait = None
    is_limit = status == 403 and not waits_everywhere and is_rate_limited(headers, said)
    if status == 429 or is_limit:
        return TargetFault(
            "rate-limited", ended(text), retryable=True, retry_after=60.0 if wait is None else wait
        )
    if status in RETRYABLE:
        return TargetFault(
            "target-unavailable",
            ended(text),
            retryable=True,
            retry_after=wait,
            outcome_unknown=status >= 500,
        )
    if status in {400, 403, 409, 413, 422, 507} and _FULL.search(words):
        return TargetFault("target-full", f"{ended(text)} There is no room left at the target.")
    match status:
        case 407 | 511:
            # RFC 9110 section 15.5.8 and RFC 6585 section 6: the target was not reached
            return TargetFault(
                "target-unavailable",
                f"{text}: a proxy or network in between asks for a sign-in of its own.",
                retryable=True,
            )
        case 403:
            return UserFault(
                "forbidden", f"{ended(text)} User does not have access with the token provided."
            )
        case 404:
            return UserFault("resource-not-found", ended(text))
        case 409:
            # a conflict with what goes on there at this moment (RFC 9110 section 15.5.10)
            return TargetFault("target-refused", ended(text), retryable=True)
        case 410:
            return UserFault("resource-gone", "The requested resource is no longer available.")
        case 413:
            return UserFault("too-large", f"{ended(text)} {BODY_LIMIT_HINT}")
        case 507:
            return TargetFault("target-full", f"{text}: there is no space left at the target.")
        case _ if status < 400:
            return TargetFault("target-misbehaved", f"{text}, which was not expected.")
    return TargetFault("target-refused", ended(text))


def is_rate_limited(headers: Mapping[str, str], said: str | None = None) -> bool:
    """Whether a refusal is a rate limit in disguise; GitHub answers 403, even without a time."""
    if headers.get("Retry-After") is not None or headers.get("X-RateLimit-Remaining") == "0":
        return True
    return any(words in (said or "").lower() for words in ("rate limit", "abuse detection"))


def _seconds(text: str, now: float) -> float | None:
    try:
        number = float(text.strip())
    except ValueError:
        return _seconds_until(text, now)
    if not math.isfinite(number):
        return None
    if number > _MILLISECONDS_FROM:
        number /= 1000
    return _within_bounds(number - now if number > _EPOCH_FROM else number)


def _seconds_until(date: str, now: float) -> float | None:
    try:
        moment = email.utils.parsedate_to_datetime(date)
        # without a zone it would be taken for this machine's time
        zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return _within_bounds(zoned.timestamp() - now)
    except (ValueError, OverflowError, TypeError):
        return None


def _within_bounds(seconds: float) -> float:
    return min(max(LEAST_WAIT, seconds), LONGEST_WAIT)
