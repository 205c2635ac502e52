import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bags import bag_tree, bag_zip, drop, zip_bytes
from tests.house.house import House, open_house, wait_until


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("house")) as house:
        house.start()
        yield house


def tar_bytes() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("bag/bagit.txt")
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"abc"))
    return buffer.getvalue()


def two_bags() -> bytes:
    tree = bag_tree({"a": b"1"})
    both = {f"one/{k}": v for k, v in tree.items()} | {f"two/{k}": v for k, v in tree.items()}
    return zip_bytes(both, folder=None)


def second_bag() -> dict[str, bytes]:
    return {f"second/{name}": content for name, content in bag_tree({"b": b"2"}).items()}


BAD: dict[str, tuple[bytes, str, str]] = {
    "text.zip": (b"just some text, long enough to be one", "not-a-zip", "zip"),
    "empty.zip": (b"", "not-a-zip", "empty"),
    "cut.zip": (bag_zip({"P/a": os.urandom(5000)})[:3000], "incomplete-zip", "again"),
    "archive.zip": (tar_bytes(), "not-a-zip", "tar"),
    "plain.tar": (tar_bytes(), "not-a-zip", "tar"),
    "nobag.zip": (zip_bytes({"a.txt": b"1"}, folder="x"), "malformed-bag", "bagit.txt"),
    "twobags.zip": (two_bags(), "malformed-bag", "two"),
    "rootandmore.zip": (
        zip_bytes(bag_tree({"a": b"1"}), folder=None, extra=second_bag()),
        "malformed-bag",
        "second",
    ),
    "nopayload.zip": (
        zip_bytes(bag_tree({}), extra={"bag/data/": b""}), "bad-request", "payload",
    ),
    "badaction.zip": (
        bag_zip(info=[("PresQT-Duplicate-Action", "replace")]),
        "bad-request",
        "The options are 'ignore' or 'update'",
    ),
    "badtitle.zip": (bag_zip(info=[("PresQT-Title", "../up")]), "bad-request", "title"),
    "stolen.zip": (
        bag_zip(info=[("PresQT-Resource-Id", "other")]), "bad-request", "may not choose",
    ),
}  # fmt: skip


def end_of(house: House, content: bytes, name: str, folder: str = "archive") -> dict[str, Any]:
    drop(content, house.inbox / folder / name)
    info = house.ended(name)
    assert info["status"] == "failed", info
    return info


def kept(house: House, info: dict[str, Any], content: bytes) -> bool:
    folder = house.uploads / info["ticket_number"]
    return any(
        path.read_bytes() == content
        for path in folder.iterdir()
        if path.is_file() and not path.name.endswith((".json", ".jsonl", ".yaml"))
    )


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_a_clear_error_and_is_kept(house: House, name: str) -> None:
    content, code, words = BAD[name]
    info = end_of(house, content, name)
    assert info["error_code"] == code, info["message"]
    assert words in info["message"]
    assert info["status_code"] == 400
    assert info["errors_total"] >= 1
    assert info["errors"][0]["code"]
    assert str(house.root) not in info["message"]
    assert kept(house, info, content)
    assert (house.uploads / info["ticket_number"] / "receipt.json").exists()


def test_a_side_car_that_is_no_mapping_is_told(house: House) -> None:
    (house.inbox / "archive" / "car.zip.yaml").write_text("- just a list\n")
    content = bag_zip()
    info = end_of(house, content, "car.zip")
    assert info["error_code"] == "bad-sidecar"
    assert kept(house, info, content)


def test_a_side_car_with_a_forbidden_choice_is_told(house: House) -> None:
    (house.inbox / "archive" / "forbidden.zip.yaml").write_text("resource_id: other\n")
    content = bag_zip()
    info = end_of(house, content, "forbidden.zip")
    assert info["error_code"] == "bad-request"
    assert kept(house, info, content)
    side_car = house.uploads / info["ticket_number"] / "forbidden.zip.yaml"
    assert side_car.read_text() == "resource_id: other\n"


def test_an_empty_choice_in_a_side_car_is_told(house: House) -> None:
    (house.inbox / "archive" / "untitled.zip.yaml").write_text('title: ""\n')
    content = bag_zip()
    info = end_of(house, content, "untitled.zip")
    assert info["error_code"] == "bad-request"
    assert "title" in info["message"]
    assert kept(house, info, content)


