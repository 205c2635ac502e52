"""The rooms below, built for one configuration and joined to the loop's queue."""

import os
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from presqt_daemon.config import Config
from presqt_daemon.daemon.events import Event
from presqt_daemon.daemon.metrics import Metrics
from presqt_daemon.daemon.mounts import Mounts
from presqt_daemon.daemon.observations import Observer
from presqt_daemon.daemon.summary import TargetOff, summary
from presqt_daemon.inbox import Inbox
from presqt_daemon.inbox.requests.control import ControlFolder
from presqt_daemon.inbox.requests.open_requests import OpenRequests
from presqt_daemon.leases.kept import KeptLease
from presqt_daemon.leases.lease import LeaseTerms
from presqt_daemon.notifications.service import Notifications
from presqt_daemon.system.host import is_dead_here
from presqt_daemon.system.programs.tree import reap_orphans
from presqt_daemon.system.systemd import is_journal
from presqt_daemon.tickets.in_hand import InHand
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.dispatch import Dispatch
from presqt_daemon.workers.engines.elsewhere import Elsewhere
from presqt_daemon.workers.engines.starts import TellsOfHosts, open_engine
from presqt_daemon.workers.expiry import Expiry
from presqt_daemon.workers.limits.duplicates import KnownContents
from presqt_daemon.workers.limits.permits import Permits
from presqt_daemon.workers.limits.tokens import MissingTokenError, Tokens
from presqt_daemon.workers.processes.pool import Pool
from presqt_daemon.workers.queue.queue import TicketQueue
from presqt_daemon.workers.run_ticket import run_ticket
from presqt_daemon.workers.runs.run import RunEnd
from presqt_daemon.workers.supervisor import Supervisor
from presqt_daemon.workers.upgrade_runner import UpgradeRunner


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """Everything that the loop speaks to. Nothing runs before `open`."""

    uploads: Uploads
    cluster: Executor | None
    in_hand: InHand
    pool: Pool
    supervisor: Supervisor
    dispatch: Dispatch
    asked: OpenRequests
    inbox: Inbox
    control: ControlFolder
    expiry: Expiry
    upgrade: UpgradeRunner
    mounts: Mounts
    notifications: Notifications
    observer: Observer
    metrics: Metrics

    def open(self) -> None:
        """Let drops and requests in."""
        self.inbox.start()
        self.control.start()
        self.upgrade.go_on()
        self.expiry.start()
        self.uploads.remember()
        self.mounts.start()
        self.metrics.start()

    def start_missing_threads(self) -> None:
        """Get what could not be started for want of threads, and end a start that hangs."""
        self.pool.end_hung_start()
        self.pool.let_go()
        if os.getpid() == 1:
            reap_orphans(self.pool.own_processes())
        self.upgrade.start_missing_threads()
        self.inbox.start_missing_threads()
        self.control.start()
        self.expiry.start()
        self.mounts.start()
        self.metrics.start()
        self.notifications.start()

    def use(self, config: Config) -> None:
        """Go on with another configuration of the same folders."""
        self.supervisor.config = self.supervisor.permits.config = config
        self.uploads.status_mode = config.permissions.status
        self.upgrade.use(config)
        self.supervisor.tokens.reload(config.targets, os.environ)
        self.dispatch.agenda.small_bytes = config.staging.small
        self.dispatch.resume_targets()
        self.inbox.reload(config)
        self.notifications.use(config)

    def end_ticket(self, ticket: str) -> None:
        """Let those know who follow a ticket that its end is written."""
        self.asked.ended(ticket)
        self.inbox.status_changed(ticket)
        self.notifications.ticket_ended(ticket)
        if ticket in self.dispatch.agenda.on_hold.holds.named:
            self.control.remove_hold(ticket)

    def close(self) -> None:
        """Close the inbox, wait for what is being written, end the workers."""
        self.upgrade.stop()
        self.control.stop()
        self.expiry.stop()
        self.mounts.stop()
        self.inbox.stop()
        self.metrics.stop()
        self.close_unopened()

    def close_unopened(self) -> None:
        """The same where `open` was never called."""
        self.upgrade.stop()
        self.dispatch.close()
        # after the last ticket that ends
        self.notifications.stop()
        self.pool.let_go(all_of_them=True)
        if self.cluster is not None:
            self.cluster.shutdown(wait=False)

    def tell_what_is_seen(self, now: float) -> None:
        """Let receivers know that the loop turns, and now and then what it sees."""
        self.notifications.ping.beat()
        if self.notifications.is_due(now):
            held_after = self.supervisor.config.notify.held_after
            seen = self.observer.observe(
                self.dispatch.agenda, held_after, now, without_room=self.inbox.without_room()
            )
            self.notifications.observe(seen)

    def summary(self) -> str:
        """What is wrong and how many tickets there are, for `systemctl status`."""
        agenda = self.dispatch.agenda
        return summary(
            open_count=len(agenda.tickets),
            running=len(agenda.running()),
            off=self._paused(),
            missing=self.mounts.missing,
        )

    def off_at_start(self) -> list[TargetOff]:
        """The targets that have no token yet."""
        off = []
        for target in self.supervisor.config.targets.values():
            try:
                self.supervisor.tokens.of(target)
            except MissingTokenError as error:
                off.append(TargetOff(target=target.name, cause=str(error)))
        return off

    def _paused(self) -> list[TargetOff]:
        """The targets whose tickets are held."""
        agenda = self.dispatch.agenda
        return [
            TargetOff(
                target=target,
                cause=pause.cause,
                since=pause.since,
                waiting=agenda.count_waiting(target),
            )
            for target, pause in agenda.pauses().items()
        ]


