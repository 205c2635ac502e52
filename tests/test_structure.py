"""The house explains itself: small rooms, files of one duty, one name for one thing."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import presqt_daemon

PACKAGE = Path(presqt_daemon.__file__).parent
MAX_FILES = 15
MIN_LINES, MAX_LINES = 30, 300
MIN_ROOM_WORDS = 12
"""What comes in, what goes out and who calls it cannot be said in fewer."""

OF_ANY_LENGTH = frozenset({"__init__.py", "events.py"})
FORBIDDEN_MODULES = {
    *("utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"),
    *("guests", "freight", "asked", "beside", "tally", "lane", "survey"),
}
FORBIDDEN_FUNCTIONS = {
    *("look", "look_at", "tidy", "weigh"),
    *("survey", "settle", "told", "believe", "take_up", "keep_up", "carry", "process", "do_it"),
}


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text("utf-8"))


MODULES = dict(_modules())
FOLDERS = sorted({path.parent for path in PACKAGE.rglob("*.py")})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_room_is_small_and_says_what_it_is_for(folder: Path) -> None:
    files = sorted(path.name for path in folder.glob("*.py"))
    assert len(files) <= MAX_FILES, files
    if folder in {PACKAGE, PACKAGE / "schemas"}:
        return
    said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) or ""
    assert len(said.split()) >= MIN_ROOM_WORDS, "what comes in, what goes out, who calls it"
    assert re.search(r"[Cc]alled by", said), "it does not say who calls it"


def test_every_file_has_30_to_300_lines() -> None:
    lengths = {
        path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8").count("\n")
        for path in PACKAGE.rglob("*.py")
        if path.name not in OF_ANY_LENGTH
    }
    odd = {name: count for name, count in lengths.items() if not MIN_LINES <= count <= MAX_LINES}
    assert odd == {}


def test_no_class_name_stands_for_two_things() -> None:
    places = defaultdict(list)
    for name, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_no_module_is_named_by_a_word_that_says_nothing() -> None:
    words = [part.removesuffix(".py") for name in MODULES for part in name.split("/")]
    assert FORBIDDEN_MODULES.isdisjoint(words)


def test_no_public_function_needs_its_docstring_to_be_understood() -> None:
    riddles = [
        f"{name}: {node.name}"
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name in FORBIDDEN_FUNCTIONS
    ]
    assert riddles == []
