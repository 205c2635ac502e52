"""The files in a bag that describe it, as a careless or a mean sender writes them."""

import json
import os
import time
from pathlib import Path

import pytest

from presqt_daemon.config import TargetConfig, UploadsConfig
from presqt_daemon.metadata.bag_metadata import DATACITE, MAX_BYTES
from presqt_daemon.metadata.datacite_shape import misplaced
from presqt_daemon.metadata.describe import Description, describe
from presqt_daemon.metadata.description_limits import MAX_ROWS, MAX_TEXT, MAX_WORDS, within_limits
from presqt_daemon.metadata.fts_document import NAME
from tests.fakes.osf import TOKEN, OsfFake
from tests.metadata.bags_on_disk import metadata_of
from tests.upload.tickets import Supervisor, job_for, staged

DEEP = b"[" * 100_000 + b"]" * 100_000
HALF = b'{"titles": [{"title": "\\ud800x"}], "creators": [{"name": "\\udfff"}]}'
FTS_HALF = (
    b'{"allKeywords": ["\\ud800"], "actions": [], "extra_metadata": '
    b'{"title": "\\udfff", "description": "\\ud800"}}'
)


def _bag(root: Path, name: str, content: bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return root


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (DEEP, "nested"),
        (b'{"publicationYear": 1e999}', "too large"),
        (b'{"titles": [{"title": NaN}]}', "no number"),
        (b'{"publicationYear": ' + b"9" * 6000 + b"}", "digits"),
        (b"[]", "not a JSON object"),
        (b"\xff", "not JSON"),
        (b"", "not JSON"),
    ],
    ids=["deep", "infinite", "nan", "digits", "list", "bytes", "empty"],
)
def test_odd_json_is_a_warning_that_says_why(tmp_path: Path, content: bytes, words: str) -> None:
    found = metadata_of(_bag(tmp_path, f"data/{DATACITE}", content))
    assert found.datacite is None
    (warning,) = found.warnings
    assert warning.code == "metadata-not-read"
    assert words in warning.message


@pytest.mark.parametrize("name", [DATACITE, NAME])
@pytest.mark.parametrize("place", ["data", "data/Project"])
def test_a_folder_of_such_a_name_is_told_and_read_past(
    tmp_path: Path, name: str, place: str
) -> None:
    (tmp_path / place / name).mkdir(parents=True)
    found = metadata_of(tmp_path)
    (warning,) = found.warnings
    assert "is a folder" in warning.message
    assert warning.path == f"{place}/{name}"


def test_a_file_behind_a_folder_of_that_name_is_still_read(tmp_path: Path) -> None:
    (tmp_path / "metadata" / DATACITE).mkdir(parents=True)
    found = metadata_of(_bag(tmp_path, f"data/{DATACITE}", b'{"titles": []}'))
    assert found.datacite == {"titles": []}
    assert len(found.warnings) == 1


