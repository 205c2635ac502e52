"""One finding in words, the same way about a zip, a bag and a drop: a code, a path, a sentence."""

from presqt_daemon.errors import UserFault
from presqt_daemon.model import Finding, Severity

THIS = "\0"
"""Stands for the path in a text about it; no name that is shown can hold it."""

_MAX_PATH = 4096
_MAX_SHOWN = 300


def finding(
    code: str,
    path: str,
    what: str,
    *,
    severity: Severity,
    hint: str | None = None,
    expected: str | None = None,
    found: str | None = None,
) -> Finding:
    """One finding with its sentence; long names are cut, odd characters shown as escapes."""
    name = shown(path)
    if THIS in what:
        text = what.replace(THIS, name)
    else:
        text = f"{name}: {what}" if name else what[:1].upper() + what[1:]
    if hint:
        text = f"{text}. {hint}."
    return Finding(
        code=code,
        message=text,
        path=_printable(path[:_MAX_PATH]),
        severity=severity,
        expected=None if expected is None else shown(expected),
        found=None if found is None else shown(found),
        hint=hint,
    )


def refusal(
    error: str,
    code: str,
    message: str,
    *,
    path: str = "",
    hint: str | None = None,
    expected: str | None = None,
    found: str | None = None,
) -> UserFault:
    """The fault of a zip that cannot be read, with its one finding; the message tells all."""
    only = Finding(
        code=code,
        message=message,
        path=_printable(path[:_MAX_PATH]),
        expected=expected,
        found=found,
        hint=hint,
    )
    return UserFault(error, message, findings=(only,))


def and_more(count: int, noun: str) -> str:
    """` (and 1 more error)`, ` (and 2 more errors)`, or nothing."""
    return f" (and {count} more {noun}{'' if count == 1 else 's'})" if count > 0 else ""


def shown(text: str, limit: int = _MAX_SHOWN) -> str:
    """The text on one line, at most `limit` characters of it, bytes that are not UTF-8 as \\xNN."""
    clean = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in _printable(text[: limit + 1])
    )
    return clean if len(clean) <= limit else f"{clean[: limit - 3]}..."


def _printable(name: str) -> str:
    try:
        raw = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = name.encode("utf-8", "backslashreplace")
    return raw.decode("utf-8", "backslashreplace")
