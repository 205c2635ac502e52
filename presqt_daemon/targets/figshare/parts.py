"""Figshare's upload service: a file goes there in parts, in any order, each as often as needed.

The service knows no tokens; whoever knows an upload's address may write to it, so the address is a
secret (docs.figshare.com, "Upload files").
"""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.base import Sending
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.multipart import FilePart, PartSender

LOCKED_SECONDS = 2.0
LOCKED_TRIES = 15
"""How often a part may be locked by a request that is dying, before the put begins anew."""

PART_SECONDS = 300.0
"""The service stores a part before it answers."""

_LOCKED = 409


def send_parts(
    http: Http, url: str, file: Sending, pool: Executor, wait: Callable[[float], None]
) -> None:
    """Send what the upload at this address lacks; several parts at once.

    `wait` returns when a locked part is to be tried again; it is told for how many seconds that may
    go on. Raises what the service says; what has arrived until then is not sent again by the next
    call.
    """
    sender = PartSender(http=http, expect=(200, _LOCKED), seconds=PART_SECONDS)
    for left in range(LOCKED_TRIES, 0, -1):
        statuses = sender.send_all(file, _missing_parts(http, url, file), pool)
        if _LOCKED not in statuses.values():
            return
        wait(left * LOCKED_SECONDS)
        http.heard()
    raise TargetFault(
        "target-unavailable",
        f"{http.target} keeps a part of {file.path} locked.",
        retryable=True,
        retry_after=LOCKED_SECONDS,
    )


def _missing_parts(http: Http, url: str, file: Sending) -> list[FilePart]:
    """Those that the service has not, of all that together are the file.

    Raises TargetFault `target-misbehaved`.
    """
    tree = http.ask("GET", url, doing=f"the parts of {file.path}").tree()
    try:
        found = [(_part_from(entry, url), entry["status"] == "COMPLETE") for entry in tree["parts"]]
    except (KeyError, TypeError, ValueError):
        found = []
    found.sort(key=lambda row: row[0].start)
    end = 0
    for part, _is_complete in found:
        end = end + part.size if part.start == end and part.size > 0 else -1
    if end != file.size:
        raise TargetFault(
            "target-misbehaved", f"The parts that {http.target} wants are not those of {file.path}."
        )
    return [part for part, is_complete in found if not is_complete]


def _part_from(entry: Any, url: str) -> FilePart:
    start, number = int(entry["startOffset"]), int(entry["partNo"])
    size = int(entry["endOffset"]) + 1 - start
    return FilePart(number=number, start=start, size=size, url=f"{url}/{number}")
