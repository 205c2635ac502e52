"""A second opinion on a bag from the library `bagit`; it never changes a verdict."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from presqt_daemon.model import Finding, Severity
from presqt_daemon.staging.findings import shown
from presqt_daemon.staging.library import trouble_with

OPINION_SECONDS = 300.0
"""Less than what passes for no progress; a bag that takes the library longer gets no opinion."""

_START = (
    "import json, sys; from pathlib import Path; sys.path[:] = json.loads(sys.argv[1]); "
    "from presqt_daemon.staging.library import trouble_with; "
    "print(json.dumps(trouble_with(Path(sys.argv[2]))))"
)


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
    paths = json.dumps([path for path in sys.path if path])
    command = [sys.executable, "-I", "-S", "-c", _START, paths, str(folder)]
    try:
        asked = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=seconds, check=True
        )
        trouble = json.loads(asked.stdout)
    except subprocess.TimeoutExpired:
        return f"no answer within {seconds:g} s"
    except (subprocess.CalledProcessError, ValueError) as error:
        return f"no answer ({type(error).__name__})"
    return None if trouble is None else str(trouble)
