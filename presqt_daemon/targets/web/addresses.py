"""Addresses that a target names: taken apart in one place, since any text may stand there."""

from urllib.parse import SplitResult, urljoin, urlsplit

from presqt_daemon.errors import TargetFault

Origin = tuple[str, str, int | None]
"""Scheme, host and port: what decides who gets to see a token."""

MAX_PAGE_CHARACTERS = 2000
"""Longer ones are opened by no browser for sure (RFC 9110 section 4.1 asks for 8000 octets)."""

_PORTS = {"https": 443, "http": 80}


def address_parts(url: str, target: str) -> SplitResult:
    """The parts of an address on the web. Raises TargetFault `target-misbehaved` for any other."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or not url.isprintable() or " " in url:
        raise TargetFault(
            "target-misbehaved", f"{target} names an address that is none on the web: {url[:200]!r}"
        )
    return parts


def page_from(link: object) -> str | None:
    """The address of a page that a person may open; None for whatever else stands in its place."""
    if not isinstance(link, str) or len(link) > MAX_PAGE_CHARACTERS:
        return None
    try:
        return address_parts(link, "").geturl()
    except TargetFault:
        return None


def origin_of(url: str, target: str) -> Origin:
    """Whose server it is. Raises TargetFault `target-misbehaved`."""
    parts = address_parts(url, target)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme]


def joined(url: str, reference: str, target: str) -> str:
    """The address that a reference means on a page. Raises TargetFault `target-misbehaved`."""
    try:
        address = urljoin(url, reference)
    except ValueError:
        address = reference
    address_parts(address, target)
    return address


def is_same_host(url: str, other: str) -> bool:
    """Whether two addresses are one server's."""
    return origin_of(url, url) == origin_of(other, other)
