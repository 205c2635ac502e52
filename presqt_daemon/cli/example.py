"""`config example`: the commented example of a configuration, as this version knows it."""

import importlib.resources
from pathlib import Path

from presqt_daemon.cli.context import Context
from presqt_daemon.cli.exits import Exit
from presqt_daemon.cli.show import print_lines
from presqt_daemon.settings.example import example


def main(_context: Context) -> int:
    """Always 0."""
    print_lines(example(schema_place()).rstrip("\n").split("\n"))
    return Exit.OK


def schema_place() -> str:
    """Where an editor finds the schema of this installation."""
    schemas = importlib.resources.files("presqt_daemon.schemas")
    return Path(str(schemas.joinpath("config.json"))).as_uri()
