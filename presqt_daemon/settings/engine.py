"""Settings of an engine of many hosts that do not go together."""

from urllib.parse import urlsplit

from presqt_daemon.config import Config
from presqt_daemon.settings.complaints import Complaints

MIN_LEASE_SECONDS, MAX_LEASE_SECONDS = 2.0, 3600.0
"""A run is looked at four times a second; a shorter lease would be lost on a busy host."""

TLS = "tls://"
_SCHEMES = ("tcp://", TLS)
_OPTIONS = "engine_options"


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
    elif options.address and not _has_port(options.address):
        complaints.add((_OPTIONS, "address"), "must end with a host and a port, as in host:8786")
    elif options.address and options.address.startswith(TLS) and options.tls_ca is None:
        complaints.add((_OPTIONS, "tls_ca"), "must be set, since the address begins with tls://")
    elif options.address and not options.address.startswith(TLS) and options.tls_ca is not None:
        complaints.add((_OPTIONS, "address"), "must begin with tls://, since tls_ca is set")
    given = [options.tls_ca, options.tls_cert, options.tls_key]
    if any(given) and not all(given):
        complaints.add((_OPTIONS,), "needs tls_ca, tls_cert and tls_key, or none of them")
    if not MIN_LEASE_SECONDS <= options.lease_ttl <= MAX_LEASE_SECONDS:
        complaints.add((_OPTIONS, "lease_ttl"), "must be at least 2s, and an hour at most")


def _has_port(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(parts.hostname and parts.port)
    except ValueError:
        return False
