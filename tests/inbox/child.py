"""An inbox in a process of its own, that can be killed: `child BASE [UID]`.

Takes all that lies there and ends; prints one line for each event. With a user's number it gives
up root's rights first.
"""

import codecs
import os
import sys
from pathlib import Path

from presqt_daemon.inbox import Inbox
from presqt_daemon.inbox.answers.events import Claimed, Event
from presqt_daemon.tickets.store import Uploads
from tests.inbox.running import make_config, until


def tell(event: Event) -> None:
    error = event.error.code if isinstance(event, Claimed) and event.error else "-"
    print(event.ticket, error, flush=True)


if __name__ == "__main__":
    os.umask(0o022)
    if len(sys.argv) > 2:
        codecs.lookup("ascii")  # the interpreter's files may be out of the user's reach later
        os.setgroups([])
        os.setgid(int(sys.argv[2]))
        os.setuid(int(sys.argv[2]))
    config = make_config(Path(sys.argv[1]), rescan=0.05)
    inbox = Inbox(config, Uploads(config.mediafiles), tell)
    inbox.start()
    until(inbox.is_idle)
    inbox.stop()
