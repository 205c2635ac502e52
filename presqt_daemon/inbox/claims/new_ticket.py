"""What a ticket's folder holds before the drop is moved into it."""

import functools
import grp
import logging
import os
import stat
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from presqt_daemon.config import Config
from presqt_daemon.errors import UserFault
from presqt_daemon.inbox.claims.sidecar import Sidecar
from presqt_daemon.inbox.files.group_folder import give_folder
from presqt_daemon.inbox.files.names import name_inside
from presqt_daemon.inbox.files.ownership import user_name
from presqt_daemon.inbox.files.places import OpenPlace
from presqt_daemon.inbox.files.stability import sight_of
from presqt_daemon.model import Finding
from presqt_daemon.records.recovery import info_from_claim
from presqt_daemon.schemas.json_values import text_from_time
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import folder_mode, replace_file
from presqt_daemon.system.host import boot_id, host_name, own_start_ticks
from presqt_daemon.system.logs import shared_log
from presqt_daemon.tickets.claim_record import ClaimRecord, Owner
from presqt_daemon.tickets.process_info import ProcessInfo, add_warnings
from presqt_daemon.tickets.store import TicketFolder, Uploads

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """What is to be taken, as its status was when the decision fell; `handle` is open for reading.

    `unwritten` says that the decision rests on nobody having it open for writing.
    """

    folder: OpenPlace
    name: str
    handle: int
    status: os.stat_result
    fault: UserFault | None = None
    warnings: tuple[Finding, ...] = ()
    unwritten: bool = False


def record_of(drop: Drop, ticket: str, moment: datetime, sidecar: Sidecar | None) -> ClaimRecord:
    """How the drop is taken; a side-car that cannot be used is the drop's fault."""
    inside = name_inside(drop.name)
    fault = drop.fault or (None if sidecar is None else sidecar.fault)
    has_sidecar = sidecar is not None and sidecar.fault is None
    return ClaimRecord(
        ticket=ticket,
        inbox_folder=str(drop.folder.path),
        inbox_name=drop.name,
        zip_name=inside,
        sidecar_name=f"{inside}.yaml" if has_sidecar else None,
        route=drop.folder.place.route,
        dropped_by_uid=drop.status.st_uid,
        dropped_by_name=user_name(drop.status.st_uid),
        received_at=text_from_time(moment),
        owner=_owner(os.getpid()),
        drop_file=sight_of(drop.status),
        fault_code=None if fault is None else fault.code,
        fault_message=None if fault is None else fault.message,
        mark=str(uuid.uuid4()),
    )


def make_folder(path: Path, config: Config, senders: OpenPlace) -> None:
    """A ticket's folder, for those to look into who may read its status.

    It belongs to the configured group, else to that of the open inbox folder `senders`, through
    which the drop came; what is made in it belongs to that group too.
    """
    mode = folder_mode(config.permissions.status)
    os.mkdir(path, mode)
    reach("claim-folder")
    configured = group_id(config.permissions.group)
    group = os.fstat(senders.handle).st_gid if configured is None else configured
    if give_folder(path, mode, group, senders.handle):
        return
    log = shared_log("unreadable status", senders.place.known_target)
    if configured is not None:
        log.warning("%s: no right to give it to the configured group", path.name)
    elif not mode & stat.S_IROTH:
        log.warning(
            "%s: its senders cannot read the status: the service is not in group %d, or inbox and "
            "mediafiles are on two file systems",
            path.name,
            group,
        )


def fill_folder(
    config: Config,
    uploads: Uploads,
    folder: TicketFolder,
    record: ClaimRecord,
    *,
    warnings: tuple[Finding, ...] = (),
    sidecar: Sidecar | None = None,
) -> None:
    """Write the record, the first status and the side-car, none of them synced.

    The record is, before the drop is moved in. A status that a power loss takes is made again from
    its record.
    """
    with uploads.parties.having(folder.ticket) as party:
        folder.write_claim(record, durable=False)
        info = add_warnings(_first_info(config, record), warnings)
        uploads.write_info(folder, info, party, durable=False)
        reach("claim-info")
        if sidecar is not None and record.sidecar_name is not None:
            mode = config.permissions.payload
            replace_file(folder.path / record.sidecar_name, sidecar.content, mode=mode)
    reach("claim-sidecar")


def must_be_copied(status: os.stat_result, config: Config) -> bool:
    """Whether a rename would leave others a way to the file: another name, or rights we keep."""
    if status.st_nlink != 1:
        return True
    if os.geteuid() in {0, status.st_uid}:
        return False
    readable = stat.S_IRGRP | stat.S_IROTH
    return bool(status.st_mode & readable & ~config.permissions.payload)


def make_own(handle: int, config: Config, target: str | None) -> None:
    """Make an open file the service's and close it to others, as far as that is in our power."""
    try:
        if os.geteuid() == 0:
            group = group_id(config.permissions.group)
            os.fchown(handle, 0, os.getegid() if group is None else group)
        if os.geteuid() in {0, os.fstat(handle).st_uid}:
            os.fchmod(handle, config.permissions.payload)
    except OSError as error:
        log = shared_log("open to others", target)
        log.warning("a drop could not be closed to others: %s", error.strerror)


@functools.lru_cache(maxsize=8)
def group_id(name: str | None) -> int | None:
    """The group's number; None for no name, and for one that this machine does not know."""
    if name is None:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        _log.warning("permissions.group: there is no group %s here", name)
        return None


def _first_info(config: Config, record: ClaimRecord) -> ProcessInfo:
    info = info_from_claim(record)
    return info if info.target in config.targets else replace(info, target=None, resource_id=None)


@functools.lru_cache(maxsize=1)
def _owner(pid: int) -> Owner:
    return Owner(host=host_name(), boot_id=boot_id(), pid=pid, started=own_start_ticks())
