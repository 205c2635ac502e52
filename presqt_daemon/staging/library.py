"""The library `bagit`: makes a bag of a folder, and says what it thinks of one.

The only module that imports it. Its log holds paths of this machine and tracebacks, so that it is
kept quiet here.
"""

import json
import logging
import subprocess
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import bagit

from presqt_daemon.findings import shown
from presqt_daemon.model import Finding, Severity
from presqt_daemon.system.programs.command import python_command

OPINION_SECONDS = 300.0
"""Less than what passes for no progress; a bag that takes the library longer gets no opinion."""

_ASK = (
    "from pathlib import Path; from presqt_daemon.staging.library import trouble_with; "
    "print(json.dumps(trouble_with(Path(sys.argv[2]))))"
)
logging.getLogger("bagit").setLevel(logging.CRITICAL + 1)


class LibraryError(Exception):
    """The library could not make a bag; its words may hold paths of this machine."""


def make_bag(folder: Path, info: Mapping[str, str], algorithms: tuple[str, ...]) -> None:
    """Turn a folder into a bag, in place; what it held is below `data/` afterwards.

    Not for a process with threads: the library changes the working directory for a while. Raises
    OSError, or LibraryError for all else.
    """
    try:
        bagit.make_bag(str(folder), dict(info), processes=1, checksums=list(algorithms))
    except OSError:
        raise
    except Exception as error:
        raise LibraryError(f"{type(error).__name__}: {error}") from error


def trouble_with(folder: Path) -> str | None:
    """Why the library does not take a bag folder for valid, None where it does.

    Any exception counts, since many defects crash it.
    """
    try:
        bagit.Bag(str(folder)).validate(processes=1)
    except Exception as error:  # noqa: BLE001  (it raises far more than its own errors)
        return f"{type(error).__name__}: {error}"
    return None


def disagreement(
    bag_folder: Path,
    verdict_valid: bool,
    findings: Sequence[Finding],
    ask: Callable[[Path], str | None] = trouble_with,
) -> str | None:
    """A sentence for the log where the library judges the unpacked bag otherwise, else None."""
    trouble = ask(bag_folder)
    if (trouble is None) == verdict_valid:
        return None
    if trouble is not None:
        return f"bagit calls this bag invalid, we call it valid: {shown(trouble)}"
    first = next((entry for entry in findings if entry.severity is Severity.ERROR), None)
    reason = "no reason given" if first is None else f"{first.code}: {shown(first.message)}"
    return f"bagit calls this bag valid, we call it invalid: {reason}"


def trouble_in_time(folder: Path, seconds: float = OPINION_SECONDS) -> str | None:
    """As `trouble_with`, in a process of its own that is ended when it takes too long.

    The library hangs on some bags and takes much memory for others: no answer is trouble too.
    """
    try:
        asked = subprocess.run(
            python_command(_ASK, str(folder)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=seconds,
            check=True,
        )
        trouble = json.loads(asked.stdout)
    except subprocess.TimeoutExpired:
        return f"no answer within {seconds:g} s"
    except (subprocess.CalledProcessError, ValueError) as error:
        return f"no answer ({type(error).__name__})"
    return None if trouble is None else str(trouble)
