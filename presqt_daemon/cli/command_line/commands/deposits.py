"""What senders and operators do with deposits: drop, look, wait, ask for something, hold."""

from pathlib import Path

from presqt_daemon.cli.command_line.command import (
    EXITS_OF_REQUEST,
    EXITS_OF_TICKET,
    TICKET_HELP,
    Command,
    flag,
    number,
    option,
    seconds,
    since,
)
from presqt_daemon.cli.command_line.exits import Exit

_OF_MANY = (
    option("ticket", "TICKET", TICKET_HELP, nargs="?"),
    flag("--all", "all of them; the rest narrows it down"),
    option("--target", "NAME", "with --all: of this target"),
    option("--since", "D", "with --all: dropped since, such as 2d or a date", type=since),
    flag("--yes", "with --all: do not ask"),
)
_WANTED = (
    option(
        "wanted",
        "TARGET|TICKET",
        "a target's name, or a ticket (number, drop, note); none: everything",
        nargs="?",
    ),
)

DEPOSITS = (
    Command(
        name="submit",
        module="submit",
        summary="drop a bag zip, or a folder, for a target",
        options=(
            option("path", "PATH", "a zip, or a folder", type=Path),
            option("--target", "NAME", "needed unless there is a default target"),
            option("--resource-id", "ID", "an existing container at the target"),
            option(
                "--duplicates",
                None,
                "what becomes of files that are there already",
                choices=("ignore", "update"),
            ),
            option("--title", "T", "of a new top-level resource"),
            flag("--wait", "wait until the ticket has ended"),
        ),
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
        options=(
            option("ticket", "TICKET|FILE", TICKET_HELP, nargs="?"),
            flag("--json", "print one JSON document"),
            flag("--watch", "follow what changes"),
            flag("--failed", "tickets that have failed", dest="is_failed"),
            flag("--open", "tickets that have not ended", dest="is_open"),
            flag("--held", "open tickets that wait for more than their turn", dest="is_held"),
            flag("--finished", "tickets that have finished", dest="is_finished"),
            option("--target", "T", "tickets of this target"),
            option("--since", "D", "taken since, 2d or 2026-01-31", type=since),
            option(
                "--sort",
                None,
                "newest first, largest...",
                choices=("age", "size", "target"),
                default="age",
            ),
            option("-n", "N", "so many at most", type=number, dest="most"),
            flag("--targets", "the targets: up, down, in use"),
            flag("--workers", "which host works on what; an engine's hosts"),
        ),
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
        module="status",
        summary="wait until a ticket has ended",
        options=(
            option("ticket", "TICKET", TICKET_HELP),
            option("--timeout", "T", "such as 10m", type=seconds),
        ),
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
        options=_OF_MANY,
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
        options=(
            *_OF_MANY,
            option("--code", "CODE", "with --all: that failed so, such as 401 or out-of-space"),
        ),
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
        options=(
            option("zip", "ZIP", "a zipped bag", type=Path),
            flag("--json", "print JSON"),
        ),
        examples=(
            ("validate thesis.zip", "all that is wrong with it, and what to do"),
            ("validate thesis.zip --json", "the same for a program"),
        ),
        exits={Exit.OK: "valid", Exit.FAILED: "not valid, or refused"},
    ),
    Command(
        name="hold",
        module="hold",
        summary="take and stage drops, and send nothing new, until resume",
        options=_WANTED,
        examples=(
            ("hold zenodo", "send nothing to this target, whatever restarts meanwhile"),
            ("hold 1b9d6bcd", "keep one ticket back"),
            ("hold", "send nothing at all"),
        ),
        exits={
            Exit.OK: "on hold, now or before",
            Exit.UNKNOWN_TICKET: "there is no such target or ticket",
            Exit.NOT_POSSIBLE: "the ticket has ended, or the drop has none yet",
        },
    ),
    Command(
        name="resume",
        module="hold",
        summary="end a hold; what was kept back goes in its order",
        options=_WANTED,
        examples=(
            ("resume zenodo", "end the hold of this target"),
            ("resume", "end the hold of everything; others stay and are named"),
        ),
        exits={
            Exit.OK: "not on hold any more, or was not",
            Exit.UNKNOWN_TICKET: "there is no such target or ticket",
            Exit.NOT_POSSIBLE: "the drop has no ticket yet",
        },
    ),
    Command(
        name="give-back",
        module="give_back",
        summary="copy a rejected drop's zip out for its sender; the ticket keeps its own",
        options=(
            option("ticket", "TICKET", TICKET_HELP),
            option("folder", "DIR", "where to; none: this folder", nargs="?", type=Path),
        ),
        examples=(("give-back thesis.zip /home/anna", "whole, read back, replacing nothing"),),
        exits={
            Exit.OK: "the copy is there and right",
            Exit.UNKNOWN_TICKET: "there is no such ticket",
            Exit.NOT_POSSIBLE: "it did not fail, its zip is gone, or the name is taken there",
        },
    ),
)
