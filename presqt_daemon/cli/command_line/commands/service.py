"""What is done for the service: running it, its configuration, and what is told about it."""

from pathlib import Path

from presqt_daemon.cli.command_line.command import Command, flag, option, seconds
from presqt_daemon.cli.command_line.exits import Exit

SERVICE = (
    Command(
        name="run",
        module="run",
        summary="run the daemon in the foreground",
        options=(
            flag("--once", "bring what is there to its end, then stop"),
            option(
                "--max-wait",
                "T",
                "with --once: leave tickets that must wait longer, such as 5m",
                type=seconds,
            ),
            flag("--standby", "where another daemon is active, wait and take over when it is gone"),
        ),
        examples=(
            ("--config config.yaml run", "until SIGTERM, or ^C"),
            ("run --once --max-wait 5m", "from a timer: what is there, then stop"),
        ),
        exits={
            Exit.OK: "a clean stop; with --once: every ticket finished, every file matched",
            Exit.FAILED: "with --once: a ticket failed",
            Exit.DIFFERS: "with --once: a file failed or lacks verification",
            Exit.IN_PROGRESS: "with --once: a ticket or drop must wait longer",
            Exit.FILES: "records of past tickets cannot be made, or a folder cannot be used",
            Exit.BUSY: "another instance holds these folders",
            Exit.CONFIG: "bad configuration, or files of a newer version",
        },
    ),
    Command(
        name="check",
        module="check.command",
        summary="check configuration, folders, rights, disk, limits, targets and receivers",
        options=(
            flag("--json", "print JSON"),
            option(
                "--deposit",
                "TARGET",
                "make a small private deposit there too, verify it and remove it",
            ),
            option(
                "--accept",
                "TARGET",
                "take what lies in this folder target's place now for its archive, on purpose",
            ),
            option(
                "--notify",
                "RECEIVER",
                "send a trial to this receiver, or to every one and the ping",
                nargs="?",
                const="",
            ),
        ),
        examples=(
            ("check", "would a drop get through? a line for each thing looked at"),
            ("check --deposit zenodo", "and a small private deposit, taken away again"),
            ("check --notify", "and a trial to every receiver"),
        ),
        exits={Exit.OK: "all is well", Exit.FAILED: "something is wrong"},
    ),
    Command(
        name="reload",
        module="configuration",
        summary="let the running daemon take over the configuration, and wait for its answer",
        examples=(("reload", "after config.yaml was changed"),),
        exits={
            Exit.OK: "taken over",
            Exit.BUSY: "no daemon is running, or it does not answer",
            Exit.CONFIG: "refused, and the old one stays",
        },
    ),
    Command(
        name="config",
        module="configuration",
        summary="show each value with its origin, check all, print an example or the schema",
        options=(
            option(
                "what",
                None,
                "what is configured, what is wrong with it, or what may be",
                choices=("show", "check", "example", "schema"),
            ),
            flag("--json", "with show: print JSON"),
        ),
        examples=(
            ("config show", "every value in force, and where it was set"),
            ("--set staging.workers=2 config show --json", "the same for a program"),
            ("--config new.yaml config check", "all that is wrong with a file, at once"),
            ("config example > config.yaml", "begin with every key and its default"),
        ),
        exits={Exit.OK: "printed; of check: the daemon would run with it"},
    ),
    Command(
        name="install",
        module="install",
        summary="write unit, users, folders and a first configuration (root)",
        options=(
            flag("--dry-run", "only say what would be done"),
            option(
                "--prefix",
                "DIR",
                "write below this folder, such as the root of an image; starts nothing",
                type=Path,
                default=Path("/"),
            ),
        ),
        examples=(
            ("install --dry-run", "what would be written where"),
            ("install", "write it; nothing of yours is replaced without a word"),
        ),
        exits={Exit.OK: "done, and `check` finds all well", Exit.FAILED: "something is wrong"},
    ),
    Command(
        name="completion",
        module="command_line.completing",
        summary="print what bash, zsh or fish reads to complete commands, targets and tickets",
        options=(option("shell", None, "whose script to print", choices=("bash", "zsh", "fish")),),
        examples=(
            ("completion bash", "what to put where is said below it"),
            ("completion fish > ~/.config/fish/completions/presqt-daemon.fish", "for yourself"),
        ),
        exits={Exit.OK: "printed"},
    ),
    Command(
        name="help",
        module="pages",
        summary="show a page about a topic, or a command's options",
        options=(option("topic", "TOPIC|COMMAND", "none: list them", nargs="?"),),
        examples=(
            ("help", "the topics"),
            ("help targets", "each target: token, ids, sizes, limits"),
        ),
        exits={Exit.OK: "shown"},
    ),
)
