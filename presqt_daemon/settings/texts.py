"""What people write for a path, a name or a credential that is none here."""

import re
from pathlib import Path

from presqt_daemon.safe_text import may_be_secret
from presqt_daemon.settings.schema import TARGET_NAME

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_QUOTES = "\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb"
_SHELL_VARIABLE = re.compile(r"\$\{?[A-Za-z_]|%[A-Za-z_]+%")


def problem_of_path(text: str) -> str | None:
    """Why this is no path for the service; None when it is one."""
    if _WINDOWS.match(text):
        return f"{text!r} is a Windows path; name the folder as this Linux machine has it"
    if ADDRESS.match(text):
        return f"{text!r} is an address; mount the share and name the folder where it is mounted"
    if text[0] in _QUOTES:
        return f"begins with the typographic quote {text[0]}; use plain quotes or none"
    if "\0" in text:
        return "a path holds no NUL character"
    if _SHELL_VARIABLE.search(text):
        return (
            f"{text!r}: variables such as $HOME are not filled in; write the path out, "
            "or begin it with ~/"
        )
    try:
        Path(text).expanduser()
    except RuntimeError:
        return f"{text!r}: there is no such user here, or no home folder"
    return None


def problem_of_name(what: str, name: object) -> str | None:
    """Why a `target` or `receiver` (`what`) cannot be called so; None when it can."""
    if not isinstance(name, str):
        return "a name that YAML takes for a number, a date or yes/no must stand in quotes"
    if (what == "receiver" and may_be_secret(name)) or not re.fullmatch(TARGET_NAME, name):
        return (
            f"a {what}'s name is made of letters, digits, '.', '_' and '-', "
            "and begins with a letter or digit"
        )
    return None


def problem_of_credential(name: str) -> str | None:
    """Why this is no credential that systemd passes; None when it is one."""
    if "/" in name or name in {".", ".."}:
        return "must be the plain name that stands before ':' in LoadCredential="
    return None
