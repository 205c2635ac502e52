"""Files that come along with the program and are no code: pages, unit, accounts and folders."""

from pathlib import Path

from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit

_PACKAGE = Path(__file__).parents[1]
_PLACES = (_PACKAGE / "shipped", _PACKAGE.parent)
"""Where the build puts what lies outside of the package, then a checkout.

In this order: a README.md beside an installed package may be anybody's.
"""


def shipped(path: str) -> str:
    """A file's text by its path in a checkout. Refusal 74 where the installation lacks it."""
    for place in _PLACES:
        if (place / path).is_file():
            return (place / path).read_text(encoding="utf-8")
    raise CommandRefusal(
        f"{path} is missing in this installation; install the program again", Exit.FILES
    )
