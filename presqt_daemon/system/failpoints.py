"""Named points at which a process can be made to die, so that recovery can be proved.

Off unless PRESQT_DAEMON_FAILPOINT is set, to `name` or `name:n` (the n-th time it is reached).
The first word of a name says where it is:

    claim-, copy-                  between the steps of a claim
    asked, control-, request-, reopened    of what somebody asks for
    stage-, payload-               between the writes of staging
    send-, put-, folder-, zenodo-  around what a target does once
    journal-, receipt-             of records
    notification-                  between the receipt and what receivers are told
    expiry-, upgrade-, start-      of a removal, a past record, a start
"""

import os
import signal

VARIABLE = "PRESQT_DAEMON_FAILPOINT"

_name, _, _count = os.environ.get(VARIABLE, "").partition(":")
_left = int(_count) if _count.isdecimal() else 1


def reach(name: str) -> None:
    """Note that the moment `name` between two durable steps is reached.

    Kills this process with SIGKILL when that is the armed failpoint.
    """
    global _left  # noqa: PLW0603  (one process, one countdown)
    if name != _name:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
