"""`check`: whether the daemon would find all that it needs, as a table."""

from presqt_daemon.cli.check_deposit import check_deposit
from presqt_daemon.cli.check_place import check_places
from presqt_daemon.cli.check_row import CheckRow, State
from presqt_daemon.cli.check_target import check_targets
from presqt_daemon.cli.context import Context
from presqt_daemon.cli.exits import Exit, Refusal
from presqt_daemon.cli.show import pen
from presqt_daemon.cli.text import shown
from presqt_daemon.config import Config
from presqt_daemon.settings.remarks import remarks_on
from presqt_daemon.upload.archive_disk import accept_archive


def accept(config: Config, name: str) -> None:
    """Take what lies in a folder target's place now for its archive. Raises Refusal."""
    target = config.targets.get(name)
    if target is None or target.type != "folder":
        folders = ", ".join(item.name for item in config.targets.values() if item.type == "folder")
        raise Refusal(
            f"there is no folder target {name!r}; there are: {folders or 'none'}", Exit.USAGE
        )
    try:
        accept_archive(target, config.mediafiles)
    except OSError as error:
        raise Refusal(
            f"the archive of {name} cannot be used: {error.strerror}", Exit.FAILED
        ) from None


def main(context: Context) -> int:
    """0 when nothing is wrong, 1 otherwise; warnings alone are 0."""
    config = context.config()
    file = context.file_in_use()
    where = "environment and --set, no file" if file is None else str(file.resolve())
    if context.options.accept is not None:
        accept(config, context.options.accept)
    remarks = [CheckRow("configuration", State.WARNING, text) for text in remarks_on(config)]
    rows = [
        CheckRow("configuration", State.OK, where),
        *remarks,
        *check_places(config),
        *check_targets(config, context.environment),
    ]
    if context.options.deposit is not None:
        rows += check_deposit(config, context.options.deposit, context.environment)
    cells = [(row.state.value, shown(row.what), shown(row.detail)) for row in rows]
    pen().print_table(("state", "what", "detail"), cells)
    return Exit.FAILED if any(row.state is State.WRONG for row in rows) else Exit.OK
