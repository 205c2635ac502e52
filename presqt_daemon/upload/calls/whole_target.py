"""Whether an upload has failed by its own trouble, or by its target's, which all tickets share.

The table of pauses stands in `presqt_daemon.workers.runs.pauses`; here is the look at the target.
"""

import contextlib
from collections.abc import Iterator

from presqt_daemon.errors import PresqtError, TargetFault
from presqt_daemon.messages import Limited
from presqt_daemon.model import PauseKind
from presqt_daemon.targets.base import Target
from presqt_daemon.upload.calls.patience import MustWait, Patience, limited_by

TARGET = "the target"
TOKEN = "a token"  # noqa: S105
_ASKED_FOR = frozenset(
    {"forbidden", "resource-not-found", "target-unavailable", "target-misbehaved"}
)
"""Codes after which the account's own question tells whose trouble it is."""


@contextlib.contextmanager
def pause_named(target: Target | None, patience: Patience, *, is_path: bool) -> Iterator[None]:
    """MustWait in place of a fault that is the whole target's; None while there is no connection.

    `is_path`: the target is a folder of this machine, whose trouble is the operator's to mend.
    """
    try:
        yield
    except PresqtError as fault:
        # a request that counts takes its turn here too, though the upload itself is broken off
        patience.stop.clear()
        pause = None
        if target is not None:
            pause = pause_from_fault(fault, target, is_path=is_path)
        elif isinstance(fault, TargetFault):
            pause = _held(fault, PauseKind.OPERATOR if is_path else PauseKind.OUTAGE)
        if pause is None:
            raise
        raise MustWait(pause) from fault


def pause_from_fault(fault: PresqtError, target: Target, *, is_path: bool) -> Limited | None:
    """The pause of the whole target, None for a fault of this ticket alone.

    Asks the target once for its account where the fault does not say.
    """
    if fault.code == "unauthorized":
        return _held(fault, PauseKind.TOKEN)
    if fault.code == "rate-limited":
        return limited_by(fault, fault.retry_after)
    if is_path and fault.code == "target-full":
        return _held(fault, PauseKind.OPERATOR)
    if fault.is_outage:
        return _held(fault, PauseKind.OUTAGE)
    if fault.code not in _ASKED_FOR:
        return None
    try:
        # a folder has no account; that it can be read is what all its tickets need
        target.titles() if is_path else target.account()
    except PresqtError as refused:
        if is_path:
            return _held(refused, PauseKind.OPERATOR)
        if refused.code == "rate-limited":
            return limited_by(refused, refused.retry_after)
        is_down = refused.retryable or refused.code == "target-misbehaved"
        return _held(refused, PauseKind.OUTAGE if is_down else PauseKind.TOKEN)
    except OSError:
        return _held(fault, PauseKind.OUTAGE)
    return None


def _held(fault: PresqtError, kind: PauseKind) -> Limited:
    waiting_for = TOKEN if kind is PauseKind.TOKEN else TARGET
    return Limited(reason=fault.message, waiting_for=waiting_for, seconds=None, kind=kind)
