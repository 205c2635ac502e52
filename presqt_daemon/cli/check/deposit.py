"""What `check --deposit` finds: whether a bag really arrives at a target, and is gone again."""

from collections.abc import Iterator, Mapping

from presqt_daemon.cli.check.rows import CheckRow, State
from presqt_daemon.cli.check.trial_deposit import Trial, try_deposit
from presqt_daemon.cli.command_line.exits import no_such
from presqt_daemon.config import Config
from presqt_daemon.workers.limits.tokens import MissingTokenError, Tokens

LISTED = 10


def check_deposit(config: Config, name: str, environment: Mapping[str, str]) -> Iterator[CheckRow]:
    """One line for the deposit, one for its removal, and one for each thing to know.

    Refusal where there is no such target.
    """
    target = config.targets.get(name)
    if target is None:
        raise no_such("target", name, config.targets)
    try:
        token = Tokens(config.targets, dict(environment)).of(target)
    except MissingTokenError as error:
        yield CheckRow(f"deposit to {name}", State.WRONG, f"{error}: not tried")
        return
    yield from rows_from_trial(name, try_deposit(target, token, config.uploads))


def rows_from_trial(name: str, trial: Trial) -> Iterator[CheckRow]:
    """The trial as lines of the table."""
    what = f"deposit to {name}"
    for problem in trial.problems[:LISTED]:
        yield CheckRow(what, State.WRONG, problem)
    if len(trial.problems) > LISTED:
        more = f"... and {len(trial.problems) - LISTED} more"
        yield CheckRow(what, State.WRONG, more)
    if not trial.problems:
        detail = (
            f"{trial.files} files, private, verified by the target's own {trial.algorithm} "
            f"in {trial.seconds:.1f} s"
        )
        yield CheckRow(what, State.OK, detail)
    if trial.names is not None:
        yield CheckRow(f"names at {name}", State.OK, trial.names.said)
        for words in trial.names.undeclared:
            detail = f"{words}: not what is known of this kind of target; please report it"
            yield CheckRow(f"names at {name}", State.WARNING, detail)
    for note in trial.notes:
        yield CheckRow(what, State.WARNING, note)
    if trial.is_removed:
        yield CheckRow(f"removal from {name}", State.OK, "the trial deposit is gone again")
    elif trial.is_made:
        detail = f"this token cannot remove the trial deposit; it is at {trial.link}"
        yield CheckRow(f"removal from {name}", State.WARNING, detail)
