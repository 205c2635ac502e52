"""What a type of target is, known without asking its service and without loading its adapter.

Each room holds one `DEFINITION`; settings, titles, descriptions and the inbox read it, so that
nothing of a type stands anywhere else.
"""

import dataclasses
import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from presqt_daemon.notation import TEXT, or_null, setting

OWN_MODULES: Mapping[str, str] = {
    "folder": "presqt_daemon.targets.folder",
    "osf": "presqt_daemon.targets.osf",
    "github": "presqt_daemon.targets.github",
    "gitlab": "presqt_daemon.targets.gitlab",
    "zenodo": "presqt_daemon.targets.zenodo",
    "figshare": "presqt_daemon.targets.figshare",
}
"""Our table: type -> its room, with `DEFINITION` in it, and `TargetModule` in its `target`."""

PLUG_INS = "presqt_daemon.targets"
"""The entry-point group in which another package offers a target: name = type, value = module."""

TOKEN_KEYS = ("token_file", "token_credential", "token_env")
"""The places of a token; one of them is given."""

ACCOUNT_KEYS = frozenset(
    {"url", *TOKEN_KEYS, "visibility", "publish", "connections", "requests_per_minute"}
)
"""Keys of targets that are an account at a service on the web."""

EVERY_KEY = frozenset({"type", "sender_may", "time_limit", "workers"})
"""Keys that have a meaning for every type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdForm:
    """A pattern for whole ids, and the same in words, to follow "ids there are"."""

    pattern: re.Pattern[str]
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSettings:
    """The own settings of a type that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHostSettings:
    """The own settings that hosts of git repositories have alike."""

    organisation: str | None = setting(None, or_null(TEXT), "null: the account's own repositories")


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One type of target.

    `keys`: of the settings that several rooms read (`TargetConfig`), those that have a meaning
    here; `needs` must be given. `settings`: a dataclass of its own settings, made with `setting`;
    their values reach the adapter as `TargetConfig.own`.
    `ids`: what the ids of its containers look like.
    `service`: the service's name in PresQT's words; None keeps no PRESQT_FTS_METADATA.json.
    `longest_title`: characters of a title that is text for readers; None where it must be a safe
    name of a folder.
    `required`: fields of a description without which a draft cannot be published, of what a bag can
    say. `taken`: all fields it has a place for; None where it tells that of each container.
    """

    ids: IdForm
    keys: frozenset[str] = ACCOUNT_KEYS
    needs: tuple[str, ...] = ()
    settings: type[Any] = NoSettings
    service: str | None = None
    longest_title: int | None = None
    required: tuple[str, ...] = ()
    taken: frozenset[str] | None = None

    @property
    def own_settings(self) -> Mapping[str, Any]:
        """The fields of its own settings, by key, in their order."""
        return {item.name: item for item in dataclasses.fields(self.settings)}

    @property
    def needs_token(self) -> bool:
        """Whether nothing can be deposited without a token."""
        return bool(self.keys.intersection(TOKEN_KEYS))

    @property
    def own_defaults(self) -> Mapping[str, Any]:
        """The values of its own settings where nobody set them."""
        return {key: item.default for key, item in self.own_settings.items()}

    def takes(self, key: str) -> bool:
        """Whether a key of the configuration has a meaning for this type."""
        return key in self.keys or key in EVERY_KEY or key in self.own_settings


@cache
def definition_of(type_name: str) -> Definition | None:
    """The definition of a type that comes along; None for any other, which takes what is said."""
    room = OWN_MODULES.get(type_name)
    if room is None:
        return None
    found: Definition = importlib.import_module(room).DEFINITION
    return found


def definitions() -> Mapping[str, Definition]:
    """All that come along, by type."""
    return {name: found for name in OWN_MODULES if (found := definition_of(name)) is not None}


def why_no_id(type_name: str, resource_id: str) -> str | None:
    """What ids of this type of target are, where this cannot be one; None where it can.

    So a folder in the inbox that was named for another reason is told at once, and not after a
    question to the service for each zip in it. A type that is not ours takes any.
    """
    found = definition_of(type_name)
    if found is None or found.ids.pattern.fullmatch(resource_id):
        return None
    return found.ids.words
