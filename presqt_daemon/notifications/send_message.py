"""The program that sends one message: a process of its own, which may hang, die or be ended.

On its standard input one JSON object: `urls`, `title`, `body`. On its standard output one:
`results`, for each address `{"ok": true}` or `{"ok": false, "cause": text}`, and nothing else.
Addresses reach it by no argument and no variable; no cause holds a part of one.
"""

import json
import logging
import re
import sys
from collections.abc import Iterable
from logging.handlers import BufferingHandler
from typing import Any
from urllib.parse import unquote

MAX_CAUSE = 200
MOST_LINES = 1000
"""Of the library's log for one address; it writes a few."""

NO_LIBRARY = "the library apprise is not installed: pip install 'presqt-daemon[notify]'"
_FROM_BELOW = re.compile(
    r"\[Errno -?\d+\] [A-Za-z ]+|Name or service not known|timed out|Connection refused"
    r"|certificate verify failed[a-z ]*|CERTIFICATE_VERIFY_FAILED|Connection reset by peer"
    r"|Network is unreachable|No route to host|Temporary failure in name resolution"
)
"""What is taken of the lines below a warning, which may hold the whole address."""

_SMTP_CODE = re.compile(r"\(?\b([45]\d\d), b'")


def main() -> int:
    """Send to each address; 0 when every one was asked, however it answered."""
    given = json.load(sys.stdin)
    answer = sys.stdout
    sys.stdout = sys.stderr  # what a library prints is no answer
    results = send(given["urls"], given["title"], given["body"])
    answer.write(json.dumps({"results": results}))
    answer.flush()
    return 0


def send(urls: Iterable[str], title: str, body: str) -> list[dict[str, Any]]:
    """What came of each address, in their order."""
    try:
        import apprise  # noqa: PLC0415  (an extra: it may be missing)
    except ImportError:
        return [{"ok": False, "cause": NO_LIBRARY} for _ in urls]
    kept = BufferingHandler(MOST_LINES)
    log = logging.getLogger("apprise")
    log.addHandler(kept)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    results: list[dict[str, Any]] = []
    for url in urls:
        kept.flush()
        cause = _send_one(apprise, url, title, body, kept)
        results.append({"ok": True} if cause is None else {"ok": False, "cause": cause})
    return results


def problem_of_url(url: str) -> str | None:
    """Why the library can do nothing with an address; None when it can. Nothing is sent."""
    try:
        import apprise  # noqa: PLC0415
    except ImportError:
        return NO_LIBRARY
    logging.getLogger("apprise").addHandler(logging.NullHandler())
    logging.getLogger("apprise").propagate = False
    try:
        known = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    except Exception as error:  # noqa: BLE001
        return f"apprise does not understand it ({type(error).__name__})"
    return None if known is not None else "apprise does not understand it"


def _send_one(apprise: Any, url: str, title: str, body: str, kept: BufferingHandler) -> str | None:
    try:
        service = apprise.Apprise()
        if not service.add(url):
            return "apprise does not understand it"
        if service.notify(title=title, body=body, body_format="text"):
            return None
    except Exception as error:  # noqa: BLE001  (a plug-in of a library: its bug is one failed message)
        return f"apprise failed ({type(error).__name__})"
    return cause_from(kept.buffer, url)


def cause_from(records: Iterable[logging.LogRecord], url: str) -> str:
    """Why an address was not told, as the library's log says, with no part of the address in it."""
    warning, below = "it was not taken", ""
    for record in records:
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            warning = text
        elif (found := _FROM_BELOW.search(text)) is not None:
            below = found.group()
        elif (code := _SMTP_CODE.search(text)) is not None:
            below = f"answer {code[1]}"
    cause = without_parts(warning, url)
    if below and below not in cause:
        cause = f"{cause.rstrip('. ')}: {without_parts(below, url)}"
    return " ".join(cause.split())[:MAX_CAUSE]


def without_parts(text: str, url: str) -> str:
    """The text with everything replaced that stands in the address, but for its first word."""
    rest = url.partition("://")[2] or url
    parts = set()
    for form in (rest, unquote(rest)):
        parts |= {form, *re.split(r"[/:@?&=#,;+]+", form)}
    for part in sorted((part for part in parts if len(part) >= 3), key=len, reverse=True):
        text = re.sub(re.escape(part), "***", text, flags=re.IGNORECASE)
    return text


if __name__ == "__main__":
    sys.exit(main())
