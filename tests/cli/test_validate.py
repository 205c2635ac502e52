import json
from pathlib import Path

import pytest

from tests.bags import bag_tree, bag_zip, zip_bytes
from tests.cli.program import Program
from tests.hostile_zips import bag_parts, build, part


def _zip(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "thesis.zip"
    path.write_bytes(content)
    return path


def _damaged() -> bytes:
    tree = bag_tree({f"Project/{n:02}.txt": b"text" for n in range(15)})
    for number in range(12):
        tree[f"data/Project/{number:02}.txt"] = b"TEXT"
    return zip_bytes(tree)


def test_a_valid_bag_is_0_and_says_what_it_holds(program: Program, tmp_path: Path) -> None:
    ended = program.run("validate", _zip(tmp_path, bag_zip()))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[0].startswith("thesis.zip: valid")
    assert "2 payload files, 11 B, sha512" in ended.stdout


def test_an_invalid_bag_is_1_with_errors_grouped_capped_and_counted(
    program: Program, tmp_path: Path
) -> None:
    ended = program.run("validate", _zip(tmp_path, _damaged()))
    assert ended.returncode == 1
    assert ended.stdout.startswith("thesis.zip: not valid\n")
    assert "errors (" in ended.stdout
    assert "... and 2 more" in ended.stdout
    assert "expected:" in ended.stdout


def test_json_names_every_finding(program: Program, tmp_path: Path) -> None:
    ended = program.run("validate", _zip(tmp_path, _damaged()), "--json")
    assert ended.returncode == 1
    tree = json.loads(ended.stdout)
    assert tree["valid"] is False
    assert tree["bag"] is None
    assert tree["error_code"] == "invalid-bag"
    damaged = {item["path"] for item in tree["findings"] if item["expected"] is not None}
    assert {f"data/Project/{number:02}.txt" for number in range(12)} <= damaged
    valid = json.loads(program.run("validate", _zip(tmp_path, bag_zip()), "--json").stdout)
    assert (valid["valid"], valid["error_code"], valid["bag"]["payload_files"]) == (True, None, 2)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 cut"])
def test_what_is_no_zip_is_1_in_words(program: Program, tmp_path: Path, content: bytes) -> None:
    ended = program.run("validate", _zip(tmp_path, content))
    assert ended.returncode == 1
    assert ended.stdout.startswith("thesis.zip: not valid\n")
    assert "Traceback" not in ended.stdout + ended.stderr


def test_a_missing_zip_is_no_verdict(program: Program) -> None:
    ended = program.run("validate", "none.zip")
    assert (ended.returncode, ended.stdout) == (74, "")
    assert "no such file" in ended.stderr


def test_a_folder_is_no_verdict(program: Program, tmp_path: Path) -> None:
    ended = program.run("validate", tmp_path)
    assert (ended.returncode, ended.stdout) == (74, "")
    assert "is no file" in ended.stderr


def test_a_link_to_a_zip_is_followed(program: Program, tmp_path: Path) -> None:
    link = tmp_path / "link.zip"
    link.symlink_to(_zip(tmp_path, bag_zip()).name)
    ended = program.run("validate", link)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("link.zip: valid\n")


def test_a_bag_without_payload_is_refused_as_a_drop_of_it_is(
    program: Program, tmp_path: Path
) -> None:
    path = _zip(tmp_path, build([*bag_parts({}), part("bag/data/")]))
    ended = program.run("validate", path, "--json")
    assert ended.returncode == 1
    tree = json.loads(ended.stdout)
    assert tree["error_code"] == "bad-request"
    assert tree["bag"]["payload_files"] == 0
    told = program.run("validate", path).stdout
    assert "a valid bag, but refused" in told
    assert "nothing to deposit" in told


def test_json_lists_more_than_50_and_counts_errors_and_warnings(
    program: Program, tmp_path: Path
) -> None:
    tree = bag_tree({f"P/{n:04}?": b"alpha" for n in range(1300)})
    for number in range(120):
        del tree[f"data/P/{number:04}?"]
    told = json.loads(program.run("validate", _zip(tmp_path, zip_bytes(tree)), "--json").stdout)
    codes = [item["code"] for item in told["findings"]]
    assert codes.count("missing-file") == 120
    assert codes.count("name-windows") == 1000
    assert (told["errors_total"], told["warnings_total"]) == (121, 1180)


def test_nothing_is_left_behind(program: Program, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    path = _zip(tmp_path, bag_zip())
    program.run("validate", path, environment={"TMPDIR": str(scratch)})
    assert list(scratch.iterdir()) == []


def _without_payload_folder() -> dict[str, bytes]:
    return {name: content for name, content in bag_tree({}).items() if "data/" not in name}


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"thesis.zip": bag_zip()}, 'only what is packed itself: "bag/thesis.zip". Drop "thesis'),
        ({**bag_tree({"a": b"a"}), "bagit.txt": b"BagIt\n"}, "-Encoding: UTF-8`."),
        (_without_payload_folder(), "beside bagit.txt: make the bag again."),
        ({**bag_tree({"a": b"a"}), "data/a": b"b"}, "put the original back or bag it again"),
    ],
    ids=["packed", "declaration", "no payload folder", "damaged"],
)
def test_a_refusal_is_made_of_whole_sentences_and_advises_once(
    program: Program, tmp_path: Path, tree: dict[str, bytes], said: str
) -> None:
    told = program.run("validate", _zip(tmp_path, zip_bytes(tree)), "--json")
    message = json.loads(told.stdout)["message"]
    assert said in message
    assert message.endswith((".", ")"))
    assert message.lower().count("again") <= 1


def test_one_payload_file_is_not_told_in_the_plural(program: Program, tmp_path: Path) -> None:
    told = program.run("validate", _zip(tmp_path, bag_zip({"a": b"a"}))).stdout
    assert "1 payload file, 1 B" in told
