"""Drops with odd values in side-car, labels and metadata documents, which a seed chooses."""

import json
import random
from dataclasses import dataclass
from functools import cache
from typing import Any

from presqt_daemon.metadata.bag_metadata import DATACITE
from presqt_daemon.metadata.fts_document import NAME
from tests.bags import bag_tree, zip_bytes
from tests.targets.odd_answers import ODD, PAYLOAD, WHOLE, put_at, spots_of
from tests.upload.test_odd_metadata import DATACITE_TREE, FTS_TREE

LABELS = (
    "PresQT-Target", "PresQT-Resource-Id", "PresQT-Duplicate-Action", "PresQT-Title", "Title",
    "External-Identifier", "External-Description", "Source-Organization", "Contact-Name",
    "Contact-Email", "Creator", "Author", "Keywords", "Keyword", "License", "Rights",
    "Publication-Date", "Resource-Type", "Category", "Language", "Version", "Bagging-Date",
    "Bag-Count", "Bag-Size", "Bag-Group-Identifier", "BagIt-Profile-Identifier", "Payload-Oxum",
    "Bag-Software-Agent", "\u202eTitle", "", "a" * 5000,
)  # fmt: skip
TEXTS = (
    b"", b" ", b"x", b"\0", b"\x1b[31mred\x07", b"\xff\xfe", b"\xc3\xa9", b"e\xcc\x81" * 30_000,
    b"a" + b"\xcc\x81\xcc\x96" * 30_000, b"\xed\xa0\x80", b"\xe2\x80\xaegpj", b"\xf3\xa0\x81\x81",
    b"\xe2\x80\xa8x", b"\xc2\x85x", b"..", b"../../x", b"/", b"a/b\\c", b"%2F..%2F", b".", b"~",
    b"x" * 100_000, b"9" * 6000, b"1e999", b"nan", b"-1", b"0", b"1.1.1", b"\xd9\xa2.\xd9\xa1",
    b"9" * 5000 + b".1", b"null", b"true", b"{}", b"[]", b"update", b"IGNORE", b"here", b"there",
    b"2026-02-31", b"99999-99-99", b"0000", b"2026-13", b"9999999-01-01", b"0001-01-01/",
    b", , ,;", b";" * 20_000, b"a," * 20_000, b"Family, Given", b",x", b"x,",
    b"<script>alert(1)</script>", b"javascript:alert(1)", b"http://[::1", b"https://doi.org/10.",
    b"10.5281/zenodo.1", b"doi:10.1/x y", b"cc-by-4.0", b"https://orcid.org/0000-0002-1825-0097",
    b"Dataset", b"Software", b"en", b"english" * 99, b"a@b.c", b"presqt-ticket:x", b":", b"- x",
    b"one\r\n two", b"one\n\ttwo", b"one\n \n two", b"one\rTitle: two", b" x ", b"x\n# y",
)  # fmt: skip
KEYS = ("target", "resource_id", "file_duplicate_action", "title")
YAML = (
    "", "~", "x", "'x'", '"x"', "!!int ''", "!!bool foo", "!!timestamp x", "!!binary YQ==",
    "!!set {a: }", "!!python/object/apply:os.system [id]", "!x y", "&a x", "*a", "&a [*a]",
    "{a: b}", "[a, b]", "[" * 20_000, "{a: " * 5_000, "|\n  x\n  y", ">-\n  x", "? x", "- x",
    '"\\ud800"', '"\\UFFFFFFFF"', '"\\x1b[31m"', '"\\0"', "\u202ex", "\u2028x", "\x85x", "x: y",
    "9" * 30_000, "59:" * 9_000 + "59", ".inf", "0x1f", "1_000", "=", "<<", "update", "ignore",
    "here", "there", "..", "../x", "a/b", "a" * 60_000, "a\u0301\u0316" * 9_000, "' '", "\t",
    "\ufeffx", "a #b", "@x", "`x", "%x", "null", "true", "2026-01-01", "1", "''",
)  # fmt: skip

Spot = tuple[str, Any]
"""In which of the four texts, and where there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OddDrop:
    """A zip and perhaps its side-car; `told` says what is odd in them."""

    zip: bytes
    sidecar: bytes | None
    told: tuple[str, ...]


@cache
def choices() -> tuple[tuple[Spot, Any], ...]:
    """Every odd value of what a sender may choose; each type of target reads it in its own way."""
    labels = (label for label in LABELS if label.startswith("PresQT-"))
    pairs: list[tuple[Spot, Any]] = [
        *((("label", label), text) for label in labels for text in TEXTS),
        *((("side-car", key), text) for key in KEYS for text in YAML),
    ]
    random.Random(1).shuffle(pairs)
    return tuple(pairs)


@cache
def singles() -> tuple[tuple[Spot, Any], ...]:
    """Every odd value in every other field, in an order of no meaning."""
    others = (label for label in LABELS if not label.startswith("PresQT-"))
    pairs: list[tuple[Spot, Any]] = [(("label", one), text) for one in others for text in TEXTS]
    for document, tree in ((DATACITE, DATACITE_TREE), (NAME, FTS_TREE)):
        pairs += [((document, path), value) for path in spots_of(tree) for value in ODD]
        pairs += [((document, None), content) for content in WHOLE]
    random.Random(0).shuffle(pairs)
    return tuple(pairs)


def odd_drop(seed: int) -> OddDrop:
    """The drop of a seed: one odd value of all in their turn, and mostly a second one by chance.

    The seeds below `len(choices())` are those of the choices.
    """
    chance = random.Random(seed)
    every = choices() + singles()
    chosen = [every[seed]]
    if chance.random() < 0.75:
        chosen.append(chance.choice(every))
    labels: list[tuple[bytes, bytes]] = [(b"Title", b"T"), (b"Creator", b"Family, Given")]
    sidecar: dict[str, str] = {}
    documents: dict[str, Any] = {}
    for (where, spot), value in chosen:
        if where == "label":
            labels.insert(chance.randrange(3), (spot.encode(), value))
        elif where == "side-car":
            sidecar[spot] = value
        elif spot is None:
            documents[where] = value
        else:
            tree = documents.get(where, DATACITE_TREE if where == DATACITE else FTS_TREE)
            if not isinstance(tree, bytes):
                documents[where] = put_at(tree, spot, value)
    files = {**PAYLOAD}
    for name, tree in documents.items():
        files[f"Project/{name}"] = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    side = "".join(f"{key}: {value}\n" for key, value in sidecar.items())
    return OddDrop(
        zip=zip_bytes(_tree(files, labels), folder=chance.choice(("bag", "bag", None))),
        sidecar=side.encode() if sidecar else None,
        told=tuple(f"{where} {spot}: {value!r:.60}" for (where, spot), value in chosen),
    )


def _tree(files: dict[str, bytes], labels: list[tuple[bytes, bytes]]) -> dict[str, bytes]:
    tree = bag_tree(files, tag_manifest=False)
    tree["bag-info.txt"] = b"".join(b"%b: %b\n" % label for label in labels)
    return tree
