"""`config`: what is configured, what may be, and what is wrong; `reload`: it is taken over."""

import json
import time
import uuid
from pathlib import Path

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit, wrong_usage
from presqt_daemon.cli.output.show import complain, print_json, print_lines, shown
from presqt_daemon.errors import ConfigError
from presqt_daemon.inbox.requests.control import ANSWER_SUFFIX, RELOAD_PREFIX
from presqt_daemon.settings.remarks import remarks_on
from presqt_daemon.settings.schema import example, schema_uri, text_from_schema
from presqt_daemon.settings.shown import shown_settings, yaml_of
from presqt_daemon.system.files import create_file
from presqt_daemon.tickets.locks import is_held

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.05


def main(context: Context) -> int:
    """0 when printed or taken over. Raises ConfigError (78) and CommandRefusal."""
    if context.options.command == "reload":
        return _reload(context)
    what: str = context.options.what
    if what == "show":
        return _show(context)
    if context.options.json:
        raise wrong_usage("--json goes with show")
    if what == "check":
        return _check(context)
    text = text_from_schema() if what == "schema" else example(schema_uri())
    print_lines(text.rstrip("\n").split("\n"))
    return Exit.OK


def _show(context: Context) -> int:
    """Every value that is in force, with its origin. Raises ConfigError."""
    settings = shown_settings(*context.config_with_origins())
    if context.options.json:
        print_json(
            {".".join(one.key): {"value": one.text, "origin": one.origin} for one in settings}
        )
    else:
        print_lines(shown(line) for line in yaml_of(settings))
    return Exit.OK


def _check(context: Context) -> int:
    """0 for a configuration with which the daemon would run; ConfigError with all problems."""
    config = context.config()
    file = context.file_in_use()
    print(f"{shown(str(file)) if file else 'environment and --set'}: no problem found")
    for remark in remarks_on(config):
        complain(shown(remark))
    return Exit.OK


def _reload(context: Context) -> int:
    """0 when the new configuration is used; ConfigError (78) when the old one stays, Refusal 75.

    The file is read here first, so that what is wrong is told with no daemon too.
    """
    config = context.config()
    if not is_held(config.mediafiles):
        raise CommandRefusal(
            "no daemon is running; the next start reads the configuration", Exit.BUSY
        )
    request = config.control_folder / f"{RELOAD_PREFIX}{uuid.uuid4().hex[:8]}"
    create_file(request, b"", mode=0o600)
    problems = _await_answer(request.with_name(request.name + ANSWER_SUFFIX))
    if problems is None:
        request.unlink(missing_ok=True)
        raise CommandRefusal("the daemon does not answer; see its log", Exit.BUSY)
    if problems:
        raise ConfigError(tuple(f"not taken over: {problem}" for problem in problems))
    print("the daemon has taken over the configuration")
    return Exit.OK


def _await_answer(path: Path) -> list[str] | None:
    """The problems that the daemon names, None when it names nothing in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            time.sleep(POLL_SECONDS)
            continue
        path.unlink(missing_ok=True)
        problems: list[str] = json.loads(content)["problems"]
        return problems
    return None
