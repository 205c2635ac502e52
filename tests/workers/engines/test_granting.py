from presqt_daemon.leases.lease import LeaseTerms
from presqt_daemon.leases.take import take_lease
from presqt_daemon.workers.engines.granting import LOOK_SECONDS, Granting
from presqt_daemon.workers.limits.shared_names import SharedNames
from tests.workers.depot import Depot


def test_what_a_dead_host_had_for_a_ticket_that_waits_holds_up_no_other_ticket(
    depot: Depot,
) -> None:
    """They had the places that it waited for, and waited for its name, to the end of their time."""
    supervisor = depot.dispatch.supervisor
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    def terms(instance: str) -> LeaseTerms:
        return LeaseTerms(ttl=60, is_alone=False, instance=instance, clock=lambda: now, sleep=sleep)

    supervisor.clock = lambda: now
    supervisor.uploads.terms = terms("daemon:boot:1")
    lives, died, waits = depot.claim(), depot.claim(), depot.claim()
    host = SharedNames(supervisor.config.mediafiles, "a:boot:1")
    lease = take_lease(supervisor.uploads.folder(lives).path, terms("a:boot:1"))
    take_lease(supervisor.uploads.folder(died).path, terms("a:boot:1"))
    for kind, ticket in (("creating", waits), ("container", died), ("other", lives)):
        assert host.take(kind, "account", ticket)
    granting = Granting(supervisor)
    assert granting.names.tickets() == {lives, died, waits}
    now += LOOK_SECONDS
    granting.free_names_of_the_dead()
    assert granting.names.tickets() == {lives, died}
    for _ in range(7):
        now += LOOK_SECONDS
        lease.beat()
        granting.free_names_of_the_dead()
    assert granting.names.tickets() == {lives}
