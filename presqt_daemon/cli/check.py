"""`check`: whether the daemon would find all that it needs, as a table."""

from presqt_daemon.cli.check_deposit import check_deposit
from presqt_daemon.cli.check_place import check_places
from presqt_daemon.cli.check_row import CheckRow, State
from presqt_daemon.cli.check_target import check_targets
from presqt_daemon.cli.context import Context
from presqt_daemon.cli.exits import Exit
from presqt_daemon.cli.show import pen
from presqt_daemon.cli.text import shown


def main(context: Context) -> int:
    """0 when nothing is wrong, 1 otherwise; warnings alone are 0."""
    config = context.config()
    file = CheckRow("configuration", State.OK, str(context.config_file().resolve()))
    rows = [file, *check_places(config), *check_targets(config, context.environment)]
    if context.options.deposit is not None:
        rows += check_deposit(config, context.options.deposit, context.environment)
    cells = [(row.state.value, shown(row.what), shown(row.detail)) for row in rows]
    pen().print_table(("state", "what", "detail"), cells)
    return Exit.FAILED if any(row.state is State.WRONG for row in rows) else Exit.OK
