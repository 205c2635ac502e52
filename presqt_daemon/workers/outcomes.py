"""How a ticket ends: record first, then status, then what is no longer needed goes."""

import contextlib
from dataclasses import replace

from presqt_daemon.config import Config
from presqt_daemon.errors import PresqtError
from presqt_daemon.model import Finding, Severity, Stage, UploadResult
from presqt_daemon.notifications.outbox import leave_entry
from presqt_daemon.records.payload import PayloadHead
from presqt_daemon.records.receipt import write_receipt
from presqt_daemon.staging.attempts import TEMPORARY_PREFIX
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import remove_tree
from presqt_daemon.system.logs import ticket_log
from presqt_daemon.targets.base import traits_of
from presqt_daemon.tickets.process_info import ProcessInfo, add_warnings, advance, fail, finish
from presqt_daemon.tickets.retention import expiration_of
from presqt_daemon.tickets.status_writer import StatusWriter
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.tickets.verdict import Verdict, verdict
from presqt_daemon.upload.parcels.layout import PACKED_NAME
from presqt_daemon.upload.publishing import final_message
from presqt_daemon.workers.runs.ticket_lines import level_of, lines_of

_BROKEN_OFF = frozenset({"cancelled", "timed-out", "worker-died", "resume-limit"})
"""Ends of a run that was killed in the middle, so that nobody could tidy up at the target."""


def end_failed(holder: StatusWriter, error: PresqtError, config: Config) -> ProcessInfo:
    """The ticket ends with an error that has a name. Raises OSError when that cannot be told."""
    now = holder.now()
    info = replace(fail(holder.info, error, now), updated_at=now)
    if info.link_to_resource is not None and error.code in _BROKEN_OFF:
        info = add_warnings(info, (_left_there(info.link_to_resource),))
    info = replace(info, expiration=expiration_of(info, config.retention))
    head = _write(holder, info, config)
    log = lines_of(holder.folder, f"failed ({error.code})", config)
    log.log(level_of(error), "failed: %s (%s)", error.message, error.code)
    if info.stage in {Stage.RECEIVED, Stage.VALIDATED}:
        _remove_bag(holder.folder, head, config)
        _remove_unfinished(holder.folder, config)
    return info


def _left_there(link: str) -> Finding:
    return Finding(
        code="left-at-the-target",
        message=f"What was sent until then stays at {link}, and the last file may be unfinished "
        "there (a draft with such a file cannot be published): delete it there, or retry.",
        severity=Severity.WARNING,
    )


def end_finished(holder: StatusWriter, result: UploadResult, config: Config) -> ProcessInfo:
    """The ticket ends with a deposit. Raises OSError when that cannot be told."""
    now = holder.now()
    message = final_message(result, holder.info.target or "the target")
    info = finish(advance(holder.info, Stage.UPLOADED), result, message, now)
    info = replace(info, updated_at=now)
    info = replace(info, expiration=expiration_of(info, config.retention))
    head = _write(holder, info, config)
    if info.failed_fixity:
        # a deposit that holds other bytes is what an operator must hear of, however it is called
        log = lines_of(holder.folder, "failed fixity", config)
        log.warning("finished: %s: %s A retry sends again what differs.", info.source_file, message)
    else:
        ticket_log(info.ticket_number).info("finished: %s: %s", info.source_file, message)
    if verdict(info) is Verdict.VERIFIED:
        _remove_bag(holder.folder, head, config)
    return info


def end_pointed(holder: StatusWriter, first: ProcessInfo, config: Config) -> ProcessInfo:
    """The ticket ends with an earlier one's deposit. Raises OSError when that cannot be told."""
    now = holder.now()
    message = (
        f"The same content is there already, by ticket {first.ticket_number}; "
        "nothing was sent again."
    )
    result = UploadResult(link=first.link_to_resource, algorithm=first.hash_algorithm)
    info = finish(advance(holder.info, Stage.UPLOADED), result, message, now)
    info = replace(info, updated_at=now)
    info = replace(info, expiration=expiration_of(info, config.retention))
    head = _write(holder, info, config, same_as=first.ticket_number)
    ticket_log(info.ticket_number).info("finished: %s: %s", info.source_file, message)
    _remove_bag(holder.folder, head, config)
    return info


def _write(
    holder: StatusWriter, info: ProcessInfo, config: Config, *, same_as: str | None = None
) -> PayloadHead | None:
    def write() -> PayloadHead | None:
        return write_receipt(
            holder.folder,
            info,
            now=holder.now(),
            status_mode=config.permissions.status,
            same_as=same_as,
            before_naming=holder.assert_has_ticket,
        )

    try:
        head = write()
    except OSError as error:
        if not holder.make_room(error):
            raise
        head = write()
    reach("receipt-written")
    # before the status: whoever finds that after a crash finds this too
    _leave_notification(holder, info, config)
    holder.fact(info)
    target = config.targets.get(info.target or "")
    if target is None or not traits_of(target).has_folders:
        with contextlib.suppress(OSError):
            # a go that waited, or was killed, leaves it for the next one
            (holder.folder.path / PACKED_NAME).unlink()
    return head


def _leave_notification(holder: StatusWriter, info: ProcessInfo, config: Config) -> None:
    """Leave what receivers are to be told; that it cannot be left is no failure of the ticket."""
    if config.receivers:
        # what another has told already would be told again
        holder.assert_has_ticket()
    try:
        leave_entry(holder.folder, info, config.receivers)
    except OSError as error:
        log = lines_of(holder.folder, "notification", config)
        log.warning("its notification could not be written: %s", error.strerror)


def _remove_bag(folder: TicketFolder, head: PayloadHead | None, config: Config) -> None:
    """Remove the unpacked bag; what cannot be removed now goes with the ticket's expiry."""
    name = "" if head is None else head.bag.folder
    if not name or "/" in name or name.startswith("."):
        return
    try:
        remove_tree(folder.path / name)
    except OSError as error:
        log = lines_of(folder, "bag stays", config)
        log.warning("the unpacked bag stays: %s", error.strerror)


def _remove_unfinished(folder: TicketFolder, config: Config) -> None:
    """Remove what a worker that was ended had written of a bag."""
    try:
        for path in folder.path.glob(f"{TEMPORARY_PREFIX}*"):
            remove_tree(path)
    except OSError as error:
        log = lines_of(folder, "bag stays", config)
        log.warning("a part of the bag stays: %s", error.strerror)
