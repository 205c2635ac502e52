"""What senders and operators do with single deposits: drop, look, wait, ask for something."""

import argparse
from pathlib import Path

from presqt_daemon.cli.command_line.command import (
    EXITS_OF_REQUEST,
    EXITS_OF_TICKET,
    TICKET_HELP,
    Command,
    number,
    seconds,
    since,
)
from presqt_daemon.cli.command_line.exits import Exit


def _submit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="PATH", help="a zip, or a folder")
    parser.add_argument("--target", metavar="NAME", help="needed unless there is a default target")
    parser.add_argument("--resource-id", metavar="ID", help="an existing container at the target")
    parser.add_argument(
        "--duplicates",
        choices=("ignore", "update"),
        help="what becomes of files that are there already",
    )
    parser.add_argument("--title", metavar="T", help="of a new top-level resource")
    parser.add_argument("--wait", action="store_true", help="wait until the ticket has ended")


def _status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ticket", nargs="?", metavar="TICKET|FILE", help=TICKET_HELP)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--watch", action="store_true", help="follow what changes")
    for name, about in (
        ("failed", "tickets that have failed"),
        ("open", "tickets that have not ended"),
        ("held", "open tickets that wait for more than their turn"),
        ("finished", "tickets that have finished"),
    ):
        parser.add_argument(f"--{name}", action="store_true", dest=f"is_{name}", help=about)
    parser.add_argument("--target", metavar="T", help="tickets of this target")
    parser.add_argument("--since", type=since, metavar="D", help="taken since, 2d or 2026-01-31")
    parser.add_argument(
        "--sort", choices=("age", "size", "target"), default="age", help="newest first, largest..."
    )
    parser.add_argument("-n", type=number, dest="most", metavar="N", help="so many at most")
    parser.add_argument("--targets", action="store_true", help="the targets: up, down, in use")
    parser.add_argument(
        "--workers", action="store_true", help="which host works on what; an engine's hosts"
    )


def _wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ticket", metavar="TICKET", help=TICKET_HELP)
    parser.add_argument("--timeout", type=seconds, metavar="T", help="such as 10m")


def _tickets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ticket", nargs="?", metavar="TICKET", help=TICKET_HELP)
    parser.add_argument("--all", action="store_true", help="all of them; the rest narrows it down")
    parser.add_argument("--target", metavar="NAME", help="with --all: of this target")
    parser.add_argument(
        "--since", type=since, metavar="D", help="with --all: dropped since, such as 2d or a date"
    )
    parser.add_argument("--yes", action="store_true", help="with --all: do not ask")


def _cancel(parser: argparse.ArgumentParser) -> None:
    _tickets(parser)
    parser.set_defaults(code=None)


def _retry(parser: argparse.ArgumentParser) -> None:
    _tickets(parser)
    parser.add_argument(
        "--code", metavar="CODE", help="with --all: that failed so, such as 401 or out-of-space"
    )


def _validate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("zip", type=Path, metavar="ZIP", help="a zipped bag")
    parser.add_argument("--json", action="store_true", help="print JSON")


DEPOSITS = (
    Command(
        name="submit",
        module="submit",
        summary="drop a bag zip, or a folder, for a target",
        options=_submit,
        examples=(
            ("submit thesis.zip --target archive", "drop a zipped bag; its ticket is printed"),
            (
                'submit "Field notes" --target archive --wait',
                "bag and zip a folder, drop it, and follow it to its end",
            ),
            (
                "submit new.zip --target osf --resource-id abc12",
                "into a container that is there",
            ),
        ),
        exits={
            **EXITS_OF_TICKET,
            Exit.OK: "dropped; with --wait: finished, and every file matched",
            Exit.FAILED: "refused; with --wait: failed",
            Exit.BUSY: "with --wait: no daemon is running",
        },
    ),
    Command(
        name="status",
        module="status",
        summary="show one ticket, or a table of all",
        options=_status,
        examples=(
            ("status", "a table of all tickets, the newest first"),
            ("status thesis.zip", "the newest ticket of this drop"),
            ("status 1b9d6bcd --watch", "follow one ticket to its end"),
            ("status --failed --since 2d", "what failed in the last two days"),
            ("status --open --sort size -n 20 --watch", "the largest that go on, as they do"),
            ("status --targets", "which targets are up, down since when and why"),
            ("status --json", "every status as one JSON document"),
            ("status --workers", "which host works on what, and whether hosts of an engine can"),
        ),
        exits={**EXITS_OF_TICKET, Exit.OK: "the table; of a ticket: finished, every file matched"},
    ),
    Command(
        name="wait",
        module="wait",
        summary="wait until a ticket has ended",
        options=_wait,
        examples=(
            ("wait thesis.zip", "until it has ended, however long that takes"),
            ("wait 1b9d6bcd --timeout 10m && echo verified", "in a script"),
        ),
        exits=EXITS_OF_TICKET,
    ),
    Command(
        name="cancel",
        module="control",
        summary="ask for the end of a ticket",
        options=_cancel,
        examples=(
            ("cancel 1b9d6bcd", "its message says where something was left"),
            ("cancel --all --target osf", "all open ones of a target: listed, then asked"),
        ),
        exits=EXITS_OF_REQUEST,
    ),
    Command(
        name="retry",
        module="control",
        summary="ask for another run of a ticket",
        options=_retry,
        examples=(
            ("retry thesis.zip", "send what is missing of a failed ticket"),
            ("retry --all --code 401 --yes", "all that a token failed, once it is mended"),
            ("retry --all --target osf --since 2d", "listed first, then asked"),
        ),
        exits=EXITS_OF_REQUEST,
    ),
    Command(
        name="validate",
        module="validate",
        summary="check one zip as the daemon would, and upload nothing",
        options=_validate,
        examples=(
            ("validate thesis.zip", "all that is wrong with it, and what to do"),
            ("validate thesis.zip --json", "the same for a program"),
        ),
        exits={Exit.OK: "valid", Exit.FAILED: "not valid, or refused"},
    ),
)
