"""Statuses and notifications made from a few values."""

from datetime import UTC, datetime, timedelta
from typing import Any

from presqt_daemon.notifications.events import Notification, NotificationKind
from presqt_daemon.tickets.process_info import ProcessInfo

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TICKET = "0f5e7c1a-6f0e-4c51-9a3b-1d6f0f6f2a11"


def info(**given: Any) -> ProcessInfo:
    """A status of an ended ticket."""
    values: dict[str, Any] = {
        "ticket_number": TICKET,
        "source_file": "survey.zip",
        "target": "osf",
        "message": "It is not a zip.",
        "received_at": NOW,
        "updated_at": NOW,
        "finished_at": NOW,
        "dropped_by": {"uid": 1000, "name": "alice"},
    }
    return ProcessInfo(**{**values, **given})


def notification(number: int = 1, **given: Any) -> Notification:
    """One that differs from others by its number."""
    values: dict[str, Any] = {
        "id": f"ticket-{number}.1",
        "kind": NotificationKind.FAILED,
        "at": NOW + timedelta(seconds=number),
        "about": f"bag{number}.zip",
        "message": "It is not a zip.",
        "ticket": TICKET,
        "target": "osf",
        "folder": "osf",
        "error_code": "not-a-zip",
    }
    return Notification(**{**values, **given})