def join_rooms(
    config: Config,
    post: Callable[[Event], None],
    *,
    is_patient: bool,
    verbosity: int,
    clock: Callable[[], float],
    lease: KeptLease,
) -> Rooms:
    """Build the rooms; `post` takes what happens in them, `is_patient` is the inbox's.

    `lease` is the daemon's own: where another may take it over, so it may with each ticket's.
    """
    cluster = open_engine(config)
    terms = LeaseTerms()
    if not lease.lease.is_alone:
        terms = LeaseTerms(ttl=config.engine_options.lease_ttl, is_alone=False)
        if cluster is None:
            # nobody but daemons has tickets then, and of this host's this is the only one
            terms = replace(terms, is_dead=is_dead_here)
    uploads = Uploads(config.mediafiles, config.permissions.status, terms)
    uploads.may_act, uploads.epoch = lease.pass_or_leave, lease.lease.epoch
    pool = Pool(verbosity=verbosity, journal=is_journal(), clock=clock)
    supervisor = Supervisor(
        config=config,
        uploads=uploads,
        pool=pool,
        permits=Permits(config, tell=post),
        tokens=Tokens(config.targets, os.environ),
        contents=KnownContents(uploads),
        engine=config.engine,
        clock=clock,
    )
    carry_out: Callable[..., RunEnd] = run_ticket
    if cluster is not None:
        carry_out = Elsewhere(supervisor=supervisor, engine=cluster).run
        if isinstance(cluster, TellsOfHosts):
            supervisor.permits.cores = cluster.places
    dispatch = Dispatch(
        supervisor=supervisor,
        post=post,
        clock=clock,
        agenda=TicketQueue(small_bytes=config.staging.small),
        carry_out=carry_out,
    )

    def spare(target: str, size: int) -> int:
        _, space = supervisor.permits.look(uploads.root)
        return supervisor.shares.spare(target, size, space, supervisor.config)

    inbox = Inbox(config, uploads, post, patience=is_patient, clock=clock, spare=spare)
    return Rooms(
        uploads=uploads,
        cluster=cluster,
        in_hand=InHand(config.mediafiles),
        pool=pool,
        supervisor=supervisor,
        dispatch=dispatch,
        asked=OpenRequests(
            lambda ticket: ticket in dispatch.agenda.tickets,
            inbox.is_being_claimed,
            dispatch.cancel,
            dispatch.retry,
        ),
        inbox=inbox,
        control=ControlFolder(
            config.control_folder, post, epoch=uploads.epoch, may_act=uploads.may_act
        ),
        expiry=Expiry(uploads, lambda: supervisor.config),
        upgrade=UpgradeRunner(config, pool, clock, uploads.may_act),
        mounts=Mounts({"inbox": config.inbox, "mediafiles": uploads.root}),
        notifications=Notifications(config, uploads),
        observer=Observer(),
        metrics=Metrics(uploads, lambda: supervisor.config, lambda: dispatch.agenda.on_hold.holds),
    )
