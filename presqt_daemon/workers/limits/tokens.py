"""A target's token: from a file, a systemd credential or the environment; never anywhere else."""

import hashlib
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from presqt_daemon.config import TargetConfig
from presqt_daemon.system.files import read_secret
from presqt_daemon.system.systemd import CREDENTIALS_VARIABLE

_PLAIN = re.compile(r"[^\s\"'=:]+=*")
"""As RFC 6750 section 2.1 has them, `=` at the end alone; not `"..."`, `TOKEN=...`, `a: ...`."""


class MissingTokenError(Exception):
    """A target needs a token and there is none; the message says where it was looked for."""


class Tokens:
    """Reads tokens when they are needed, so that a mended file counts at once.

    Variables named by `token_env` are read once and taken out of the environment, before any
    worker could inherit them.
    """

    def __init__(
        self, targets: Mapping[str, TargetConfig], environment: MutableMapping[str, str]
    ) -> None:
        self._credentials = environment.get(CREDENTIALS_VARIABLE)
        self._from_environment: dict[str, str] = {}
        self.reload(targets, environment)

    def reload(
        self, targets: Mapping[str, TargetConfig], environment: MutableMapping[str, str]
    ) -> None:
        """Take the variables of a changed configuration out of the environment."""
        for target in targets.values():
            name = target.token_env
            if name is not None and name in environment:
                self._from_environment[name] = environment.pop(name)

    def of(self, target: TargetConfig) -> str | None:
        """The target's token, None where its type takes none. Raises MissingTokenError."""
        if target.token_env is not None:
            token = self._from_environment.get(target.token_env, "")
            return _checked(token, f"the environment variable {target.token_env}")
        place: Path | None = target.token_file
        shown = "its token file"
        if target.token_credential is not None:
            shown = f"the credential {target.token_credential}"
            place = Path(self._credentials) / target.token_credential if self._credentials else None
            if place is None:
                raise MissingTokenError(f"{shown} (no credentials are passed to this service)")
        if place is None:
            return None
        try:
            text = read_secret(place)
        except OSError as error:
            raise MissingTokenError(f"{shown}: {error.strerror}") from None
        return _checked(text, shown)

    def mark_of(self, target: TargetConfig) -> str | None:
        """A digest of the token, to tell whether it was replaced; None while there is none."""
        try:
            token = self.of(target)
        except MissingTokenError:
            return None
        return mark_from(token)


def mark_from(token: str | None) -> str | None:
    """A token's digest, None for none."""
    return None if token is None else hashlib.sha256(token.encode()).hexdigest()


def how_to_replace(target: TargetConfig) -> str:
    """What makes another token count, as a sentence."""
    if target.token_credential is not None or target.token_env is not None:
        return "It is read at the start alone: replace it, then `systemctl restart presqt-daemon`."
    return f"A new one in {target.token_file} counts at once."


def _checked(text: str, shown: str) -> str:
    token = text.strip()
    if not token:
        raise MissingTokenError(f"{shown} is empty or not set")
    if not token.isascii() or not token.isprintable() or not _PLAIN.fullmatch(token):
        raise MissingTokenError(f"{shown} does not hold one plain token")
    return token
