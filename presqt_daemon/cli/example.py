"""`config example`, `config schema`: what may be configured, as this version knows it."""

import importlib.resources
from pathlib import Path

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import Exit
from presqt_daemon.cli.output.show import print_lines
from presqt_daemon.settings.example import example
from presqt_daemon.settings.schema import text_from_schema


def main(context: Context) -> int:
    """Always 0."""
    wants_schema = context.options.what == "schema"
    text = text_from_schema() if wants_schema else example(schema_place())
    print_lines(text.rstrip("\n").split("\n"))
    return Exit.OK


def schema_place() -> str:
    """Where an editor finds the schema of this installation."""
    schemas = importlib.resources.files("presqt_daemon.schemas")
    return Path(str(schemas.joinpath("config.json"))).as_uri()
