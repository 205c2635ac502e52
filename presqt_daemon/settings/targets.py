"""Entries of `targets` that cannot be: a type that is none, keys of no meaning, a pasted token."""

import difflib
import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from presqt_daemon.config import TargetConfig
from presqt_daemon.safe_text import may_be_secret
from presqt_daemon.settings.complaints import Complaints
from presqt_daemon.settings.texts import problem_of_credential
from presqt_daemon.targets.definition import OWN_MODULES, PLUG_INS, TOKEN_KEYS, definition_of

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def pasted_token(key: str, value: Any, base: Path) -> str | None:
    """What to say where a token itself was written instead of the place of one; else None."""
    if key not in TOKEN_KEYS or value is None:
        return None
    text = str(value)
    if may_be_secret(text) and "/" not in text and not (base / text).exists():
        means = {
            "token_file": "the path of the file that holds it",
            "token_credential": "the name of the credential",
            "token_env": "the name of the variable that holds it",
        }[key]
        return (
            f"looks like a token itself (not shown); write {means}. "
            "If others could read this file, have a new token made"
        )
    if key == "token_env" and not _VARIABLE.fullmatch(text):
        hint = "; write it without $" if text.startswith("$") else ""
        return f"is no name of an environment variable{hint}"
    return problem_of_credential(text) if key == "token_credential" else None


def check_target(
    target: TargetConfig, entry: Mapping[str, Any], where: tuple[str, str], complaints: Complaints
) -> None:
    """Its type, and what goes with it."""
    if "type" not in entry:
        complaints.add(
            (*where, "type"), f"is missing (one of {', '.join(OWN_MODULES)}, or a plug-in)"
        )
        return
    problem = _problem_of_type(target.type)
    if problem is not None:
        complaints.add((*where, "type"), problem)
        return
    kind = definition_of(target.type)
    if kind is not None:
        for key in entry:
            if not kind.takes(key):
                complaints.add((*where, key), f"has no meaning for type {target.type}")
        for key in kind.needs:
            if getattr(target, key, target.own.get(key)) is None:
                complaints.add((*where, key), "is missing")
    tokens = [key for key in TOKEN_KEYS if getattr(target, key)]
    if len(tokens) > 1:
        complaints.add(where, f"give one of {' and '.join(tokens)}, not both")
    if target.url is not None:
        problem = _problem_of_address(target.url)
        if problem is not None:
            complaints.add((*where, "url"), problem)


def _problem_of_type(given: str) -> str | None:
    if given in OWN_MODULES:
        return None
    known = [*OWN_MODULES, *sorted({p.name for p in entry_points(group=PLUG_INS)} - {*OWN_MODULES})]
    if given in known:
        return None
    likely = difflib.get_close_matches(given.lower(), known, 1)
    hint = f"; did you mean {likely[0]}?" if likely else ""
    shown = "this" if may_be_secret(given) else repr(given)
    return f"{shown} is no type of target{hint} (there are: {', '.join(known)})"


def _problem_of_address(url: str) -> str | None:
    if not url.startswith(("https://", "http://")):
        return "must begin with https:// (or http:// for a test server)"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (raises for one that is none)
    except ValueError:
        return "is no address"
    if not parts.hostname:
        return "names no server"
    if parts.username is not None or parts.password is not None:
        return "must hold no user name and no password; a token goes into token_file"
    return None
