"""An HTTP answer and what it means: its JSON, a named error, a wait; nothing is asked here."""

import email.utils
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from presqt_daemon.errors import PresqtError, TargetFault, UserFault

TOKEN_INVALID = "Token is invalid. Response returned a 401 status code."  # noqa: S105
RETRYABLE = frozenset({408, 425, 500, 502, 503, 504, *range(520, 531)})
_EPOCH_FROM = 1e9
_MAX_SAID = 300


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
            return json.loads(self.content)
        except ValueError:
            raise TargetFault(
                "target-misbehaved",
                f"{self.target} answered {self.status} with something that is not JSON.",
            ) from None

    def tree(self) -> dict[str, Any]:
        """The JSON object. Raises TargetFault `target-misbehaved` when it is none."""
        value = self.json()
        if not isinstance(value, dict):
            raise TargetFault(
                "target-misbehaved", f"{self.target} answered with JSON of an unexpected form."
            )
        return value


def wait_from_headers(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait as the target asks for, None when it names no time.

    `headers` is case-insensitive; `now` is in seconds since the epoch. `Retry-After` may hold
    seconds, a date (RFC 9110 section 10.2.3) or, against the rules, an epoch; the reset headers
    count only when nothing remains.
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
    words = f": {said.strip()[:_MAX_SAID]}" if said and said.strip() else ""
    text = f"{target} answered {status} to {doing}{words}"
    if status == 401:
        return UserFault("unauthorized", f"{TOKEN_INVALID} (target {target}).")
    if waits_everywhere and status not in {429, 503}:
        wait = None
    is_limit = status == 403 and not waits_everywhere and is_rate_limited(headers, said)
    if status == 429 or is_limit:
        return TargetFault(
            "rate-limited", f"{text}.", retryable=True, retry_after=60.0 if wait is None else wait
        )
    if status in RETRYABLE:
        return TargetFault(
            "target-unavailable",
            f"{text}.",
            retryable=True,
            retry_after=wait,
            outcome_unknown=status >= 500,
        )
    match status:
        case 403:
            return UserFault(
                "forbidden", f"{text}. User does not have access with the token provided."
            )
        case 404:
            return UserFault("resource-not-found", f"{text}.")
        case 410:
            return UserFault("resource-gone", "The requested resource is no longer available.")
        case 413:
            return UserFault("too-large", f"{text}.")
        case 507:
            return TargetFault("target-full", f"{text}: there is no space left at the target.")
        case _ if status < 400:
            return TargetFault("target-misbehaved", f"{text}, which was not expected.")
    return TargetFault("target-refused", f"{text}.")


def is_rate_limited(headers: Mapping[str, str], said: str | None = None) -> bool:
    """Whether a refusal is a rate limit in disguise; GitHub answers 403, even without a time."""
    if headers.get("Retry-After") is not None or headers.get("X-RateLimit-Remaining") == "0":
        return True
    return "rate limit" in (said or "").lower()


def _seconds(text: str, now: float) -> float | None:
    try:
        number = float(text.strip())
    except ValueError:
        pass
    else:
        if not math.isfinite(number):
            return None
        return max(0.0, number - now if number > _EPOCH_FROM else number)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - now)
