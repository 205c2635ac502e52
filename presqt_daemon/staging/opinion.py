"""A second opinion on a bag from the library `bagit`; it never changes a verdict."""

from collections.abc import Sequence
from pathlib import Path

from presqt_daemon.model import Finding, Severity
from presqt_daemon.staging.findings import shown
from presqt_daemon.staging.library import trouble_with


def disagreement(bag_folder: Path, verdict_valid: bool, findings: Sequence[Finding]) -> str | None:
    """A sentence for the log where the library judges the unpacked bag otherwise, else None."""
    trouble = trouble_with(bag_folder)
    if (trouble is None) == verdict_valid:
        return None
    if trouble is not None:
        return f"bagit calls this bag invalid, we call it valid: {shown(trouble)}"
    first = next((entry for entry in findings if entry.severity is Severity.ERROR), None)
    reason = "no reason given" if first is None else f"{first.code}: {shown(first.message)}"
    return f"bagit calls this bag valid, we call it invalid: {reason}"
