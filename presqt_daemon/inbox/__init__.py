"""How a drop becomes a ticket."""

from presqt_daemon.inbox.intake import Inbox

__all__ = ["Inbox"]
