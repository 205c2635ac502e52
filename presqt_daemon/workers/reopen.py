"""Whether an ended ticket may go again, and its status when it does."""

from presqt_daemon.model import Stage, Status
from presqt_daemon.records.payload import Payload, PayloadError
from presqt_daemon.system.host import boot_id
from presqt_daemon.tickets.process_info import NOT_PUBLISHED, ProcessInfo
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.workers.runs.events import Refusal


def why_not_again(info: ProcessInfo, *, has_zip: bool) -> Refusal | None:
    """Why a ticket may not be retried, None when it may."""
    if info.is_open:
        return Refusal.OPEN
    is_left = any(warning.code == NOT_PUBLISHED for warning in info.warnings)
    is_well = not (info.failed_fixity or info.unverified_fixity or is_left)
    if info.status is Status.FINISHED and is_well:
        return Refusal.MATCHED
    return None if has_zip else Refusal.NO_ZIP


def reopened_info(info: ProcessInfo, *, is_staged: bool) -> ProcessInfo:
    """The status of a ticket that goes again; what was learnt about its route stays."""
    return ProcessInfo(
        ticket_number=info.ticket_number,
        message="The ticket goes again.",
        stage=Stage.HASHED if is_staged and info.is_resolved else Stage.RECEIVED,
        source_file=info.source_file,
        target=info.target,
        resource_id=info.resource_id,
        title=info.title,
        file_duplicate_action=info.file_duplicate_action,
        options_from=info.options_from,
        dropped_by=info.dropped_by,
        staging_attempt=info.staging_attempt if is_staged else 0,
        attempt=info.attempt + 1,
        hash_algorithm=info.hash_algorithm if is_staged else None,
        link_to_resource=info.link_to_resource,
        waiting_for="a worker",
        received_at=info.received_at,
        updated_at=info.updated_at,
    )


def is_staged(folder: TicketFolder) -> bool:
    """Whether the unpacked bag is there as it was staged, under this boot."""
    try:
        with Payload(folder.payload) as payload:
            bag = folder.path / payload.head.bag.folder / "data"
            return payload.head.boot_id == boot_id() and all(
                (bag / file.path).is_file() for file in payload.files()
            )
    except (PayloadError, OSError):
        return False
