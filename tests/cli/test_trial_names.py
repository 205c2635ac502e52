"""What is told of a server's names, by what it shows afterwards."""

from pathlib import PurePosixPath

import pytest

from presqt_daemon.cli.check.trial_names import FOLDER, LONG_BYTES, TRIALS, judge_names
from presqt_daemon.targets.names import NAMES_AS_THEY_ARE, NameRules

PATHS = [PurePosixPath(FOLDER, name) for names in TRIALS.values() for name in names]
FOUND = dict.fromkeys(PATHS)


def test_there_are_blanks_at_both_ends_twins_and_a_name_of_250_bytes() -> None:
    names = {path.name for path in PATHS}
    assert any(name.startswith(" ") for name in names)
    assert any(name.endswith(" ") for name in names)
    assert max(len(name.encode()) for name in names) == LONG_BYTES
    assert len({name.strip() for name in names}) == len(names) - 1
    assert len({name.casefold() for name in names}) == len(names) - 1


def test_a_server_that_keeps_all_names_is_told_as_that() -> None:
    seen = judge_names(NAMES_AS_THEY_ARE, FOUND, {})
    assert seen.undeclared == ()
    assert (seen.said.count("are two files"), seen.said.count("is kept")) == (3, 3)


@pytest.mark.parametrize(
    "rules", [NameRules(strips=True), NameRules(ignores_case=True), NameRules(normalises="NFC")]
)
def test_what_is_declared_is_no_surprise_and_what_is_not_is_one(rules: NameRules) -> None:
    kept: dict[PurePosixPath, PurePosixPath] = {}
    for path in PATHS:
        kept.setdefault(rules.key(path), rules.stored(path))
    found = dict.fromkeys(kept.values())
    assert judge_names(rules, found, {}).undeclared == ()
    assert judge_names(NAMES_AS_THEY_ARE, found, {}).undeclared


def test_a_name_that_is_refused_is_told_in_the_targets_words() -> None:
    path = PATHS[2]
    found = {other: None for other in PATHS if other != path}
    seen = judge_names(NAMES_AS_THEY_ARE, found, {path: "lab answered 400: too long."})
    words = "a name of 250 bytes is refused (lab answered 400: too long.)"
    assert seen.undeclared == (words,)
    assert words in seen.said
    known = NameRules(forbids=lambda name: "too long" if len(name) > 200 else None)
    assert judge_names(known, found, {path: "no"}).undeclared == ()
