"""How a drop becomes a ticket.

The folders of the inbox come in, as events of the kernel and as scans; claimed tickets, requests
and answers to senders go out. Called by `daemon`, which gives an `Inbox` its configuration and
hears of each claim through one function.
"""

from presqt_daemon.inbox.intake import Inbox

__all__ = ["Inbox"]
