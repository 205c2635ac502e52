"""`status --workers`: which host has which ticket now."""

from presqt_daemon.cli.output.show import Row
from presqt_daemon.cli.output.text import shown
from presqt_daemon.cli.tickets.find import all_infos
from presqt_daemon.config import Config
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import Uploads

AT_WORK_COLUMNS = ("host", "process", "engine", "epoch", "ticket", "drop", "message")


def tickets_at_work(config: Config) -> list[ProcessInfo]:
    """The tickets that a worker has, by host, as their statuses say."""
    found = [
        info
        for _folder, info in all_infos(Uploads(config.mediafiles))
        if isinstance(info, ProcessInfo) and info.is_open and info.host is not None
    ]
    return sorted(found, key=lambda info: (info.host or "", info.received_at))


def row_at_work(info: ProcessInfo) -> Row:
    """A line of the table."""
    return (
        shown(info.host or ""),
        str(info.function_process_id or ""),
        info.engine or "",
        str(info.epoch),
        info.ticket_number,
        shown(info.source_file),
        shown(info.message),
    )
