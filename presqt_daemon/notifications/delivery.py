"""One receiver is told once: by a process of its own, with its own time limit. Used by any thread.

What is secret reaches that process by its standard input alone. What comes back is who was told of
what, and why others were not.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import presqt_daemon
from presqt_daemon.notifications.addresses import NoAddressError, receiver_addresses
from presqt_daemon.notifications.events import Notification
from presqt_daemon.notifications.words import Message, message_from, trial_message
from presqt_daemon.receivers import ReceiverConfig
from presqt_daemon.safe_text import without_secrets
from presqt_daemon.schemas.json_values import text_from_time, tree_from_value
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import json_bytes
from presqt_daemon.system.host import host_name
from presqt_daemon.system.programs.command import CommandEnd, run_command
from presqt_daemon.tickets.store import Uploads

MODULE = "presqt_daemon.notifications.send_message"
COMMANDS_AT_ONCE = 50
"""Runs of a command in one turn, so that a reload or a stop is soon heard of."""

FAILURES_IN_A_ROW = 3
"""After so many a command is left alone for a while: it is not this or that event's fault."""

NETWORK_VARIABLES = (
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
)  # fmt: skip
"""What a program that asks others must know of the network here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What came of telling a receiver of a `Batch`.

    `ids` are the notifications that it has been told of, `cause` why the others were not (None:
    there are none), `failed` those that a command did not take. `done` are marks of the
    addresses that have got the message already.
    """

    ids: frozenset[str] = frozenset()
    cause: str | None = None
    failed: frozenset[str] = frozenset()
    done: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one receiver is to be told now. `done` as in `Delivered`, of an earlier try."""

    receiver: ReceiverConfig
    notifications: tuple[Notification, ...]
    lost: int = 0
    done: frozenset[str] = frozenset()


def deliver(
    batch: Batch, uploads: Uploads, environment: Mapping[str, str], is_stopped: Callable[[], bool]
) -> Delivered:
    """Tell a receiver; never raises for what a receiver is or does."""
    if batch.receiver.command:
        return _run_commands(batch, uploads, is_stopped)
    message = message_from(
        batch.notifications, host=host_name(), uploads=uploads.root, lost=batch.lost
    )
    return send_to(batch, message, environment, is_stopped)


def send_to(
    batch: Batch,
    message: Message,
    environment: Mapping[str, str],
    is_stopped: Callable[[], bool] = lambda: False,
) -> Delivered:
    """Send one message to every address of a receiver that has not got it yet."""
    try:
        urls = receiver_addresses(batch.receiver, environment)
    except NoAddressError as error:
        return Delivered(cause=str(error), done=batch.done)
    left = [url for url in urls if _mark(url) not in batch.done]
    end = _run_sender(left, message, batch.receiver.time_limit, environment, is_stopped)
    reach("notification-sent")
    done, causes = set(batch.done), []
    for number, (url, result) in enumerate(zip(left, _results(end, len(left)), strict=True)):
        if result.get("ok") is True:
            done.add(_mark(url))
        else:
            word = url.partition("://")[0][:20] if "://" in url else "no address"
            place = f"address {number + 1}, {word}: " if len(urls) > 1 else ""
            causes.append(f"{place}{result.get('cause')}")
    if causes:
        return Delivered(cause="; ".join(causes), done=frozenset(done))
    return Delivered(ids=frozenset(one.id for one in batch.notifications))


def run_trial(batch: Batch, now: datetime, environment: Mapping[str, str]) -> str | None:
    """Tell a receiver that it is told; why that was in vain, else None."""
    receiver, host = batch.receiver, host_name()
    if not receiver.command:
        return send_to(batch, trial_message(host, receiver.name), environment).cause
    event = {"id": "trial", "kind": "trial", "at": text_from_time(now), "about": receiver.name}
    return _run_once(receiver, {"event": event}, Path("/"), lambda: False)


def _run_once(
    receiver: ReceiverConfig, tree: dict[str, Any], folder: Path, is_stopped: Callable[[], bool]
) -> str | None:
    """Run a receiver's command for one event; why it did not take it, else None."""
    event = tree["event"]
    end = run_command(
        receiver.command,
        seconds=receiver.time_limit,
        given=json_bytes(tree),
        folder=folder,
        variables={"PRESQT_EVENT": event["kind"], "PRESQT_EVENT_ID": event["id"]},
        is_stopped=is_stopped,
    )
    if end.is_ok:
        return None
    said = "".join(f": {without_secrets(line)[:120]}" for line in end.lines()[-1:])
    return f"{Path(receiver.command[0]).name} {end.describe()}{said}"


def _run_sender(
    urls: Sequence[str],
    message: Message,
    seconds: float,
    environment: Mapping[str, str],
    is_stopped: Callable[[], bool],
) -> CommandEnd:
    given = {"urls": list(urls), "title": message.subject, "body": message.text}
    package = Path(presqt_daemon.__file__).parent.parent
    variables = {name: environment[name] for name in NETWORK_VARIABLES if name in environment}
    return run_command(
        [sys.executable, "-P", "-m", MODULE],
        seconds=seconds,
        given=json.dumps(given).encode(),
        variables={**variables, "PYTHONPATH": os.fspath(package)},
        is_stopped=is_stopped,
    )


def _results(end: CommandEnd, count: int) -> list[dict[str, Any]]:
    """What the sending process says of each address; its end, where it says nothing."""
    if end.is_ok:
        # warnings of a library may stand before it, on the other stream
        _, found, answer = end.output.rpartition(b'{"results": ')
        try:
            results = json.loads(answer[:-1]) if found else None
        except ValueError:
            results = None
        if isinstance(results, list) and len(results) == count:
            return [result if isinstance(result, dict) else {} for result in results]
    # what it printed is not shown: it may hold an address
    return [{"cause": f"the process that sends {end.describe()}"} for _ in range(count)]


def _run_commands(batch: Batch, uploads: Uploads, is_stopped: Callable[[], bool]) -> Delivered:
    receiver = batch.receiver
    told, failed, cause, in_a_row = set(), set(), None, 0
    for notification in batch.notifications[:COMMANDS_AT_ONCE]:
        tree = tree_for_command(notification, uploads)
        problem = _run_once(receiver, tree, uploads.root, is_stopped)
        reach("notification-sent")
        if problem is None:
            told.add(notification.id)
            in_a_row = 0
            continue
        failed.add(notification.id)
        cause, in_a_row = problem, in_a_row + 1
        if in_a_row >= FAILURES_IN_A_ROW or is_stopped():
            break
    return Delivered(ids=frozenset(told), cause=cause, failed=frozenset(failed))


def tree_for_command(notification: Notification, uploads: Uploads) -> dict[str, Any]:
    """What a command gets: the ticket's status as it is now, and the event below the key `event`.

    Of an event that is no ticket's the event alone.
    """
    event = tree_from_value(notification)
    if notification.ticket is None:
        return {"event": event}
    folder = uploads.folder(notification.ticket)
    event["process_info"] = os.fspath(folder.info)
    return {**folder.read_info_tree(), "event": event}


def _mark(url: str) -> str:
    """By which an address is known in memory without being kept."""
    return sha256(url.encode()).hexdigest()
