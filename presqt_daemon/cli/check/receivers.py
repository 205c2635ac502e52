"""What `check` finds about receivers and the ping: each address is there, private and understood.

Nothing is sent unless that is asked for; no address is ever shown.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from presqt_daemon.cli.check.rights import check_secret_file
from presqt_daemon.cli.check.rows import CheckRow, ok, warning, wrong
from presqt_daemon.cli.command_line.exits import no_such
from presqt_daemon.config import Config
from presqt_daemon.notifications.addresses import (
    NoAddressError,
    ping_address,
    receiver_addresses,
)
from presqt_daemon.notifications.delivery import Batch, run_trial
from presqt_daemon.notifications.ping import ask
from presqt_daemon.notifications.send_message import problem_of_url
from presqt_daemon.receivers import ReceiverConfig
from presqt_daemon.system.programs.command import clean_environment
from presqt_daemon.system.systemd import CREDENTIALS_VARIABLE

EVERYBODY = ""
"""What `--notify` stands for without a name."""


def check_receivers(config: Config, environment: Mapping[str, str]) -> Iterator[CheckRow]:
    """One line for each receiver and one for the ping; none where nobody is told."""
    for receiver in config.receivers.values():
        yield _check_receiver(receiver, environment)
    hears_of_disk = ("disk" in one.events and not one.targets for one in config.receivers.values())
    if config.receivers and not any(hears_of_disk):
        yield warning(
            "receivers",
            "nobody is told of a short disk: a receiver with the event disk, without targets",
        )
    if config.notify.has_ping:
        yield _check_ping(config, environment)


def send_trials(config: Config, name: str, environment: Mapping[str, str]) -> Iterator[CheckRow]:
    """Send a trial to one receiver, or to all and the ping. Raises CommandRefusal for no name."""
    if name != EVERYBODY and name not in config.receivers:
        raise no_such("receiver", name, config.receivers)
    for receiver in config.receivers.values():
        if name not in {EVERYBODY, receiver.name}:
            continue
        batch = Batch(receiver=receiver, notifications=())
        cause = run_trial(batch, datetime.now(UTC), environment)
        yield _came_of(f"trial to {receiver.name}", cause, "sent, and taken")
    if name == EVERYBODY and config.notify.has_ping:
        yield _came_of("ping", ask(config.notify, environment), "asked, and answered")


def _came_of(what: str, cause: str | None, success: str) -> CheckRow:
    return ok(what, success) if cause is None else wrong(what, cause)


def _check_receiver(receiver: ReceiverConfig, environment: Mapping[str, str]) -> CheckRow:
    what = f"receiver {receiver.name}"
    told = f"told of {', '.join(receiver.events)}"
    if receiver.command:
        path = clean_environment(os.environ)["PATH"]
        found = shutil.which(receiver.command[0], path=path)
        if found is None:
            return wrong(what, "its command is not there, or no program")
        return ok(what, f"runs {found}; {told}")
    if (row := check_secret_file(what, receiver.urls_file)) is not None:
        return row
    try:
        urls = receiver_addresses(receiver, environment)
    except NoAddressError as error:
        return _without_address(what, receiver.urls_credential, error, environment)
    for number, url in enumerate(urls, 1):
        if (problem := problem_of_url(url)) is not None:
            place = f"address {number}: " if len(urls) > 1 else ""
            return wrong(what, f"{place}{problem}")
    ways = ", ".join(url.partition("://")[0] for url in urls)
    return ok(what, f"{ways}; {told}")


def _check_ping(config: Config, environment: Mapping[str, str]) -> CheckRow:
    if (row := check_secret_file("ping", config.notify.ping_file)) is not None:
        return row
    try:
        ping_address(config.notify, environment)
    except NoAddressError as error:
        return _without_address("ping", config.notify.ping_credential, error, environment)
    return ok("ping", "an address is asked as long as the daemon is alive")


def _without_address(
    what: str, credential: str | None, error: NoAddressError, environment: Mapping[str, str]
) -> CheckRow:
    if credential is not None and CREDENTIALS_VARIABLE not in environment:
        return warning(what, f"the credential {credential} is only seen by the service")
    return wrong(what, str(error))
