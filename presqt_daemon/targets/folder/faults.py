"""A directory's errors by name: which of them pass, and whose fault the others are."""

import contextlib
import errno
from collections.abc import Iterator

from presqt_daemon.errors import MachineError, PresqtError, TargetFault, UserFault
from presqt_daemon.system.shortage import is_shortage

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_REFUSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_BAD_NAME = frozenset({errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ})


@contextlib.contextmanager
def faults_named(target: str, subject: str) -> Iterator[None]:
    """Turn an OSError into a fault; `subject` is the file or folder as the sender knows it.

    What the machine itself is short of becomes a MachineError.
    FileExistsError passes, since the caller decides what it means.
    """
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        if is_shortage(error):
            raise MachineError(error) from error
        raise fault_from(error, target, subject) from error


def fault_from(error: OSError, target: str, subject: str) -> PresqtError:
    """The fault that an OSError means; its message holds no path of the server."""
    code = error.errno
    reason = error.strerror or type(error).__name__
    if code in _FULL:
        return TargetFault(
            "target-full", f"{target} is full: {subject} found no room.", retryable=True
        )
    if code in _REFUSED:
        return TargetFault("target-refused", f"{target} refuses {subject}: {reason}.")
    if code in _BAD_NAME:
        return UserFault("bad-request", f"{target} cannot hold the name {subject}: {reason}.")
    if code == errno.EFBIG:
        return UserFault("too-large", f"{subject} is larger than {target} can hold.")
    if code in {errno.ELOOP, errno.ENOTDIR, errno.EISDIR}:
        return UserFault(
            "bad-request",
            f"{subject} cannot be stored in {target}: something of another kind, or a link, "
            "stands in its way.",
        )
    return TargetFault(
        "target-unavailable", f"{target} cannot be reached for {subject}: {reason}.", retryable=True
    )
