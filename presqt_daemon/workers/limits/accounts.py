"""Who acts where: what several entries of the configuration may have in common."""

from dataclasses import dataclass, replace

from presqt_daemon.config import TargetConfig


@dataclass(frozen=True, slots=True)
class AccountKey:
    """Who acts where: entries with one address and one token are the same account."""

    type: str
    place: str
    token_mark: str | None


def account_of(target: TargetConfig, token_mark: str | None) -> AccountKey:
    """The account that an entry of the configuration uses."""
    place = target.url or str(target.path or "")
    return AccountKey(target.type, place.rstrip("/"), token_mark)


def site_of(target: TargetConfig) -> AccountKey:
    """Where an entry sends to, whoever does; all folders of this machine are one site."""
    return account_of(replace(target, path=None), None)


@dataclass(frozen=True, slots=True)
class ContainerKey:
    """A container: where it is, and an id that the sender gave or the target resolved."""

    site: AccountKey
    id: str