def test_a_drop_beside_the_target_folders_learns_which_there_are(house: House) -> None:
    content = bag_zip()
    info = end_of(house, content, "nowhere.zip", folder=".")
    assert info["error_code"] == "unknown-target"
    assert "archive/" in info["message"]
    assert kept(house, info, content)


def test_a_folder_that_is_no_target_is_told(house: House) -> None:
    (house.inbox / "elsewhere").mkdir()
    content = bag_zip()
    info = end_of(house, content, "lost.zip", folder="elsewhere")
    assert info["error_code"] == "unknown-target"
    assert "archive/" in info["message"]
    assert kept(house, info, content)


def test_a_folder_name_that_climbs_out_is_refused_and_a_hidden_one_is_never_read(
    house: House,
) -> None:
    for name in ("x%2F..%2F..%2Fup", "..%2F..%2Fup"):
        (house.inbox / "archive" / name).mkdir()
        drop(bag_zip(), house.inbox / "archive" / name / "climb.zip")
    info = house.ended("x%2F..%2F..%2Fup")
    assert info["error_code"] == "bad-request"
    assert "ids there are" in info["message"]
    for name in ("x%2F..%2F..%2Fup", "..%2F..%2Fup"):
        assert (house.inbox / "archive" / name / "climb.zip").exists()
    assert not (house.root / "up").exists()


def test_an_unknown_container_is_told_in_presqts_words(house: House) -> None:
    (house.inbox / "archive" / "missing").mkdir()
    content = bag_zip()
    info = end_of(house, content, "ghost.zip", folder="archive/missing")
    assert kept(house, info, content)
    assert info["error_code"] == "resource-not-found"
    assert info["status_code"] == 404
    assert info["message"].startswith("Resource with id 'missing' not found for this user.")


def test_a_plain_bag_folder_stays_and_its_ticket_says_to_zip_it(house: House) -> None:
    folder = house.inbox / "archive" / "plainbag"
    (house.root / "aside" / "data").mkdir(parents=True)
    (house.root / "aside" / "bagit.txt").write_text("BagIt-Version: 1.0\n")
    (house.root / "aside").rename(folder)
    info = house.ended("plainbag")
    assert info["error_code"] == "bad-request"
    assert "zip" in info["message"]
    assert (folder / "bagit.txt").exists()


@pytest.mark.parametrize(
    "name",
    [
        "new\nline.zip",
        os.fsdecode(b"not-utf8-\xff\xfe.zip"),
        "n" * 246 + ".zip",
        "-rf .zip",
        "%n.ZIP",
    ],
    ids=["newline", "not UTF-8", "250 bytes", "dash and space", "percent and capitals"],
)
def test_an_odd_name_is_deposited_like_any_other(house: House, name: str) -> None:
    drop(bag_zip(), house.inbox / "archive" / "aside.part")
    (house.inbox / "archive" / "aside.part").rename(house.inbox / "archive" / name)
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    assert house.ended(shown)["status"] == "finished"


def test_a_bag_folder_with_a_reserved_name_is_deposited(house: House) -> None:
    content = zip_bytes(bag_tree({"Res/a": b"1"}), folder="process_info.json")
    drop(content, house.inbox / "archive" / "reserved.zip")
    info = house.ended("reserved.zip")
    assert info["status"] == "finished", info
    assert house.deposited("Res") == {"a": b"1"}


def test_a_bag_at_the_root_of_its_zip_is_deposited(house: House) -> None:
    drop(zip_bytes(bag_tree({"Root/a": b"1"}), folder=None), house.inbox / "archive" / "root.zip")
    assert house.ended("root.zip")["status"] == "finished"


def test_a_file_that_cannot_be_read_stays_until_it_can(tmp_path: Path) -> None:
    if os.getuid() == 0:
        pytest.skip("root reads everything; the three users' test covers it")
    with open_house(tmp_path) as house:
        house.start()
        path = drop(bag_zip(), house.inbox / "archive" / "locked.zip")
        path.chmod(0)
        wait_until(lambda: "locked.zip" in house.log)
        path.chmod(0o600)
        assert house.ended("locked.zip")["status"] == "finished"
