"""How a ticket goes on whose run has ended and which has not: parked, run again, or handed back.

Waiting is counted by the monotonic clock of each life of the daemon and written on the ticket
whenever its pause is renewed, at least once an hour: time without a daemon does not count, nor what
the last one had not written yet. The wall clock has no say, so that its jumps end no ticket.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from presqt_daemon.config import Config
from presqt_daemon.errors import HouseFault, UserFault
from presqt_daemon.model import Stage
from presqt_daemon.system.logs import shared_log
from presqt_daemon.tickets.holds import ON_HOLD
from presqt_daemon.tickets.process_info import ProcessInfo, advance
from presqt_daemon.tickets.status_writer import StatusWriter
from presqt_daemon.workers.outcomes import end_failed
from presqt_daemon.workers.processes.conversation import Broken, BrokenKind
from presqt_daemon.workers.runs.run import (
    DISK,
    ELSEWHERE,
    SHORTAGE,
    SHORTAGE_SECONDS,
    WRITE_RETRY_SECONDS,
    ParkError,
    Run,
    RunEnd,
    RunKind,
    describe_exit,
    given_up,
)

CANCELLED = "Upload was cancelled by the user"
QUEUED = "Waiting to be uploaded."
OUTGROWN = "The bag takes longer than its size explains; it waits for a place among the large ones."
STAGED_AGAIN = "The payload on disk is no longer what was staged; it is staged again."


def held_elsewhere(run: Run) -> RunEnd:
    """The end of a run whose ticket another has; nothing has been written on it since."""
    log = shared_log("held elsewhere", run.folder, run.ticket)
    log.info("another process has this ticket; it is looked at again")
    return _tried_again(run, ELSEWHERE)


def without_disk(run: Run, reason: str) -> RunEnd:
    """The end of a run whose ticket cannot be written on now."""
    shared_log("disk", run.folder, run.ticket).warning("cannot go on now: %s", reason)
    return _tried_again(run, DISK)


def _tried_again(run: Run, waiting_for: str) -> RunEnd:
    return RunEnd(
        ticket=run.ticket,
        kind=RunKind.PARKED,
        info=None,
        seconds=WRITE_RETRY_SECONDS,
        waiting_for=waiting_for,
    )


def park(run: Run, holder: StatusWriter, cause: ParkError, config: Config) -> RunEnd:
    """The ticket waits; it ends when it has waited for longer than `uploads.deadline`."""
    info = wait_on(
        holder, cause.waiting_for, cause.seconds, run.waited_seconds, config, cause=cause.cause
    )
    return RunEnd(
        ticket=run.ticket,
        kind=RunKind.PARKED if info.is_open else RunKind.OVER,
        info=info,
        seconds=cause.seconds,
        waiting_for=cause.waiting_for,
        held=cause.held,
    )


def wait_on(
    holder: StatusWriter,
    waiting_for: str,
    seconds: float | None,
    waited: float,
    config: Config,
    *,
    cause: str | None = None,
) -> ProcessInfo:
    """Say on a ticket what it waits for, or end it when it has waited for too long.

    `seconds` from now until the next attempt, None where nobody knows; `waited` seconds so far.
    """
    if waited >= config.uploads.deadline:
        return end_failed(holder, given_up(waiting_for, waited, cause), config)
    is_told = holder.info.waiting_since is not None
    info = waiting_info(holder.info, waiting_for, seconds, waited, holder.now(), cause)
    # that it waits is kept whatever happens; until when, no power cut need find again
    write = holder.note if is_told else holder.fact
    write(info)
    return holder.info


def waiting_info(
    info: ProcessInfo,
    waiting_for: str,
    seconds: float | None,
    waited: float,
    now: datetime,
    cause: str | None = None,
) -> ProcessInfo:
    """The status of a ticket that waits: nobody works on it, whoever did and died."""
    return replace(
        info,
        function_process_id=None,
        host=None,
        engine=None,
        waiting_for=waiting_for,
        next_attempt_at=None if seconds is None else now + timedelta(seconds=seconds),
        waiting_since=info.waiting_since or now,
        waited_seconds=int(waited),
        message=f"Waiting for {waiting_for}: {cause}" if cause else f"Waiting for {waiting_for}.",
    )


def note_hold(holder: StatusWriter, reason: str | None) -> None:
    """Say on a staged ticket that it is on hold and why; None: that it waits for a worker again.

    What stands there already is not written again. The time of a hold is no wait of the ticket's.
    """
    info = holder.info
    if reason is not None:
        if (info.waiting_for, info.message) == (ON_HOLD, reason):
            return
        told = replace(info, message=reason, waiting_for=ON_HOLD, waiting_since=holder.now())
    elif info.waiting_for == ON_HOLD:
        told = replace(info, message=QUEUED, waiting_for="a worker", waiting_since=None)
    else:
        return
    holder.fact(replace(told, next_attempt_at=None))


def pick_up(
    run: Run, holder: StatusWriter, broken: Broken, config: Config, *, progress: bool
) -> RunEnd:
    """The end of a run whose worker did not end by itself.

    Raises ParkError for one that could not begin.
    """
    kind = RunKind.OVER
    if broken.kind is BrokenKind.NOT_BEGUN:
        raise ParkError(SHORTAGE, SHORTAGE_SECONDS)
    if broken.kind is BrokenKind.CANCELLED:
        end_failed(holder, UserFault("cancelled", CANCELLED), config)
    elif broken.kind is BrokenKind.REAPED:
        assert broken.fault is not None
        end_failed(holder, broken.fault, config)
    elif broken.kind is BrokenKind.OUTGROWN:
        log = shared_log("outgrown", run.folder, run.ticket)
        log.info("takes longer than its size explains: it goes among the large")
        info = advance(holder.info, Stage.RECEIVED)
        holder.fact(replace(info, message=OUTGROWN, waiting_for="a worker"))
        kind = RunKind.OUTGROWN
    elif broken.kind is BrokenKind.STOPPED:
        holder.fact(replace(holder.info, message="The server is stopping; it goes on later."))
        kind = RunKind.HANDED_BACK
    else:
        how = describe_exit(broken.exit_code)
        shared_log("worker", run.folder, run.ticket).warning("worker %s %s", broken.pid, how)
        return go_again(
            run,
            holder,
            config,
            progress=progress,
            message=f"The worker {how}; going on from where it was.",
            given_up=f"The worker {how}, {{times}} times without getting further; the drop is "
            "kept. Ask the operator to look into the log, then retry.",
        )
    return RunEnd(ticket=run.ticket, kind=kind, info=holder.info)


def stage_again(run: Run, holder: StatusWriter, config: Config, *, progress: bool) -> RunEnd:
    """The bag is unpacked anew, since what lies on disk is not what was staged."""
    log = shared_log("staged again", run.folder, run.ticket)
    log.warning("the payload on disk changed after staging; it is staged again")
    holder.note(advance(holder.info, Stage.RECEIVED))
    return go_again(
        run,
        holder,
        config,
        progress=progress,
        message=STAGED_AGAIN,
        given_up="The server's disk does not keep what is written to it: {times} times the payload "
        "was another one than was staged. The drop is kept. Ask the operator to look at the disk, "
        "then retry.",
    )


def go_again(
    run: Run, holder: StatusWriter, config: Config, *, progress: bool, message: str, given_up: str
) -> RunEnd:
    """One more go, `uploads.max_resumes` times without new progress, then `resume-limit`.

    `given_up` is the last sentence then; it may name the `{times}`.
    """
    deaths = 1 if progress else run.deaths + 1
    if deaths > config.uploads.max_resumes:
        end_failed(holder, HouseFault("resume-limit", given_up.format(times=deaths)), config)
        return RunEnd(ticket=run.ticket, kind=RunKind.OVER, info=holder.info)
    holder.fact(replace(holder.info, message=message))
    return RunEnd(ticket=run.ticket, kind=RunKind.AGAIN, info=holder.info, made_progress=progress)
