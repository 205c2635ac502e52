"""What `check` finds about targets: a token where one is needed, and that the target takes it."""

import stat
from collections.abc import Iterator, Mapping

from presqt_daemon.cli.check_place import check_folder
from presqt_daemon.cli.check_row import CheckRow, State
from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.errors import PresqtError
from presqt_daemon.targets.base import connect
from presqt_daemon.upload.archive_disk import missing_archive
from presqt_daemon.workers.tokens import CREDENTIALS_VARIABLE, MissingTokenError, Tokens


def check_targets(config: Config, environment: Mapping[str, str]) -> Iterator[CheckRow]:
    """One line for each target, and one more for a token file that others may read."""
    tokens = Tokens(config.targets, dict(environment))
    for target in config.targets.values():
        yield _check_target(target, tokens, has_credentials=CREDENTIALS_VARIABLE in environment)
        if target.type == "folder" and target.path is not None:
            problem = missing_archive(target, config.mediafiles)
            if problem is not None:
                yield CheckRow(f"archive of {target.name}", State.WRONG, f"{problem}; drops wait")
        yield from _check_token_file(target)


def _check_target(target: TargetConfig, tokens: Tokens, *, has_credentials: bool) -> CheckRow:
    what = f"target {target.name}"
    if target.type == "folder" and target.path is not None:
        return check_folder(what, target.path)
    try:
        token = tokens.of(target)
    except MissingTokenError as error:
        if target.token_credential is not None and not has_credentials:
            detail = f"the credential {target.token_credential} is only seen by the service"
            return CheckRow(what, State.WARNING, detail)
        return CheckRow(what, State.WRONG, f"{error}: the target is off, its drops wait")
    try:
        connection = connect(target, token)
        try:
            account = connection.account()
        finally:
            connection.close()
    except PresqtError as error:
        return CheckRow(what, State.WRONG, f"{error.message} [{error.code}]")
    except OSError as error:
        return CheckRow(what, State.WRONG, f"cannot be reached: {error.strerror or error}")
    return CheckRow(what, State.OK, f"{target.type}, as {account.name} ({account.id})")


def _check_token_file(target: TargetConfig) -> Iterator[CheckRow]:
    """A token that other users can read is a token given away."""
    if target.token_file is None:
        return
    try:
        mode = target.token_file.stat().st_mode
    except OSError:
        return
    if mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP):
        yield CheckRow(
            f"token of {target.name}",
            State.WARNING,
            f"others may read or change {target.token_file}: chmod 0600 it",
        )
