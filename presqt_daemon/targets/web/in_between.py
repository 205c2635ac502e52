"""Web pages where an API's answer belongs: a firewall's, a sign-in's, a maintenance page's.

Who asks for JSON and gets HTML has not reached the target's API, whatever the status says: such a
403 is no lack of rights, such a 404 no missing resource, such a 200 nothing that was stored.
"""

import html
import re
import time

from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.web.answers import Answer, wait_from_headers

_OWN_MEANING = frozenset({401, 407, 413, 429})
"""Statuses that mean the same whoever gives them: a token, a proxy's account, a size, a pace."""

_HEAD_BYTES = 4096
_BEGINNING = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml[^>]*+>\s*+|<!--(?:(?!-->).)*+-->\s*+)*+"
    rb"<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_TITLE = re.compile(r"<(title|h1)[^>]*>(.*?)</\1", re.IGNORECASE | re.DOTALL)
_LONGEST_TITLE = 100


def is_page_in_between(answer: Answer) -> bool:
    """Whether something in between has answered with a web page, whatever its status says.

    Judged by its bytes, since some services (those on Tornado) call everything `text/html`; by its
    type only where there are no bytes, as with HEAD.
    """
    if answer.status in _OWN_MEANING:
        return False
    if answer.content:
        return _BEGINNING.match(answer.content[:_HEAD_BYTES]) is not None
    length = answer.headers.get("Content-Length") or "0"
    kind = answer.headers.get("Content-Type") or ""
    return length != "0" and kind.lower().startswith("text/html")


def page_title(content: bytes) -> str:
    """What a page calls itself, in one line; empty where it says nothing."""
    text = content[: _HEAD_BYTES * 4].decode("utf-8", errors="replace")
    for _tag, inner in _TITLE.findall(text):
        words = " ".join(html.unescape(re.sub(r"<[^<>]*>", " ", inner)).split())
        if words and words.isprintable():
            return words[:_LONGEST_TITLE]
    return ""


def fault_from_page(answer: Answer, title: str, doing: str, *, is_safe: bool) -> TargetFault:
    """The error that a page stands for; `is_safe`: the request can have changed nothing."""
    called = f" with the title {title!r}" if title else ""
    return TargetFault(
        "target-unavailable",
        f"{answer.target} answered {answer.status} to {doing}, but with a web page{called}, "
        "which does not come from its API: something in between answers (a firewall, a proxy, a "
        "sign-in or a maintenance page), or the target's `url` is wrong.",
        retryable=True,
        retry_after=wait_from_headers(answer.headers, time.time()),
        outcome_unknown=not is_safe,
    )
