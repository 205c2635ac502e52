"""Errors by whose fault they are, each with a stable code, a status code and a sentence to act on.

They survive pickling, fly straight up and are turned into a status in one place. Whatever is not
one of these is a bug of ours.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from presqt_daemon.model import Finding
from presqt_daemon.safe_text import bounded

NOT_THERE = frozenset({"resource-not-found", "resource-gone"})
"""Codes of what a target does not have, or has no more."""

MAX_MESSAGE = 1_000
"""Characters of a sentence for people, whatever others wrote that it quotes."""


class PresqtError(Exception):
    """An error with a name. `code` must be one that its class lists in `CODES`."""

    CODES: ClassVar[Mapping[str, int]] = MappingProxyType({})

    def __init__(
        self,
        code: str,
        message: str,
        *,
        findings: tuple[Finding, ...] = (),
        findings_total: int | None = None,
        warnings: tuple[Finding, ...] = (),
        warnings_total: int | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        outcome_unknown: bool = False,
        is_outage: bool = False,
    ) -> None:
        """Name the failure.

        A `message` of more than `MAX_MESSAGE` characters loses its middle. `findings` are its
        errors, `warnings` what else was odd; the totals count those beyond what is listed.
        `retry_after` is in seconds from now; `outcome_unknown` says that the request may have taken
        effect all the same; `is_outage` that nothing of the target could be reached, so that no
        other ticket would fare better.
        """
        message = bounded(message, MAX_MESSAGE)
        # by these two it is made anew in another process; its other values follow it there
        super().__init__(code, message)
        self.code = code
        self.status_code = self.CODES[code]
        self.message = message
        self.findings = findings
        self.findings_total = len(findings) if findings_total is None else findings_total
        self.warnings = warnings
        self.warnings_total = len(warnings) if warnings_total is None else warnings_total
        self.retryable = retryable
        self.retry_after = retry_after
        self.outcome_unknown = outcome_unknown
        self.is_outage = is_outage

    def __str__(self) -> str:
        return self.message


class UserFault(PresqtError):
    """The sender or the operator must change something."""

    CODES = MappingProxyType(
        {
            "not-a-zip": 400,
            "incomplete-zip": 400,
            "unsafe-archive": 400,
            "malformed-bag": 400,
            "invalid-bag": 400,
            "bad-request": 400,
            "bad-sidecar": 400,
            "unknown-target": 400,
            "unreadable-file": 400,
            "refused-by-policy": 400,
            "unauthorized": 401,
            "forbidden": 403,
            "resource-not-found": 404,
            "resource-gone": 410,
            "too-large": 413,
            "cancelled": 499,
        }
    )


class TargetFault(PresqtError):
    """The target's side, as seen after the caller's retries."""

    CODES = MappingProxyType(
        {
            "rate-limited": 429,
            "target-refused": 502,
            "target-misbehaved": 502,
            "target-full": 502,
            "target-unavailable": 503,
        }
    )


class HouseFault(PresqtError):
    """Ours: the machine, the worker or the code."""

    CODES = MappingProxyType(
        {
            "worker-died": 500,
            "resume-limit": 500,
            "state-lost": 500,
            "internal-error": 500,
            "check-failed": 500,
            "timed-out": 504,
            "out-of-space": 507,
        }
    )


class MachineError(Exception):
    """The server's own machine failed: a disk of its own, or its handles; never the target's fault.

    `cause` says how. It is no OSError, lest an adapter take it for one of its target's.
    """

    def __init__(self, cause: OSError) -> None:
        super().__init__(cause.strerror or str(cause))
        self.cause = cause


class PayloadSpoilt(Exception):
    """The staged payload on disk no longer has the digests taken at staging: stage again."""


class ConfigError(Exception):
    """The configuration is wrong; `problems` holds every reason, each with its key's path."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
