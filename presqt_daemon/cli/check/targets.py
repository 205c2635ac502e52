"""What `check` finds about targets: a token where one is needed, and that the target takes it."""

import contextlib
from collections.abc import Iterator, Mapping

from presqt_daemon.cli.check.places import try_folder
from presqt_daemon.cli.check.rows import CheckRow, ok, warning, wrong
from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.errors import PresqtError
from presqt_daemon.system.systemd import CREDENTIALS_VARIABLE
from presqt_daemon.targets.base import connect
from presqt_daemon.upload.calls.archive_disk import missing_archive
from presqt_daemon.workers.limits.tokens import MissingTokenError, Tokens


def check_targets(config: Config, environment: Mapping[str, str]) -> Iterator[CheckRow]:
    """One line for each target, and one more for an archive whose disk is missing.

    Whatever is wrong with one, a plug-in that breaks included, the others are looked at too.
    """
    tokens = Tokens(config.targets, dict(environment))
    has_credentials = CREDENTIALS_VARIABLE in environment
    for target in config.targets.values():
        try:
            yield _check_target(target, tokens, has_credentials=has_credentials)
            if target.type == "folder" and target.path is not None:
                problem = missing_archive(target, config.mediafiles)
                if problem is not None:
                    yield wrong(f"archive of {target.name}", f"{problem}; drops wait")
        except Exception as error:  # noqa: BLE001  (a plug-in may raise anything)
            yield wrong(
                f"target {target.name}", f"cannot be looked at: {str(error) or repr(error)}"
            )


def _check_target(target: TargetConfig, tokens: Tokens, *, has_credentials: bool) -> CheckRow:
    what = f"target {target.name}"
    if target.type == "folder" and target.path is not None:
        return try_folder(what, target.path)
    try:
        token = tokens.of(target)
    except MissingTokenError as error:
        if target.token_credential is not None and not has_credentials:
            return warning(
                what,
                f"the credential {target.token_credential} is only seen by the service; "
                "a run by hand needs token_file",
            )
        place = "" if target.token_file is None else f" ({target.token_file})"
        return wrong(what, f"{error}{place}: the target is off, its drops wait")
    try:
        with contextlib.closing(connect(target, token)) as connection:
            account = connection.account()
    except PresqtError as error:
        is_doubtful = error.code == "target-unavailable" and target.url is not None
        hint = f" Is {target.url} right?" if is_doubtful else ""
        return wrong(what, f"{error.message}{hint} [{error.code}]")
    except OSError as error:
        return wrong(what, f"cannot be reached: {error.strerror or error}")
    return ok(what, f"{target.type}, as {account.name} ({account.id})")
