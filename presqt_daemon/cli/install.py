"""`install`: what a service under systemd needs, each file with its rights, and then `check`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from presqt_daemon.cli.command_line.completing import PLACES, SHELLS, script
from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import Exit, refused
from presqt_daemon.cli.pages import shipped
from presqt_daemon.settings.schema import example, schema_uri
from presqt_daemon.system.files import replace_file

UNIT = "presqt-daemon.service"
ROOM = Path("/opt/presqt-daemon")
"""Where the unit in the package looks for the program."""

STATE = Path("/var/lib/presqt-daemon")
CONFIG = Path("/etc/presqt-daemon/config.yaml")
CLOSED_FOLDERS = (Path("/home"), Path("/root"), Path("/run/user"))
"""Folders that the unit's sandbox hides (ProtectHome=)."""

COMMANDS = (
    ("systemd-sysusers", "presqt-daemon.conf"),
    ("systemd-tmpfiles", "--create", "presqt-daemon.conf"),
    ("systemctl", "daemon-reload"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFile:
    """One file to be written; `is_yours`: once it is there it belongs to the administrator."""

    path: Path
    content: bytes
    is_yours: bool = False


def main(context: Context) -> int:
    """What `check` says at the end; 0 with --dry-run and below another --prefix. Refusal 1."""
    options = context.options
    prefix = Path(os.path.abspath(options.prefix))
    is_here = prefix == Path("/")
    if os.geteuid() != 0 and is_here and not options.dry_run:
        raise refused("install writes below /etc: run it as root, or try --dry-run")
    room = Path(sys.prefix)
    for folder in CLOSED_FOLDERS if is_here else ():
        if folder in room.parents:
            raise refused(
                f"the program is in {room}, which a service cannot see; install it in {ROOM}"
            )
    for part in parts(room):
        print(_write(part, prefix, is_trial=options.dry_run))
    if not is_here:
        print(f"nothing was started: {prefix} is not this system's root")
        return Exit.OK
    for command in COMMANDS:
        print(_run(command, is_trial=options.dry_run))
    program = room / "bin" / "presqt-daemon"
    if options.dry_run:
        print(f"would run     {program} --config {CONFIG} check")
        return Exit.OK
    print("\nnext: systemctl enable --now presqt-daemon")
    print("      usermod -aG presqt-drop NAME     (for everybody who may drop)\n", flush=True)
    return subprocess.run([program, "--config", CONFIG, "check"], check=False).returncode


def parts(room: Path) -> Iterator[ServiceFile]:
    """Every file, for a program that is installed in `room`."""
    unit = shipped(f"systemd/{UNIT}").replace(str(ROOM), str(room))
    yield ServiceFile(path=Path("/etc/systemd/system") / UNIT, content=unit.encode())
    for kind in ("sysusers", "tmpfiles"):
        content = shipped(f"systemd/presqt-daemon.{kind}.conf")
        yield ServiceFile(path=Path(f"/etc/{kind}.d/presqt-daemon.conf"), content=content.encode())
    for shell in SHELLS:
        completion = script(shell, room / "bin" / "presqt-daemon")
        yield ServiceFile(path=Path(PLACES[shell]), content=completion.encode())
    places = {name: str(STATE / name) for name in ("inbox", "mediafiles", "archive")}
    # file names of one group's bags are not every local user's business
    text = example(schema_uri(), {**places, "permissions.status": "0640"})
    yield ServiceFile(path=CONFIG, content=text.encode(), is_yours=True)


def _write(part: ServiceFile, prefix: Path, *, is_trial: bool) -> str:
    """Write one file where that is due; what was done, for a person."""
    path = prefix / part.path.relative_to("/")
    would = "would " if is_trial else ""
    try:
        before = path.read_bytes()
    except FileNotFoundError:
        before = None
    if before == part.content:
        return f"unchanged     {path}"
    if before is not None and part.is_yours:
        return f"kept          {path}: it is yours; `config example` prints this version's"
    if not is_trial:
        path.parent.mkdir(parents=True, exist_ok=True)
        if before is not None:
            replace_file(path.with_name(f"{path.name}.old"), before)
        replace_file(path, part.content)
    if before is None:
        return f"{would + ('write' if is_trial else 'written'):<14}{path}"
    done = f"{would}replace" if is_trial else "replaced"
    return f"{done:<14}{path}: what was there is kept as {path.name}.old"


def _run(command: tuple[str, ...], *, is_trial: bool) -> str:
    """Run one of systemd's programs; what came of it, for a person. Raises Refusal."""
    shown = " ".join(command)
    if is_trial:
        return f"would run     {shown}"
    if shutil.which(command[0]) is None:
        return f"not done      {shown}: there is no {command[0]} here"
    if command[0] == "systemctl" and not Path("/run/systemd/system").is_dir():
        return f"not done      {shown}: systemd does not run here"
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    if ended.returncode != 0:
        said = (ended.stderr or ended.stdout).strip().splitlines()
        raise refused(f"{shown} failed: {said[-1] if said else ended.returncode}")
    return f"done          {shown}"
