"""Being a service of systemd: notes to it (sd_notify(3)), its credentials and its journal."""

import os
import socket
from collections.abc import Mapping

CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
"""Names the folder of what LoadCredential= passes (systemd.exec(5))."""


class Notifier:
    """Sends to $NOTIFY_SOCKET; without one, or when sending fails, does nothing."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        micros = environment.get("WATCHDOG_USEC", "")
        owner = environment.get("WATCHDOG_PID", "")
        is_ours = not owner or owner == str(os.getpid())
        self.watchdog_seconds = int(micros) / 1e6 if micros.isdecimal() and is_ours else None

    @property
    def own_watchdog(self) -> dict[str, str]:
        """The line that gives the watchdog back the time of the unit, where there is one."""
        seconds = self.watchdog_seconds
        return {} if seconds is None else {"WATCHDOG_USEC": str(int(seconds * 1e6))}

    def send(self, **states: str) -> None:
        """Send `KEY=value` lines, for example `send(READY="1", STATUS="3 tickets open")`."""
        if not self._address:
            return
        text = "\n".join(f"{key}={value}" for key, value in states.items())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            try:
                channel.sendto(text.encode(), self._address)
            except OSError:
                return


def is_journal() -> bool:
    """Whether standard error goes to systemd's journal (systemd.exec(5), `JOURNAL_STREAM`)."""
    try:
        status = os.fstat(2)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
