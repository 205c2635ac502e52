"""Claim records for tests."""

from presqt_daemon.model import Route
from presqt_daemon.tickets.claim_record import ClaimRecord, Owner


def claim_record(ticket: str, folder: str = "lab") -> ClaimRecord:
    """How a `thesis.zip` was taken from an inbox folder."""
    return ClaimRecord(
        ticket=ticket,
        inbox_folder=f"/srv/inbox/{folder}",
        inbox_name="thesis.zip",
        zip_name="thesis.zip",
        sidecar_name=None,
        route=Route(target=folder),
        dropped_by_uid=0,
        dropped_by_name=None,
        received_at="2026-01-31T09:30:00Z",
        owner=Owner(host="depot", boot_id="b", pid=1, started=1),
    )
