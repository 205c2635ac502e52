"""Digests: many in one read, git's blob digest, and the strongest algorithm two sides share."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import BinaryIO, Protocol

BLOCK_BYTES = 1 << 20
"""One read; larger blocks gain nothing measurable and cost memory in every worker."""

GIT_BLOB = "git-blob-sha1"
"""SHA-1 over `blob <size>\\0` and the content: the name git, GitHub and GitLab give a file."""

GIT_BLOB_SHA256 = "git-blob-sha256"
"""The same in repositories with the SHA-256 object format."""

_HASHLIB_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "md5": "md5",
        "sha1": "sha1",
        "sha224": "sha224",
        "sha256": "sha256",
        "sha384": "sha384",
        "sha512": "sha512",
        "sha3224": "sha3_224",
        "sha3256": "sha3_256",
        "sha3384": "sha3_384",
        "sha3512": "sha3_512",
        "blake2b": "blake2b",
        "blake2b512": "blake2b",
        "blake2s": "blake2s",
        "blake2s256": "blake2s",
    }
)
_GIT_NAMES: Mapping[str, str] = MappingProxyType({GIT_BLOB: "sha1", GIT_BLOB_SHA256: "sha256"})

STRENGTH: tuple[str, ...] = (
    "sha512",
    "sha3512",
    "blake2b512",
    "blake2b",
    "sha384",
    "sha3384",
    "sha256",
    "sha3256",
    "blake2s256",
    "blake2s",
    GIT_BLOB_SHA256,
    "sha224",
    "sha3224",
    "sha1",
    GIT_BLOB,
    "md5",
)
"""Strongest first; decides among algorithms that bag and target share."""


class Hash(Protocol):
    """What hashlib's objects offer, as far as it is used here."""

    def update(self, data: bytes | memoryview, /) -> None: ...
    def hexdigest(self) -> str: ...


_MAKERS: Mapping[str, Callable[..., Hash]] = MappingProxyType(
    {name: getattr(hashlib, attribute) for name, attribute in _HASHLIB_NAMES.items()}
)


def is_known(algorithm: str) -> bool:
    """Whether a digest of this name can be computed here."""
    return algorithm in _HASHLIB_NAMES or algorithm in _GIT_NAMES


def hex_length(algorithm: str) -> int | None:
    """Number of hex digits of a digest of this algorithm, None where it is not known."""
    name = _HASHLIB_NAMES.get(algorithm) or _GIT_NAMES.get(algorithm)
    return None if name is None else hashlib.new(name, usedforsecurity=False).digest_size * 2


def new_hash(algorithm: str, size: int) -> Hash:
    """A running digest; `size` is the whole content's length, which git's digests begin with.

    Raises KeyError for an algorithm that `is_known` does not know.
    """
    if algorithm in _GIT_NAMES:
        state = hashlib.new(_GIT_NAMES[algorithm], usedforsecurity=False)
        state.update(b"blob %d\0" % size)
        return state
    return hashlib.new(_HASHLIB_NAMES[algorithm], usedforsecurity=False)


def digest_bytes(algorithm: str, content: bytes) -> str:
    """The lower-case hex of a whole content; for small files, where making the state counts.

    Raises KeyError for an algorithm that `is_known` does not know.
    """
    make = _MAKERS.get(algorithm)
    if make is not None:
        return make(content, usedforsecurity=False).hexdigest()
    state = new_hash(algorithm, len(content))
    state.update(content)
    return state.hexdigest()


class Digester:
    """Several digests of one stream, fed block by block."""

    def __init__(self, algorithms: Iterable[str], size: int) -> None:
        self._states = {name: new_hash(name, size) for name in algorithms}
        self._updates = tuple(state.update for state in self._states.values())

    def update(self, block: bytes | memoryview) -> None:
        """Take the next block into every digest."""
        for update in self._updates:
            update(block)

    def digests(self) -> dict[str, str]:
        """Algorithm -> lower-case hex of all that was fed."""
        return {name: state.hexdigest() for name, state in self._states.items()}


def digest_stream(
    stream: BinaryIO,
    algorithms: Collection[str],
    size: int,
    on_bytes: Callable[[int], None] | None = None,
) -> dict[str, str]:
    """Digests of a stream of `size` bytes in one read; `on_bytes` hears each block's length."""
    digester = Digester(algorithms, size)
    buffer = memoryview(bytearray(min(BLOCK_BYTES, size) or 1))
    while count := stream.readinto(buffer):  # type: ignore[attr-defined]
        digester.update(buffer[:count])
        if on_bytes is not None:
            on_bytes(count)
    return digester.digests()


def strongest_common(offered: Collection[str], available: Collection[str]) -> str | None:
    """The strongest algorithm in both, None when they share none."""
    shared = set(offered) & set(available)
    return next((name for name in STRENGTH if name in shared), None)


def choose_algorithm(target: tuple[str, ...], manifests: Collection[str]) -> str | None:
    """The algorithm to compare with the target in; None when the target computes no digest.

    One that a manifest already holds wins, since it has come all the way from the sender; else the
    one that the target trusts most among those that can be computed here.
    """
    return strongest_common(target, manifests) or next(filter(is_known, target), None)
