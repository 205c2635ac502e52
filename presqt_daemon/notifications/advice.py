"""Whose fault it is and what to do, for each way in which a ticket fails, in words for a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Advice:
    """Whose it is to mend, and what to do, each as the rest of a line."""

    whose: str
    to_do: str


_SENDER = "the sender's"
OPERATOR = "ours, who run this service"
TARGET = "the target's"

_DROP_AGAIN = (
    "tell the sender what is written below; the same text lies beside the drop, in its "
    "process_info.json. A mended bag is dropped again."
)
_RETRY = "`presqt-daemon retry TICKET` when it is mended; the drop is kept."
_LOG = "look into the log (journalctl -u presqt-daemon) at that time, then " + _RETRY
_LATER = "nothing is wrong here; `presqt-daemon retry TICKET` once the target answers again."
_TOKEN = (
    "see whether the target's token is still valid and may do this "
    "(presqt-daemon check), put a new one in its place, then " + _RETRY
)

ADVICE: Mapping[str, Advice] = MappingProxyType(
    {
        "not-a-zip": Advice(_SENDER, _DROP_AGAIN),
        "incomplete-zip": Advice(_SENDER, "ask the sender to copy the zip again, whole."),
        "unsafe-archive": Advice(_SENDER, _DROP_AGAIN),
        "malformed-bag": Advice(_SENDER, _DROP_AGAIN),
        "invalid-bag": Advice(_SENDER, _DROP_AGAIN),
        "bad-request": Advice(_SENDER, _DROP_AGAIN),
        "bad-sidecar": Advice(_SENDER, _DROP_AGAIN),
        "unknown-target": Advice(_SENDER, _DROP_AGAIN),
        "unreadable-file": Advice(
            "the sender's or ours", "let the service read the file, then drop it again."
        ),
        "refused-by-policy": Advice(
            "the sender's, or our check's", "see what the check said of the bag; " + _DROP_AGAIN
        ),
        "unauthorized": Advice(OPERATOR, _TOKEN),
        "forbidden": Advice(OPERATOR, _TOKEN),
        "resource-not-found": Advice(
            _SENDER, "ask the sender for the right resource id; a mended drop is dropped again."
        ),
        "resource-gone": Advice(
            _SENDER, "ask the sender for another resource id; a mended drop is dropped again."
        ),
        "too-large": Advice(
            "the sender's, or our limits", "ask the sender to split the bag, or raise the limit."
        ),
        "cancelled": Advice("nobody's: somebody asked for it", "nothing."),
        "rate-limited": Advice(TARGET, _LATER),
        "target-refused": Advice(TARGET, "read what it says below; " + _RETRY),
        "target-misbehaved": Advice(TARGET, "tell its administrators what is below; " + _RETRY),
        "target-full": Advice(TARGET, "make room there, or ask for more; then " + _RETRY),
        "target-unavailable": Advice(TARGET, _LATER),
        "worker-died": Advice(OPERATOR, _LOG),
        "resume-limit": Advice(OPERATOR, _LOG),
        "state-lost": Advice(OPERATOR, _LOG),
        "internal-error": Advice(OPERATOR, _LOG),
        "check-failed": Advice(
            OPERATOR, "mend the program that staging.check_command names; then " + _RETRY
        ),
        "timed-out": Advice(
            OPERATOR, "raise time_limit or stall_limit if that target is slow; then " + _RETRY
        ),
        "out-of-space": Advice(
            OPERATOR, "make room on the disk (presqt-daemon prune --dry-run lists what may go); "
            "then " + _RETRY
        ),
    }
)  # fmt: skip
"""Error code -> advice; a test sees to it that every code has one."""

_UNKNOWN = Advice(OPERATOR, _LOG)


def advice_for(code: str | None) -> Advice:
    """What to say of a failure; of a code that is not known, as of a fault of ours."""
    return ADVICE.get(code or "", _UNKNOWN)
