"""Why a request got no answer, in words, and whether it can have taken effect.

requests and urllib3 wrap the reason several times; what is told is the innermost that says
something to a person.
"""

import errno
import socket
import ssl
from collections.abc import Iterator

import requests
import urllib3

_MAX_DEPTH = 12
_NO_ROUTE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})


def reason_in_words(error: BaseException) -> str:
    """Such as "connection refused"; no class name, no address, no secret."""
    found = list(_reasons(error))
    for kind, words in _WORDS:
        if any(isinstance(one, kind) for one in found):
            return words
    for one in found:
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"its certificate is not valid: {one.verify_message}"
        if isinstance(one, OSError) and one.errno in _NO_ROUTE:
            return "no route to its host"
    if any(isinstance(one, ssl.SSLError | requests.exceptions.SSLError) for one in found):
        return "no encrypted connection came about"
    if any(isinstance(one, _TIMEOUTS) for one in found):
        return "no answer in time"
    return "the connection was closed before the answer"


def is_unsent(error: BaseException) -> bool:
    """Whether no connection came about, so that the request cannot have taken effect."""
    return any(isinstance(one, _UNSENT) for one in _reasons(error))


_TIMEOUTS = (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
_UNSENT = (
    requests.exceptions.ConnectTimeout,
    requests.exceptions.ProxyError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.ProxyError,
    urllib3.exceptions.NewConnectionError,
    ssl.SSLCertVerificationError,
)
_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (requests.exceptions.ProxyError, "the proxy could not be reached, or refused"),
    (urllib3.exceptions.ProxyError, "the proxy could not be reached, or refused"),
    (socket.gaierror, "its name cannot be looked up"),
    (urllib3.exceptions.NameResolutionError, "its name cannot be looked up"),
    (ConnectionRefusedError, "connection refused"),
    (requests.exceptions.ConnectTimeout, "no connection in time"),
    (urllib3.exceptions.ConnectTimeoutError, "no connection in time"),
)


def _reasons(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps, as argument, reason, cause or context."""
    waiting, seen = [error], 0
    while waiting and seen < _MAX_DEPTH:
        one = waiting.pop(0)
        seen += 1
        yield one
        inner = (*one.args, getattr(one, "reason", None), one.__cause__, one.__context__)
        waiting += [item for item in inner if isinstance(item, BaseException)]
