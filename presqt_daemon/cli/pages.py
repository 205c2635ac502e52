"""`help`: a user's pages, and what else comes along with the program and is no code."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit, wrong_usage
from presqt_daemon.cli.command_line.parser import PROGRAM, build_parser
from presqt_daemon.cli.output.show import pen, print_text

TOPICS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "start": ("README.md", "what it is, the first bag, a service in a few lines"),
        "drops": ("presqt_daemon/inbox/README.md", "for senders: folders, options, cancel, retry"),
        "tickets": ("presqt_daemon/tickets/README.md", "the status file, failures, what is kept"),
        "bags": ("presqt_daemon/bagit/README.md", "what a valid bag is; programs that make zips"),
        "targets": ("presqt_daemon/targets/README.md", "each target: token, ids, sizes, limits"),
        "commands": ("presqt_daemon/cli/README.md", "every command, and exit codes"),
        "engines": ("presqt_daemon/workers/README.md", "more than one host: dask, what is shared"),
        "configuration": ("presqt_daemon/settings/README.md", "settings, tokens, limits and waits"),
        "notifications": (
            "presqt_daemon/notifications/README.md",
            "who is told what: mail, chat, a command, a sign of life",
        ),
        "service": ("systemd/README.md", "install, shares, backup, upgrade, moving, rights"),
        "house": ("presqt_daemon/README.md", "the code: one bag as data, how to change it"),
        "changes": ("CHANGELOG.md", "what is new"),
    }
)
"""Topic -> the page's path in a checkout, and what it tells."""

OTHER_WORDS: Mapping[str, str] = MappingProxyType(
    {"readme": "start", "mail": "notifications", "notify": "notifications",
     "receivers": "notifications", "inbox": "drops", "bagit": "bags", "systemd": "service",
     "config.yaml": "configuration", "settings": "configuration", "changelog": "changes"}
)  # fmt: skip

_PACKAGE = Path(__file__).parents[1]
_PLACES = (_PACKAGE / "shipped", _PACKAGE.parent)
"""Where the build puts what lies outside of the package, then a checkout.

In this order: a README.md beside an installed package may be anybody's.
"""


def main(context: Context) -> int:
    """0 when something was shown. Refusal 64 for a topic that is none."""
    asked: str | None = context.options.topic
    commands = build_parser()[1]
    if asked is None:
        width = max(map(len, TOPICS))
        print_text(
            [
                f"{PROGRAM} help TOPIC shows one of these pages:",
                "",
                *(f"  {name:<{width}}  {about}" for name, (_path, about) in TOPICS.items()),
                "",
                f"{PROGRAM} help COMMAND shows a command's options. Commands:",
                f"  {', '.join(commands)}",
            ]
        )
        return Exit.OK
    word = asked.lower()
    topic = OTHER_WORDS.get(word, word)
    if topic in TOPICS:
        pen().print_page(shipped(TOPICS[topic][0]))
        return Exit.OK
    if word in commands:
        commands[word].print_help()
        return Exit.OK
    likely = difflib.get_close_matches(word, (*TOPICS, *OTHER_WORDS, *commands), 1)
    meant = f"did you mean {likely[0]}?" if likely else f"topics: {', '.join(TOPICS)}"
    raise wrong_usage(f"there is no page about {asked}; {meant}")


def shipped(path: str) -> str:
    """A file's text by its path in a checkout. Refusal 74 where the installation lacks it."""
    for place in _PLACES:
        if (place / path).is_file():
            return (place / path).read_text(encoding="utf-8")
    raise CommandRefusal(
        f"{path} is missing in this installation; install the program again", Exit.FILES
    )
