"""Names that a target alters: said before anything is made, and verified as they are stored."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.model import DuplicateAction, UploadResult
from presqt_daemon.targets.base import Traits
from presqt_daemon.targets.names import NameRules
from tests.targets.memory import MemoryStore
from tests.upload.tickets import Supervisor, job_for, staged

WATERBUTLER = NameRules(strips=True, blanks_controls=True)
NFC = NameRules(normalises="NFC")
CASELESS = NameRules(ignores_case=True)
NO_GIT = NameRules(forbids=lambda name: "git keeps it for itself" if name == ".git" else None)


def store_with(rules: NameRules) -> MemoryStore:
    """A target that does to names what it declares."""
    traits = Traits(algorithms=("md5",), names=rules)
    return MemoryStore(traits=traits, renames=rules.stored)


def send(store: MemoryStore, folder: Path, **options: object) -> UploadResult:
    config = TargetConfig(name="memory", type="memory")
    return Supervisor().send(job_for(folder, config, **options), connect=store.connect)  # type: ignore[arg-type]


def bag(root: Path, *names: str) -> Path:
    return staged(root, {name: name.encode() for name in names}, extra=("md5",))


@pytest.mark.parametrize(
    ("rules", "names"),
    [
        (WATERBUTLER, ("P/data.csv", "P/data.csv ")),
        (WATERBUTLER, ("P/data.csv", "P/data.csv\u3000")),
        (WATERBUTLER, ("P/a b", "P/a\x07b")),
        (WATERBUTLER, ("P/dir/a", "P/dir /b")),
        (WATERBUTLER, ("P/dir/a", "P/dir ")),
        (NFC, ("P/e\u0301", "P/\u00e9")),
        (CASELESS, ("P/README", "P/Readme")),
    ],
)
def test_two_names_that_would_be_one_are_refused_before_anything_is_made(
    tmp_path: Path, rules: NameRules, names: tuple[str, ...]
) -> None:
    store = store_with(rules)
    with pytest.raises(UserFault, match="would both be stored as") as raised:
        send(store, bag(tmp_path, *names))
    assert raised.value.code == "bad-request"
    assert raised.value.findings
    assert store.rooms == {}


@pytest.mark.parametrize(
    ("rules", "name"),
    [(WATERBUTLER, "P/ \u00a0"), (WATERBUTLER, "P/\x07/a"), (NO_GIT, "P/.git/config")],
)
def test_a_name_that_cannot_be_stored_is_refused_before_anything_is_made(
    tmp_path: Path, rules: NameRules, name: str
) -> None:
    store = store_with(rules)
    with pytest.raises(UserFault, match="cannot be stored there") as raised:
        send(store, bag(tmp_path, name))
    assert raised.value.code == "bad-request"
    assert store.rooms == {}


def test_an_altered_name_is_warned_of_and_verified_as_it_is_stored(tmp_path: Path) -> None:
    store = store_with(WATERBUTLER)
    folder = bag(tmp_path, "P/a ", "P/dir\x07/b", "P/c")
    result = send(store, folder)
    assert store.files("room-1").keys() == {"a", "dir/b", "c"}
    assert (result.failed_fixity, result.unverified_fixity) == ((), ())
    assert [(one.code, one.path) for one in result.warnings] == [
        ("name-altered", "/P/a "),
        ("name-altered", "/P/dir\x07/b"),
    ]
    assert '"remote_path": "dir/b"' in (folder / "journal.jsonl").read_text()
    again = send(store, folder)
    assert (again.ignored, again.failed_fixity, store.puts["a"]) == ((), (), 1)


def test_a_duplicate_is_known_under_the_name_that_the_target_gives_it(tmp_path: Path) -> None:
    store = store_with(WATERBUTLER)
    room = store.room("Theirs", a=b"theirs")
    result = send(store, bag(tmp_path, "a "), resource_id=room)
    assert result.ignored_different == ("/a ",)
    assert store.files(room) == {"a": b"theirs"}
    result = send(store, bag(tmp_path, "a "), resource_id=room, action=DuplicateAction.UPDATE)
    assert (result.updated, store.files(room)) == (("/a ",), {"a": b"a "})


def test_where_case_is_ignored_the_name_is_sent_as_it_is(tmp_path: Path) -> None:
    store = store_with(CASELESS)
    result = send(store, bag(tmp_path, "P/README"))
    assert (result.failed_fixity, result.warnings) == ((), ())
    assert store.files("room-1").keys() == {"README"}


def test_an_alteration_that_is_not_declared_is_failed_fixity(tmp_path: Path) -> None:
    store = replace(store_with(WATERBUTLER), traits=Traits(algorithms=("md5",)))
    result = send(store, bag(tmp_path, "P/a ", "P/b"))
    assert result.failed_fixity == ("/P/a ",)
    assert "stored-under-another-name" in {one.code for one in result.warnings}


def test_rules_strip_every_unicode_space_and_nothing_inside() -> None:
    assert WATERBUTLER.stored(PurePosixPath("\u2028 a b\u00a0")) == PurePosixPath("a b")
    assert WATERBUTLER.stored(PurePosixPath("x/\x07y")) == PurePosixPath("x/y")
