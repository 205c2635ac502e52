"""What is done for deposits of the past: asked for again, recorded, let go."""

from presqt_daemon.cli.command_line.command import TICKET_HELP, Command, flag, option, since
from presqt_daemon.cli.command_line.exits import Exit

RECORDS = (
    Command(
        name="report",
        module="report.command",
        summary="tell what was deposited, by whom, how much, and what failed why",
        options=(
            option("--since", "DATE", "what ended since, such as 2026-01-01 or 365d", type=since),
            option(
                "--format",
                None,
                "a page, a table, or for a program; none: a page, on a terminal only the sums",
                choices=("html", "csv", "json"),
            ),
        ),
        examples=(
            ("report --since 2026-01-01 > report.html", "one page with two charts"),
            ("report --format csv > report.csv", "a line for each ticket"),
        ),
        exits={Exit.OK: "written, also when there was nothing"},
    ),
    Command(
        name="verify",
        module="verify",
        summary="ask targets again for their digests",
        one_of=(
            option("ticket", "TICKET", TICKET_HELP, nargs="?"),
            flag("--all", "every deposit there is"),
            option("--sample", "N", "so many deposits, by chance", type=int),
        ),
        examples=(
            ("verify 1b9d6bcd", "one deposit"),
            ("verify --sample 20", "twenty deposits by chance, every night"),
            ("verify --all", "every deposit that was ever made"),
        ),
        exits={
            Exit.OK: "all match",
            Exit.FAILED: "something could not be asked",
            Exit.DIFFERS: "something changed or is gone",
            Exit.UNKNOWN_TICKET: "there is no such ticket",
            Exit.NOT_POSSIBLE: "nothing of the ticket can be asked for",
        },
    ),
    Command(
        name="prune",
        module="prune",
        summary="remove what need not be kept any longer",
        options=(
            flag("--dry-run", "only list what would go"),
            option("--unverified", "TICKET", "remove this ended ticket's zip though not verified"),
            option(
                "--rejected-from",
                "FOLDER",
                "remove the zips of rejected drops of this inbox folder before their time",
            ),
        ),
        examples=(
            ("prune --dry-run", "what would go, and how much room that gives"),
            ("prune --rejected-from archive", "zips of rejected drops of one inbox folder"),
            ("prune --unverified 1b9d6bcd", "give up a zip that was never verified"),
        ),
        exits={
            Exit.OK: "done, also when nothing had to go",
            Exit.UNKNOWN_TICKET: "there is no such ticket",
            Exit.NOT_POSSIBLE: "the ticket has not ended, or has no record",
        },
    ),
    Command(
        name="prepare-upgrade",
        module="upgrade",
        summary="see to it that every past ticket has its record",
        options=(
            flag("--force", "again, after a run that has ended"),
            flag("--wait", "wait until it is complete"),
            flag("--json", "print JSON"),
        ),
        examples=(
            ("prepare-upgrade --wait", "ask the daemon for it, and follow it to its end"),
            ("prepare-upgrade --json", "how far it is, for a program"),
        ),
        exits={
            Exit.OK: "complete",
            Exit.FAILED: "some tickets could not get their record",
            Exit.IN_PROGRESS: "queued or running",
            Exit.NOT_POSSIBLE: "--force while one runs",
        },
    ),
)