def test_a_file_that_is_too_large_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / DATACITE).open("wb") as stream:
        os.truncate(stream.fileno(), MAX_BYTES + 1)
    (warning,) = metadata_of(tmp_path).warnings
    assert "larger than 16 MiB" in warning.message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (DATACITE, HALF),
        (NAME, FTS_HALF),
        (f"{DATACITE}/x.txt", b"x"),
        (f"{NAME}/x.txt", b"x"),
        (f"Project/{DATACITE}/x.txt", b"x"),
        (f"Project/{NAME}/x", b"x"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_halves_of_characters_and_folders_do_not_end_a_deposit(
    tmp_path: Path, name: str, content: bytes
) -> None:
    with OsfFake() as fake:
        config = TargetConfig(name="osf", type="osf", url=fake.api)
        folder = staged(tmp_path, {"Project/a.txt": b"a", name: content}, extra=("sha256",))
        job = job_for(folder, config, token=TOKEN, uploads=UploadsConfig(fts_metadata=True))
        result = Supervisor().send(job)
    assert not result.failed_fixity
    assert not result.unverified_fixity


def test_halves_of_characters_in_the_document_at_the_target_do_not_end_a_deposit(
    tmp_path: Path,
) -> None:
    with OsfFake() as fake:
        node = fake.new_node("Theirs")
        fake.new_entity(node.id, "file", NAME, "", FTS_HALF)
        config = TargetConfig(name="osf", type="osf", url=fake.api)
        folder = staged(tmp_path, extra=("sha256",))
        uploads = UploadsConfig(fts_metadata=True)
        job = job_for(folder, config, token=TOKEN, resource_id=node.id, uploads=uploads)
        result = Supervisor().send(job)
        stored = fake.tree(node.id)[NAME]
        assert stored is not None
        assert stored.kept is not None
        document = json.loads(stored.kept)
    assert not result.failed_fixity
    assert document["allKeywords"] == ["\ufffd"]


@pytest.mark.parametrize(
    "tree",
    [
        {"titles": {"a": 1}, "creators": "x", "subjects": [[["a"]]], "dates": [1], "rightsList": 5},
        {"descriptions": [None], "relatedIdentifiers": [{"relatedIdentifier": {}}], "types": []},
        {"contributors": {"a": []}, "publisher": 5, "publicationYear": [], "identifiers": [1]},
        {"data": {"attributes": [1]}, "alternateIdentifiers": {"a": 1}},
        {"creators": [{"nameIdentifiers": 5, "affiliation": [5, {"name": []}], "name": "n"}]},
    ],
    ids=range(5),
)
def test_values_of_a_wrong_type_are_passed_over_and_told(
    tmp_path: Path, tree: dict[str, object]
) -> None:
    assert isinstance(describe((), None, tree), Description)
    assert isinstance(describe((), tree, None), Description)
    content = json.dumps(tree).encode()
    (warning,) = metadata_of(_bag(tmp_path, f"data/{DATACITE}", content)).warnings
    assert warning.code == "metadata-not-read"
    assert "another type" in warning.message


@pytest.mark.parametrize(
    ("tree", "places"),
    [
        ({"titles": {"a": 1}, "creators": "x"}, ["titles", "creators"]),
        ({"titles": [{"title": "T"}, 7]}, ["titles[1]"]),
        (
            {"creators": [{"name": "n", "affiliation": [5, {"name": []}, "here", {"name": "x"}]}]},
            ["creators[0].affiliation[0]", "creators[0].affiliation[1]"],
        ),
        ({"publisher": 5, "publicationYear": True}, ["publicationYear", "publisher"]),
        ({"data": {"attributes": {"types": []}}, "types": 7}, ["types"]),
        ({"publisher": "P", "publicationYear": "2026", "titles": None, "schemaVersion": 4}, []),
        ({"publisher": {"name": "P"}, "publicationYear": 2026, "data": 7, "dates": []}, []),
    ],
)
def test_a_value_of_a_wrong_type_is_told_with_its_place(
    tree: dict[str, object], places: list[str]
) -> None:
    assert list(misplaced(tree)) == places


def test_a_document_with_nothing_right_in_it_gets_one_warning_that_a_person_can_read(
    tmp_path: Path,
) -> None:
    content = json.dumps({"creators": [{"name": 1}] * 100_000}).encode()
    (warning,) = metadata_of(_bag(tmp_path, f"data/{DATACITE}", content)).warnings
    assert "creators[4].name and more" in warning.message


def test_what_is_too_long_is_cut_and_told() -> None:
    tree = {
        "titles": [{"title": "t" * 10**6}],
        "subjects": [{"subject": f"s{number}"} for number in range(5000)],
        "creators": [{"name": "n" * 10**5}],
        "descriptions": [{"description": "d" * 10**6}],
    }
    short, warnings = within_limits(describe((), None, tree))
    assert len(short.title or "") == MAX_WORDS
    assert len(short.keywords) == MAX_ROWS
    assert len(short.creators[0].name) == MAX_WORDS
    assert len(short.description or "") == MAX_TEXT
    assert {warning.code for warning in warnings} == {"metadata-cut"}
    assert len(warnings) == 4
    assert within_limits(short) == (short, ())


def test_twice_the_text_costs_about_twice_the_time() -> None:
    """Judged by counts of the processor's time of one thread, which a busy machine hardly moves."""

    def cost(size: int) -> float:
        marks = "\u0301" * size + "\u0316" * size
        labels = [("Keywords", f"{marks};{marks}"), ("External-Description", marks)]
        labels += [("Creator", marks), ("License", marks), ("External-Identifier", marks)]
        began = time.thread_time()
        within_limits(describe(labels, None, {"titles": [{"title": marks}]}))
        return time.thread_time() - began

    cost(1000)
    assert cost(800_000) < 40 * max(cost(100_000), 0.01)
