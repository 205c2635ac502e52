"""What a worker is handed for a run: the task, with all it needs to know, and its limits."""

from dataclasses import dataclass, replace
from pathlib import Path

from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.errors import HouseFault, UserFault
from presqt_daemon.model import PauseKind, Resolved, Stage
from presqt_daemon.staging.stage import StageJob
from presqt_daemon.system.host import boot_id, host_name
from presqt_daemon.tickets.claim_record import ClaimRecord
from presqt_daemon.tickets.process_info import ProcessInfo, advance
from presqt_daemon.tickets.status_writer import StatusWriter
from presqt_daemon.upload.earlier_deposit import EarlierDeposit
from presqt_daemon.upload.send import SendJob
from presqt_daemon.workers.limits.tokens import MissingTokenError, Tokens, how_to_replace
from presqt_daemon.workers.processes.options import claim_of
from presqt_daemon.workers.processes.reaper import Limits
from presqt_daemon.workers.processes.tasks import StageTask, Task, UploadTask
from presqt_daemon.workers.runs.pauses import Held
from presqt_daemon.workers.runs.run import CREDENTIAL, Run, TargetHeldError, Work

STAGING_MESSAGE = "Saving files to server and validating bag..."


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerJob:
    """What a worker does in a run, or in a part of one, and within which limits."""

    run: Run
    task: Task
    limits: Limits


def make_job(
    run: Run,
    holder: StatusWriter,
    config: Config,
    tokens: Tokens,
    earlier: tuple[EarlierDeposit, ...] = (),
    *,
    room: int = 0,
    scratch: Path | None = None,
    is_unpacked: bool = False,
) -> WorkerJob:
    """The task and its limits; the status says that it begins.

    `earlier` are deposits that may be pointed at instead of sending, `room` are bytes that were set
    aside for what is staged. `scratch` is the run's own folder for the bag, `is_unpacked` whether
    this run has put it there.

    Raises PresqtError for a ticket that cannot go on, ParkError for one that has to wait.
    """
    info = replace(
        holder.info,
        waiting_for=None,
        next_attempt_at=None,
        resumes=holder.info.resumes + run.is_resume,
    )
    if run.work is Work.STAGE:
        task: Task = _stage_task(run, holder, info, config, room, scratch)
        wall = config.staging.time_limit
    else:
        target = _target_of(info, config)
        token = _token_of(target, tokens)
        unpacking = None
        if scratch is not None and not is_unpacked:
            unpacking = _stage_job(holder, claim_of(holder.folder), config, scratch)
        task = _upload_task(run, holder, info, config, target, token, scratch)
        task = replace(task, earlier=earlier, unpacking=unpacking)
        wall = target.time_limit or config.uploads.time_limit
    limits = Limits(
        wall_seconds=wall,
        stall_seconds=config.uploads.stall_limit,
        memory_bytes=config.uploads.memory_limit,
    )
    return WorkerJob(run=run, task=task, limits=limits)


def _stage_task(
    run: Run,
    holder: StatusWriter,
    info: ProcessInfo,
    config: Config,
    room: int,
    scratch: Path | None,
) -> StageTask:
    claim = claim_of(holder.folder)
    try:
        if claim.zip_name is None:
            raise FileNotFoundError
        size = (holder.folder.path / claim.zip_name).stat().st_size
    except FileNotFoundError:
        lost = HouseFault("state-lost", "The zip is no longer in its place: drop it again.")
        raise lost from None
    if size > config.staging.max_zip_bytes:
        raise UserFault(
            "too-large",
            f"The zip {info.source_file} is larger than staging.max_zip_bytes allows: split the "
            "bag, or ask the operator.",
        )
    if info.stage is not Stage.RECEIVED:
        info = advance(info, Stage.RECEIVED)
    holder.note(replace(info, message=STAGING_MESSAGE))
    return StageTask(
        ticket=run.ticket,
        job=_stage_job(holder, claim, config, scratch),
        claim=claim,
        source_file=info.source_file,
        config=config,
        room=room,
    )


def _stage_job(
    holder: StatusWriter, claim: ClaimRecord, config: Config, scratch: Path | None
) -> StageJob:
    return StageJob(
        folder=holder.folder.path,
        zip_name=claim.zip_name or "",
        config=config.staging,
        payload_mode=config.permissions.payload,
        boot_id=boot_id(),
        fence=holder.fence(),
        host=host_name(),
        epoch=holder.epoch,
        scratch=scratch,
    )


def _upload_task(
    run: Run,
    holder: StatusWriter,
    info: ProcessInfo,
    config: Config,
    target: TargetConfig,
    token: str | None,
    scratch: Path | None,
) -> UploadTask:
    holder.note(replace(info, message=f"Uploading files to {target.name}..."))
    job = SendJob(
        folder=holder.folder.path,
        ticket=run.ticket,
        resolved=_resolved_from(info),
        target=target,
        token=token,
        uploads=config.uploads,
        boot_id=boot_id(),
        is_asking=run.is_asking,
        fence=holder.fence(),
        host=host_name(),
        scratch=scratch,
    )
    return UploadTask(ticket=run.ticket, job=job)


def _token_of(target: TargetConfig, tokens: Tokens) -> str | None:
    try:
        return tokens.of(target)
    except MissingTokenError as error:
        cause = f"There is no token for {target.name}: {error}. {how_to_replace(target)}"
        raise TargetHeldError(
            Held(kind=PauseKind.TOKEN, cause=cause, waiting_for=CREDENTIAL)
        ) from None


def _target_of(info: ProcessInfo, config: Config) -> TargetConfig:
    target = config.targets.get(info.target or "")
    if target is None:
        cause = f"The target {info.target!r} is not configured any more: put it back, or cancel."
        waiting_for = "the target's configuration"
        raise TargetHeldError(Held(kind=PauseKind.OPERATOR, cause=cause, waiting_for=waiting_for))
    return target


def _resolved_from(info: ProcessInfo) -> Resolved:
    assert info.target is not None
    assert info.title is not None
    assert info.file_duplicate_action is not None
    return Resolved(
        target=info.target,
        resource_id=info.resource_id,
        title=info.title,
        duplicate_action=info.file_duplicate_action,
        options_from=info.options_from,
    )
