"""`check`: whether a drop would get through, as a table."""

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from presqt_daemon.cli.check.deposit import check_deposit
from presqt_daemon.cli.check.engine import check_daemons, check_engine
from presqt_daemon.cli.check.limits import check_limits
from presqt_daemon.cli.check.places import check_places
from presqt_daemon.cli.check.receivers import check_receivers, send_trials
from presqt_daemon.cli.check.rights import check_rights
from presqt_daemon.cli.check.rows import State, ok, print_rows, warning, without_os_errors
from presqt_daemon.cli.check.targets import check_targets
from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import Exit, no_such, refused
from presqt_daemon.cli.output.show import print_json
from presqt_daemon.config import Config
from presqt_daemon.schemas.json_values import tree_from_value
from presqt_daemon.settings.remarks import remarks_on
from presqt_daemon.upload.calls.archive_disk import accept_archive

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


def main(context: Context) -> int:
    """1 where a drop would not get through or somebody has a right too many; else 0.

    As root it is done as the service would do it; so it tells of the service and not of root.
    """
    options = context.options
    config = context.config()
    command = command_as_service(sys.argv[1:], config, context.environment)
    if command is not None:
        sys.stdout.flush()
        return subprocess.run(command, check=False).returncode
    if options.accept is not None:
        accept(config, options.accept)
    file = context.file_in_use()
    where = "environment and --set, no file" if file is None else str(file.resolve())
    rows = [ok("configuration", where)]
    rows += [warning("configuration", remark) for remark in remarks_on(config)]
    if INSIDE in context.environment:
        rows.append(ok("checked", context.environment[INSIDE]))
    rows += [
        *without_os_errors("places", check_places(config)),
        *without_os_errors("rights", check_rights(file, config)),
        *without_os_errors("limits", check_limits(config)),
        *check_targets(config, context.environment),
        *check_receivers(config, context.environment),
        *without_os_errors("daemon", check_daemons(config)),
        *check_engine(config, context.environment),
    ]
    if options.notify is not None:
        rows += send_trials(config, options.notify, context.environment)
    if options.deposit is not None:
        rows += check_deposit(config, options.deposit, context.environment)
    is_well = all(row.state is not State.WRONG for row in rows)
    if options.json:
        print_json({"ok": is_well, "rows": tree_from_value(rows)})
    else:
        print_rows(rows)
    return Exit.OK if is_well else Exit.FAILED


def accept(config: Config, name: str) -> None:
    """Take what lies in a folder target's place now for its archive. Raises Refusal."""
    target = config.targets.get(name)
    if target is None or target.type != "folder":
        folders = [item.name for item in config.targets.values() if item.type == "folder"]
        raise no_such("folder target", name, folders)
    try:
        accept_archive(target, config.mediafiles)
    except OSError as error:
        raise refused(f"the archive of {name} cannot be used: {error.strerror}") from None


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
