"""`check` as the service would see it: its user, its sandbox, its credentials."""

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from presqt_daemon.config import Config

UNIT = "presqt-daemon.service"
UNIT_FILE = Path("/etc/systemd/system") / UNIT
INSIDE = "PRESQT_DAEMON_CHECKS_AS"
"""Set for the `check` that another one has started: who it is, in words."""

_NOT_TAKEN = frozenset(
    {
        "Type", "NotifyAccess", "WatchdogSec", "ExecStart", "ExecReload", "ExecStop", "Restart",
        "RestartSec", "RestartPreventExitStatus", "KillMode", "TimeoutStopSec", "OOMPolicy",
        "StandardOutput", "StandardError",
    }
)  # fmt: skip
"""What makes a service of it; the rest is the user, the sandbox and the limits."""


def command_as_service(
    arguments: Sequence[str], config: Config, environment: Mapping[str, str]
) -> list[str] | None:
    """The command that checks as the service does, which is told in words who that is.

    None where this process may do it itself: it is not root's, or the service is root's too.
    """
    if os.geteuid() != 0 or INSIDE in environment:
        return None
    program = [sys.executable, "-m", "presqt_daemon", *arguments]
    properties = list(_properties())
    if properties:
        said = f"as the service, in the sandbox of {UNIT}"
        return ["systemd-run", "--quiet", "--pipe", "--wait", "--collect",
                f"--setenv={INSIDE}={said}", *properties, *program]  # fmt: skip
    user = _owner(config)
    if user is None:
        return None
    said = f"as {user}, whose {config.mediafiles} is; no unit is installed here"
    return ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}",
            "--init-groups", "env", f"{INSIDE}={said}", *program]  # fmt: skip


def properties_from_unit(text: str) -> Iterator[str]:
    """The options for systemd-run that give a process what a unit's service gets."""
    section = ""
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line
        name, equals, _ = line.partition("=")
        is_set = equals and not line.startswith(("#", ";"))
        if section == "[Service]" and is_set and name not in _NOT_TAKEN:
            yield f"--property={line}"


def _properties() -> Iterator[str]:
    """Of the installed unit with its drop-ins; none where systemd does not run."""
    if not UNIT_FILE.exists() or not Path("/run/systemd/system").is_dir():
        return
    shown = subprocess.run(["systemctl", "cat", UNIT], check=False, capture_output=True, text=True)
    if shown.returncode == 0:
        yield from properties_from_unit(shown.stdout)


def _owner(config: Config) -> str | None:
    """Who the daemon's files belong to, None for root and where there are none yet."""
    try:
        number = config.mediafiles.stat().st_uid
        return None if number == 0 else pwd.getpwuid(number).pw_name
    except (OSError, KeyError):
        return None
