"""Completion in bash, zsh and fish: the shell runs the program, and the parser answers by itself.

So that what is completed is what is taken, targets and tickets of this configuration included.
"""

import argparse
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from argcomplete import autocomplete
from argcomplete.completers import FilesCompleter
from argcomplete.shell_integration import shellcode

from presqt_daemon.cli.command_line.commands import COMMANDS
from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit
from presqt_daemon.cli.command_line.parser import PROGRAM, build_parser
from presqt_daemon.cli.output.show import complain, is_terminal, shown
from presqt_daemon.config import Config
from presqt_daemon.errors import ConfigError
from presqt_daemon.tickets.store import Uploads

SHELLS = ("bash", "zsh", "fish")
PLACES: Mapping[str, str] = {
    "bash": "/usr/local/share/bash-completion/completions/presqt-daemon",
    "zsh": "/usr/local/share/zsh/site-functions/_presqt-daemon",
    "fish": "/etc/fish/completions/presqt-daemon.fish",
}
"""Where each shell looks for what an administrator has installed, on Debian."""

MAX_TICKETS = 200

_HOW = {
    "bash": 'eval "$(presqt-daemon completion bash)"   in ~/.bashrc',
    "zsh": 'eval "$(presqt-daemon completion zsh)"   in ~/.zshrc, after compinit',
    "fish": "presqt-daemon completion fish | source   in ~/.config/fish/config.fish",
}

_TARGETS = frozenset({"target", "deposit", "accept"})
_TICKETS = frozenset({"ticket", "unverified"})


def main(context: Context) -> int:
    """0 when the script was printed; who reads it on a terminal is told what to do with it."""
    shell: str = context.options.shell
    print(script(shell), end="", flush=True)
    if is_terminal():
        complain(f"for yourself: {_HOW[shell]}; for everybody: {PLACES[shell]} (install writes it)")
    return Exit.OK


def complete() -> None:
    """Answer the shell that asks, and end the process."""
    parser, commands = build_parser()
    for each in (parser, *commands.values()):
        for action in each._actions:  # noqa: SLF001  (argparse has no other list of them)
            if action.choices is None and (completer := _completer_of(action)) is not None:
                action.completer = completer  # type: ignore[attr-defined]
    autocomplete(parser, always_complete_options=False)


def script(shell: str, program: Path | None = None) -> str:
    """What a shell reads to complete our commands; `program` is run for it, else what was typed."""
    text: str = shellcode(
        [PROGRAM],
        shell="fish" if shell == "fish" else "bash",  # zsh's stands in the same text
        argcomplete_script=None if program is None else str(program),
    )
    return f"{text.strip()}\n"


def _completer_of(action: argparse.Action) -> Any:
    if action.dest in _TARGETS:
        return _targets
    if action.dest in _TICKETS:
        is_path = "FILE" in str(action.metavar)
        return (lambda **asked: {**_tickets(**asked), **_files(asked)}) if is_path else _tickets
    if action.dest == "wanted":
        return lambda **asked: {**_targets(**asked), **_tickets(**asked)}
    if action.dest == "topic":
        return lambda **_asked: {name: one.summary for name, one in COMMANDS.items()}
    return FilesCompleter() if action.type is Path else lambda **_asked: []


def _files(asked: dict[str, Any]) -> dict[str, str]:
    return dict.fromkeys(FilesCompleter()(**asked), "")


def _targets(*, parsed_args: argparse.Namespace, **_asked: object) -> dict[str, str]:
    config = _config(parsed_args)
    return {} if config is None else {name: one.type for name, one in config.targets.items()}


def _tickets(*, prefix: str, parsed_args: argparse.Namespace, **_asked: object) -> dict[str, str]:
    """The newest tickets, each with its state and its file."""
    config = _config(parsed_args)
    return {} if config is None else dict(_described(Uploads(config.mediafiles), prefix))


def _described(uploads: Uploads, prefix: str) -> Iterator[tuple[str, str]]:
    try:
        names = [name for name in uploads.tickets() if name.startswith(prefix.lower())]
    except OSError:
        return
    names.sort(key=lambda name: _changed(uploads.folder(name).path), reverse=True)
    for name in names[:MAX_TICKETS]:
        tree = uploads.folder(name).read_info_tree()
        yield name, shown(f"{tree.get('status', '')} {tree.get('source_file', '')}").strip()


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _config(options: argparse.Namespace) -> Config | None:
    """The configuration, None where it cannot be read: then there is nothing to offer."""
    values = {"config": None, "settings": [], "more_settings": [], **vars(options)}
    try:
        return Context(argparse.Namespace(**values), os.environ).config()
    except (ConfigError, CommandRefusal, OSError):
        return None
