"""What operators do with many deposits at once, or for a sender: hold, give back."""

import argparse
from pathlib import Path

from presqt_daemon.cli.command_line.command import TICKET_HELP, Command
from presqt_daemon.cli.command_line.exits import Exit


def _wanted(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "wanted",
        nargs="?",
        metavar="TARGET|TICKET",
        help="a target's name, or a ticket (number, drop, note); none: everything",
    )


def _give_back(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ticket", metavar="TICKET", help=TICKET_HELP)
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="DIR", help="where to; none: this folder"
    )


BULK = (
    Command(
        name="hold",
        module="operator.hold",
        summary="take and stage drops, and send nothing new, until resume",
        options=_wanted,
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
        module="operator.hold",
        summary="end a hold; what was kept back goes in its order",
        options=_wanted,
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
        module="operator.give_back",
        summary="copy a rejected drop's zip out for its sender; the ticket keeps its own",
        options=_give_back,
        examples=(("give-back thesis.zip /home/anna", "whole, read back, replacing nothing"),),
        exits={
            Exit.OK: "the copy is there and right",
            Exit.UNKNOWN_TICKET: "there is no such ticket",
            Exit.NOT_POSSIBLE: "it did not fail, its zip is gone, or the name is taken there",
        },
    ),
)
