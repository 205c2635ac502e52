"""`report`: what was deposited, out of the records that every ended ticket has."""

import importlib
import sys
from datetime import UTC, datetime
from types import ModuleType

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import Exit, wrong_usage
from presqt_daemon.cli.output.show import complain, is_terminal, print_json, print_lines
from presqt_daemon.cli.report.deposits import read_deposits, summary_of
from presqt_daemon.cli.report.table import lines_of_summary, tree_of, without_record, write_csv
from presqt_daemon.tickets.store import Uploads


def main(context: Context) -> int:
    """0. Refusal 64 where the page is asked for and its library is missing. Raises OSError."""
    options = context.options
    config = context.config()
    form = options.format or ("text" if is_terminal() else "html")
    page = _page() if form == "html" else None
    found = read_deposits(Uploads(config.mediafiles), options.since)
    summary = summary_of(found.rows)
    if page is not None:
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        sys.stdout.writelines(page.page_of(found, summary, options.since, datetime.now(UTC)))
    elif form == "csv":
        sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
        write_csv(found.rows, sys.stdout)
    elif form == "json":
        print_json(tree_of(found, summary, options.since))
    else:
        print_lines(lines_of_summary(found, summary))
    if found.unrecorded and form == "csv":
        complain(f"{without_record(found)}; not among these")
    return Exit.OK


def _page() -> ModuleType:
    """The module that makes the page; its library is loaded only for that. Refusal 64."""
    try:
        return importlib.import_module("presqt_daemon.cli.report.page")
    except ModuleNotFoundError as error:
        if error.name != "pygal":
            raise
        raise wrong_usage(
            "the page needs the library pygal: pip install 'presqt-daemon[report]', "
            "or say --format csv or json"
        ) from None
