"""Who is told of what, and when, as the configuration says it; and figures for who watches.

No address stands here: each is a secret, read from a file or a systemd credential when it is used.
"""

from dataclasses import dataclass
from pathlib import Path

from presqt_daemon.notation import PATH, TEXT, TIME, list_of, or_null, setting

EVENT_WORDS = ("finished", "failed", "cancelled", "fixity", "held", "target", "disk")
"""What a receiver may ask to be told of, from the best to the worst for a ticket, then the rest."""

USUAL_EVENTS = ("failed", "fixity", "held", "target", "disk")

_EVENTS = list_of(*EVENT_WORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverConfig:
    """One entry of `receivers:`: addresses or a command, and the events that it is told of."""

    name: str = ""
    urls_file: Path | None = setting(
        None,
        or_null(PATH),
        "addresses as the library apprise writes them, one a line; only the service can read it",
    )
    urls_credential: str | None = setting(
        None, or_null(TEXT), "the same as a credential that systemd passes (LoadCredential=)"
    )
    command: tuple[str, ...] = setting(
        (),
        list_of(example="/usr/local/bin/on-deposit"),
        "instead of addresses: a program with its arguments, run for each event",
    )
    events: tuple[str, ...] = setting(USUAL_EVENTS, _EVENTS, ", ".join(EVENT_WORDS))
    targets: tuple[str, ...] = setting(
        (), list_of(example="archive"), "only tickets of these, or of their inbox folders; []: all"
    )
    time_limit: float = setting(60.0, TIME, "of one message, or one run of the command")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyConfig:
    """When receivers are told, and the sign of life. Times in seconds."""

    gather: float = setting(
        30.0, TIME, "so long after the first event the others are waited for: one message tells all"
    )
    every: float = setting(
        900.0, TIME, "a receiver gets at most one message in this time; a command is not held back"
    )
    held_after: float = setting(3600.0, TIME, "event held: a ticket has waited for longer")
    down_after: float = setting(120.0, TIME, "event target: nothing of it is reached for longer")
    ping_file: Path | None = setting(
        None, or_null(PATH), "a file with an address that is asked as long as the daemon is alive"
    )
    ping_credential: str | None = setting(
        None, or_null(TEXT), "the same as a credential that systemd passes"
    )
    ping_every: float = setting(300.0, TIME, "the address is asked so often")

    @property
    def has_ping(self) -> bool:
        """Whether there is an address to be asked."""
        return self.ping_file is not None or self.ping_credential is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsConfig:
    """Figures for Prometheus."""

    textfile: Path | None = setting(
        None,
        or_null(PATH),
        "a file NAME.prom in the folder that node_exporter's textfile collector reads",
    )
    every: float = setting(30.0, TIME, "it is written so often")
