"""What people write for a path, a name, a target, a receiver or an engine that is none here."""

import difflib
import re
from collections.abc import Collection, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.receivers import NotifyConfig, ReceiverConfig
from presqt_daemon.safe_text import may_be_secret
from presqt_daemon.settings.complaints import Complaints
from presqt_daemon.settings.schema import TARGET_NAME
from presqt_daemon.targets.definition import OWN_MODULES, PLUG_INS, TOKEN_KEYS, definition_of

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

ADDRESS_KEYS = frozenset({"urls_file", "urls_credential", "ping_file", "ping_credential"})
"""Keys that name the place of an address, which is a secret."""

PARTS = frozenset({"receivers", "notify"})
WAYS = ("urls_file", "urls_credential", "command")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
MIN_LEASE_SECONDS, MAX_LEASE_SECONDS = 2.0, 3600.0
"""A run is looked at four times a second; a shorter lease would be lost on a busy host."""

TLS = "tls://"
_SCHEMES = ("tcp://", TLS)
_OPTIONS = "engine_options"
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_QUOTES = "\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb"
_SHELL_VARIABLE = re.compile(r"\$\{?[A-Za-z_]|%[A-Za-z_]+%")


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


def pasted_address(key: str, value: Any) -> str | None:
    """What to say where an address itself was written instead of the place of one; else None."""
    if key not in ADDRESS_KEYS or value is None:
        return None
    text = str(value)
    if _ADDRESS.search(text):
        means = "the path of the file" if key.endswith("_file") else "the name of the credential"
        return (
            f"is an address itself (not shown); write {means} that holds it. "
            "If others could read this file, have a new one made"
        )
    return problem_of_credential(text) if key.endswith("_credential") else None


def may_hold_address(value: object, where: tuple[str, ...]) -> bool:
    """Whether a wrong value must not be shown, since it may be an address."""
    return where[0] in PARTS and _ADDRESS.search(repr(value)) is not None


def check_receiver(
    receiver: ReceiverConfig,
    entry: Mapping[str, Any],
    where: tuple[str, str],
    targets: Collection[str],
    complaints: Complaints,
) -> None:
    """How it is told, and of which targets."""
    ways = [key for key in WAYS if getattr(receiver, key)]
    if not ways:
        complaints.add(where, f"has no way to be told: give one of {', '.join(WAYS)}")
    elif len(ways) > 1:
        complaints.add(where, f"give one of {' and '.join(ways)}, not both")
    if "events" in entry and not receiver.events:
        complaints.add((*where, "events"), "is empty: nothing would ever be told")
    for target in receiver.targets:
        if target not in targets:
            known = ", ".join(targets)
            complaints.add(
                (*where, "targets"), f"{target!r} is not among the targets (there are: {known})"
            )


def check_notify(notify: NotifyConfig, complaints: Complaints) -> None:
    """The ping's one address."""
    if notify.ping_file is not None and notify.ping_credential is not None:
        complaints.add(("notify",), "give one of ping_file and ping_credential, not both")


def check_engine_settings(config: Config, complaints: Complaints) -> None:
    """An engine needs its address, and its TLS files all or none.

    Whether its library is there is found when it is opened: a configuration may be read where the
    engine is not used.
    """
    options = config.engine_options
    if config.engine != "local" and not options.address:
        complaints.add((_OPTIONS, "address"), f"must say where the scheduler of {config.engine} is")
    elif options.address and not options.address.startswith(_SCHEMES):
        complaints.add((_OPTIONS, "address"), "must begin with tcp:// or tls://")
    elif options.address and options.address.startswith(TLS) and options.tls_ca is None:
        complaints.add((_OPTIONS, "tls_ca"), "must be set, since the address begins with tls://")
    given = [options.tls_ca, options.tls_cert, options.tls_key]
    if any(given) and not all(given):
        complaints.add((_OPTIONS,), "needs tls_ca, tls_cert and tls_key, or none of them")
    if not MIN_LEASE_SECONDS <= options.lease_ttl <= MAX_LEASE_SECONDS:
        complaints.add((_OPTIONS, "lease_ttl"), "must be at least 2s, and an hour at most")


def problem_of_path(text: str) -> str | None:
    """Why this is no path for the service; None when it is one."""
    if _WINDOWS.match(text):
        return f"{text!r} is a Windows path; name the folder as this Linux machine has it"
    if _ADDRESS.match(text):
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
