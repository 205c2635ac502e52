"""What is wrong in a page: each thing it names that is not there."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from presqt_daemon.errors import ConfigError
from presqt_daemon.settings.overrides import PREFIX
from presqt_daemon.settings.read import config_from_tree
from presqt_daemon.tickets import options
from tests.pages.commands import (
    COMMANDS,
    OPTION,
    calls_in,
    complaint,
    meant,
    options_of,
    synopsis_complaint,
)
from tests.pages.names import (
    CAMEL,
    DOTTED,
    FILE_ENDINGS,
    KEBAB,
    LIVE,
    SNAKE,
    VARIABLE,
    is_code,
    is_example,
    is_key,
    is_there,
    is_word,
)
from tests.pages.pages import ROOT, blocks, links, words_in_code

FOR_BUILDERS = ("presqt_daemon/README.md", "tests/README.md", "tests/bench/README.md")
"""Pages in which every folder and class named is one of ours."""

OTHERS_OPTIONS = {"--full", "--no-nanny", "--nthreads"}
"""Of our test run and of dask, which are no commands of the program."""

FOREIGN = {"osf.full_write", "bagit.py"}
"""Names that belong to others: a scope of OSF's tokens, the program of the library `bagit`."""

PATH = re.compile(r"(?:(?:presqt_daemon|tests|systemd|\.ci)/[\w./<>*-]*|[\w./<>*-]+\.py)")
IN_TEXT = re.compile(r"(?<![\w./])(?:presqt_daemon|tests|systemd)/[\w./-]*\w\.(?:py|md|service)")
KEY_AND_VALUE = re.compile(r"([a-z_]+(?:\.[a-z_]+)?):(?: .*)?")
SET = re.compile(r"([a-z_]+(?:\.[a-z_]+)?)=\S*")


def faults(text: str, page: str) -> list[str]:
    """All that is wrong in a page with this text."""
    found = [*_in_blocks(text, page), *_in_links(text, page)]
    for word in words_in_code(text):
        found += _in_word(word, page)
    for path in IN_TEXT.findall(text):
        if not is_example(path) and not is_there(path, page):
            found.append(f"no file {path}")
    return found


def _in_blocks(text: str, page: str) -> Iterator[str]:
    for block in blocks(text, "sh", ""):
        for arguments in calls_in(block):
            said = complaint(arguments)
            if said is not None:
                yield f"presqt-daemon {' '.join(arguments)}: {said}"
            else:
                yield from _in_settings(arguments)
        yield from _variables(block)
        for path in re.findall(r"(?<![\w/.])(?:tests|systemd|presqt_daemon)/[\w./-]+", block):
            if not is_there(path, page):
                yield f"no file {path}"
    for block in blocks(text, "json"):
        for name in json.loads(block):
            if not is_word(name, "presqt_daemon"):
                yield f"nothing writes {name}"
    for block in blocks(text, "yaml"):
        yield from _in_yaml(block)


def _in_settings(arguments: list[str]) -> Iterator[str]:
    for option, setting in itertools.pairwise(arguments):
        if option == "--set" and not is_key(setting.partition("=")[0]):
            yield f"no key {setting}"


def _in_yaml(text: str) -> Iterator[str]:
    tree = yaml.safe_load(text)
    if set(tree) <= set(options._KEYS):
        return
    try:
        config_from_tree(tree, Path("/"))
    except ConfigError as error:
        yield from error.problems


def _in_links(text: str, page: str) -> Iterator[str]:
    for link in links(text):
        place, _, heading = link.partition("#")
        if re.match(r"https?://", link):
            if not re.fullmatch(r"https://[\w.-]+\.[a-z]+(/[\w./%~#?=&-]*)?", link):
                yield f"no address: {link}"
        elif place and not ((ROOT / page).parent / place).exists():
            yield f"a link to nowhere: {link}"
        elif heading:
            target = (ROOT / page).parent / place if place else ROOT / page
            titles = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in titles}
            if heading not in anchors:
                yield f"no heading for {link}"


def _variables(text: str) -> Iterator[str]:
    for name in VARIABLE.findall(text):
        if name.startswith(PREFIX):
            if not is_key(name[len(PREFIX) :].lower().replace("__", ".")):
                yield f"no key for {name}"
        elif not LIVE.fullmatch(name) and not is_word(name, "presqt_daemon", "tests"):
            yield f"nothing reads {name}"


def _in_word(word: str, page: str) -> Iterator[str]:
    """What is wrong with one thing between backticks."""
    yield from _variables(word)
    if word in FOREIGN:
        return
    first = word.split(maxsplit=1)[0] if word.split() else ""
    if first == "presqt-daemon" or (first in COMMANDS and word != first):
        said = synopsis_complaint(word)
        if said is not None:
            yield said
    elif meant(first) is not None and not is_word(first, "presqt_daemon"):
        yield f"no command {first}, but {meant(first)}"
    elif OPTION.fullmatch(first) and first.startswith("--"):
        if first not in options_of(None) | OTHERS_OPTIONS:
            yield f"no command has {first}"
        given = SET.fullmatch(word.partition(" ")[2])
        if first == "--set" and given and not is_key(given[1]):
            yield f"no key {given[1]}"
    elif PATH.fullmatch(word) or (page in FOR_BUILDERS and re.fullmatch(r"[\w./-]+/", word)):
        if not is_example(word) and not is_there(word, page):
            yield f"no file {word}"
    elif pair := KEY_AND_VALUE.fullmatch(word):
        yield from _in_pair(word, pair[1])
    elif DOTTED.fullmatch(word):
        if word.rpartition(".")[2] not in FILE_ENDINGS and not (
            is_key(word) or is_word(word, "presqt_daemon")
        ):
            yield f"no key {word}"
    elif KEBAB.fullmatch(word):
        if not is_code(word) and word not in (ROOT / ".ci/run").read_text():
            yield f"no code {word}"
    elif SNAKE.fullmatch(word):
        if not is_word(word, "presqt_daemon"):
            yield f"no key or name {word}"
    elif _is_name_of_ours(word, page) and not is_word(word, "presqt_daemon", "tests"):
        yield f"nothing is called {word}"


def _is_name_of_ours(word: str, page: str) -> bool:
    """Whether it is written as classes and constants are."""
    if page == FOR_BUILDERS[0]:
        return bool(re.fullmatch(r"[A-Z]\w+", word))
    return bool(CAMEL.fullmatch(word))


def _in_pair(word: str, key: str) -> Iterator[str]:
    """`key: value`, of a target, a section or a side-car; a whole entry of `targets:` too."""
    value = yaml.safe_load(word).get(key)
    if isinstance(value, dict):
        try:
            config_from_tree({"targets": {key: value}}, Path("/"))
        except ConfigError as error:
            yield from error.problems
    elif not is_key(key):
        yield f"no key {key}"
