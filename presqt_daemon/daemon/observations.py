"""What the loop sees of targets and of tickets that wait, as receivers may be told of it."""

from presqt_daemon.model import PauseKind
from presqt_daemon.notifications.conditions import HeldTarget, Observation
from presqt_daemon.workers.queue.queue import TicketQueue
from presqt_daemon.workers.runs.run import DISK, DISK_SPACE


def observe_tickets(agenda: TicketQueue, held_after: float, now: float) -> Observation:
    """Held targets, long waits and waits for room, at a moment of the monotonic clock."""
    long_waits, for_disk = set(), 0
    for name, ticket in agenda.tickets.items():
        for_disk += ticket.waits_for in {DISK, DISK_SPACE}
        if ticket.waited_until(now) > held_after:
            long_waits.add(name)
    return Observation(
        held_targets={
            target: HeldTarget(
                since=pause.since,
                cause=pause.cause,
                waiting=agenda.count_waiting(target),
                needs_person=pause.kind in {PauseKind.TOKEN, PauseKind.OPERATOR},
                is_limited=pause.kind is PauseKind.LIMIT,
            )
            for target, pause in agenda.pauses().items()
        },
        served=dict(agenda.served),
        open_tickets=frozenset(agenda.tickets),
        long_waits=frozenset(long_waits),
        waiting_for_disk=for_disk,
    )
