"""Runs `staging.check_command` over a bag and tells its refusal from its failure.

| the command | then |
|---|---|
| ends with 0 | the bag goes on |
| cannot be started, is killed, takes too long, ends with 75, 126, 127 | it has said nothing of the
  bag: `check-failed`, which waits, for the operator's sake |
| ends with any other code | `refused-by-policy`, and its output are the findings |

75 is EX_TEMPFAIL of sysexits.h, 126 and 127 are what shells say of a program that cannot be run.
"""

import os
import shutil
import time
from collections.abc import Callable, Collection
from pathlib import Path

from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import HouseFault, UserFault
from presqt_daemon.findings import and_more, shown
from presqt_daemon.model import Finding
from presqt_daemon.staging.policy.untouched import changes_in, make_read_only, make_writable
from presqt_daemon.system.logs import shared_log
from presqt_daemon.system.programs.command import CommandEnd, run_command

SAYS_NOTHING = frozenset({75, 126, 127})
"""Exit codes of a check that could not be made."""

ALIVE_SECONDS = 1.0
MAX_LISTED = 50
FINDING = "policy"
"""The code of a line of the command's output."""


def require_check(config: StagingConfig) -> None:
    """Raise HouseFault `check-failed` where the command cannot be there, before any work is done.

    A program that is missing would else cost an unpacked bag at each try.
    """
    argv = config.check_command
    if argv is not None and shutil.which(argv[0]) is None:
        raise _failed(argv[0], "is not there, or cannot be run")


def check_policy(
    bag: Path, files: Collection[str], config: StagingConfig, alive: Callable[[], None]
) -> None:
    """Let the operator's command look at an unpacked bag, which it gets as its working folder.

    The bag is read-only meanwhile, and a command that changes it all the same has failed. `files`
    are those of the bag, relative to it; `alive` is called while the command runs.
    Raises UserFault `refused-by-policy`, and HouseFault `check-failed`, which is retryable.
    """
    argv = config.check_command
    if argv is None:
        return
    before = make_read_only(bag)
    try:
        end = run_command(
            argv,
            seconds=config.check_time_limit,
            folder=bag,
            variables={"PRESQT_BAG": os.fspath(bag)},
            is_stopped=_beat(alive),
        )
        changed = changes_in(bag, before)
    finally:
        make_writable(bag, before)
    if changed is not None:
        raise _failed(argv[0], f"has changed the bag ({shown(changed)}), which it only may read")
    if end.exit_code is None or end.exit_code in SAYS_NOTHING:
        said = "".join(f"; it said: {line}" for line in end.lines()[-1:])
        raise _failed(argv[0], f"{end.describe()}{shown(said)}")
    if not end.is_ok:
        log = shared_log("policy", None)
        log.info("the policy check %s refuses the bag: it %s", argv[0], end.describe())
        raise _refused(bag, files, end)


def _beat(alive: Callable[[], None]) -> Callable[[], bool]:
    """Never stops the command; tells now and then that it is waited for."""
    told = time.monotonic()

    def is_stopped() -> bool:
        nonlocal told
        if time.monotonic() - told >= ALIVE_SECONDS:
            told = time.monotonic()
            alive()
        return False

    return is_stopped


def _failed(program: str, what: str) -> HouseFault:
    """The operator's trouble goes to the log; the sender is told that it is none of theirs."""
    shared_log("policy check", None).warning(
        "the policy check %s %s: bags wait for it (staging.check_command)", shown(program), what
    )
    return HouseFault(
        "check-failed",
        "The bag could not be checked by the rules of this service; nothing is wrong with the drop "
        "as far as is known, and it is kept. Ask the operator to look into the log.",
        retryable=True,
    )


def _refused(bag: Path, files: Collection[str], end: CommandEnd) -> UserFault:
    lines = [line.replace(f"{bag}/", "") for line in end.lines()]
    findings = tuple(_finding(line, files) for line in lines[:MAX_LISTED])
    said = "no reason was given" if not lines else findings[0].message
    return UserFault(
        "refused-by-policy",
        f"The bag is refused by the rules of this service: {said}"
        f"{and_more(len(lines) - 1, 'line')}. Change that and drop it again, or ask the operator.",
        findings=findings,
        findings_total=len(lines),
    )


def _finding(line: str, files: Collection[str]) -> Finding:
    """A line of output; what stands before `: ` is a path where the bag has such a file."""
    name, _, rest = line.removeprefix("./").partition(": ")
    if rest and name in files:
        return Finding(code=FINDING, path=name, message=shown(f"{name}: {rest}"))
    return Finding(code=FINDING, message=shown(line))
