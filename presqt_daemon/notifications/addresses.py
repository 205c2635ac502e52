"""The addresses of receivers and of the ping: read when they are used, and shown nowhere.

They come from a file of the service's own or a systemd credential, one a line; a mended file counts
with the next message.
"""

from collections.abc import Mapping
from pathlib import Path

from presqt_daemon.receivers import NotifyConfig, ReceiverConfig
from presqt_daemon.system.files import NO_FILE, read_secret
from presqt_daemon.system.systemd import CREDENTIALS_VARIABLE


class NoAddressError(Exception):
    """There is no address where one was named; the message says where that is, and no more."""


def receiver_addresses(receiver: ReceiverConfig, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The addresses of a receiver, at least one. Raises NoAddressError."""
    return _addresses(receiver.urls_file, receiver.urls_credential, "urls", environment)


def ping_address(config: NotifyConfig, environment: Mapping[str, str]) -> str:
    """The address that is asked as a sign of life. Raises NoAddressError."""
    found = _addresses(config.ping_file, config.ping_credential, "ping", environment)
    if len(found) > 1 or not found[0].startswith(("https://", "http://")):
        raise NoAddressError("the ping's address must be one, and begin with https://")
    return found[0]


def _addresses(
    file: Path | None, credential: str | None, stem: str, environment: Mapping[str, str]
) -> tuple[str, ...]:
    shown, place = f"{stem}_file", file
    if credential is not None:
        shown = f"the credential {credential}"
        folder = environment.get(CREDENTIALS_VARIABLE)
        if not folder:
            raise NoAddressError(f"{shown}: no credentials are passed to this service")
        place = Path(folder) / credential
    if place is None:
        raise NoAddressError(f"no {stem}_file and no {stem}_credential is set")
    try:
        text = read_secret(place)
    except OSError as error:
        hint = ": is it where the configuration says?" if error.errno in NO_FILE else ""
        raise NoAddressError(f"{shown}: {error.strerror}{hint}") from None
    lines = [line.strip() for line in text.splitlines()]
    found = tuple(line for line in lines if line and not line.startswith("#"))
    if not found:
        raise NoAddressError(f"{shown} holds no address")
    return found
