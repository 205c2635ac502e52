"""Whether a ticket's state allows what is asked for, and the request that the daemon takes."""

import contextlib
import importlib
import os
import time
from collections.abc import Iterable

from presqt_daemon.cli.output.show import complain
from presqt_daemon.config import Config
from presqt_daemon.system.files import give_to_owner, sync_folder
from presqt_daemon.tickets.locks import is_held
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import TicketFolder


def why_not(word: str, info: ProcessInfo, folder: TicketFolder) -> str | None:
    """Why the ticket's state does not allow it; None when it does."""
    if word == "cancel":
        return None if info.is_open else f"it has ended ({info.status})"
    reopen = importlib.import_module("presqt_daemon.workers.reopen")
    refusal: str | None = reopen.why_not_again(info, has_zip=folder.find_zip() is not None)
    return refusal


def ask_daemon(config: Config, word: str, tickets: Iterable[str]) -> None:
    """Write a request for each ticket, in this order; one that lies there already is as good.

    They are durable when it returns. Raises OSError.
    """
    control = config.control_folder
    control.mkdir(mode=0o700, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    moment = time.time_ns()
    for number, ticket in enumerate(tickets):
        with contextlib.suppress(FileExistsError):
            handle = os.open(control / f"{ticket}.{word}", flags, 0o600)
            try:
                give_to_owner(handle, control)
                # many are made within one tick of the clock, and their order is to be kept
                os.utime(handle, ns=(moment + number, moment + number))
            finally:
                os.close(handle)
    # they are empty: their names are all there is to keep
    sync_folder(control)
    if not is_held(config.mediafiles):
        complain("no daemon is running; the request counts when one is started")
