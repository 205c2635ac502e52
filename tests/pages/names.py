"""What may be named in a page: keys, codes, words of the source, paths."""

import re
from functools import cache

from presqt_daemon.bagit.findings import RULES
from presqt_daemon.config import Config
from presqt_daemon.errors import HouseFault, TargetFault, UserFault
from presqt_daemon.receivers import ReceiverConfig
from presqt_daemon.settings.sections import SECTIONS, settings_of, target_settings
from presqt_daemon.tickets.process_info import ProcessInfo
from tests.pages.pages import ROOT

CODES = {**UserFault.CODES, **TargetFault.CODES, **HouseFault.CODES}
KEYS_BELOW = {name: set(settings_of(kind)) for name, kind in SECTIONS.items()}
KEYS = {f"{section}.{key}" for section, keys in KEYS_BELOW.items() for key in keys}
SIMPLE_KEYS = (
    set(settings_of(Config))
    | set(target_settings())
    | {"type", "targets", "options", "receivers"}
    | set(settings_of(ReceiverConfig))
    | {key for keys in KEYS_BELOW.values() for key in keys}
    | set(ProcessInfo.__slots__)
)
FILE_ENDINGS = {
    "bz2", "conf", "damaged", "filepart", "json", "jsonl", "md", "old", "part", "py", "service",
    "sh", "tar", "tmp", "toml", "txt", "unused", "whl", "yaml", "yml", "zip",
}  # fmt: skip

KEBAB = re.compile(r"[a-z]+(?:-[a-z0-9]+)+")
SNAKE = re.compile(r"[a-z]+(?:_[a-z0-9]+)+")
CAMEL = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z]*)+")
DOTTED = re.compile(r"([a-z]+)\.([a-z_]+|\*)")
VARIABLE = re.compile(r"PRESQT_[A-Z_]+")
LIVE = re.compile(r"PRESQT_LIVE_(OSF|GITHUB|GITLAB|ZENODO|FIGSHARE)_(TOKEN|URL|ORGANISATION)")


@cache
def source(place: str) -> str:
    """The text of all code below a folder of the checkout."""
    return "\n".join(
        path.read_text(encoding="utf-8")
        for pattern in ("*.py", "*.conf", "*.service", "*.json")
        for path in sorted((ROOT / place).rglob(pattern))
        if "pages" not in path.parts
    )


def is_word(word: str, *places: str) -> bool:
    """Whether the word stands by itself in the code below one of these folders."""
    pattern = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
    return any(pattern.search(source(place)) for place in places)


def is_key(name: str) -> bool:
    """`section.key`, `section.*` or a key alone, of configuration, side-car or status."""
    section, dot, key = name.partition(".")
    if not dot:
        return name in SIMPLE_KEYS or name in SECTIONS
    return name in KEYS or (key == "*" and section in SECTIONS)


def is_code(word: str) -> bool:
    """An error code, a finding's code, or another word that the program or its unit writes."""
    return word in CODES or word in RULES or is_word(word, "presqt_daemon", "systemd")


def is_there(path: str, page: str) -> bool:
    """A path as a page writes it: from the checkout, its own folder, the package or the tests."""
    bases = (ROOT, (ROOT / page).parent, ROOT / "presqt_daemon", ROOT / "tests")
    if any((base / path).exists() for base in bases):
        return True
    name = path.rstrip("/")
    return "/" not in name and any(
        found.is_dir() == path.endswith("/") for found in (ROOT / "presqt_daemon").rglob(name)
    )


def is_example(path: str) -> bool:
    """A path with a part that the reader fills in."""
    return bool(re.search(r"NAME|[<>*]|\.\.\.", path))
