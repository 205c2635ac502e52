"""Text of a sender that costs much to read: nobody else's drop waits for it."""

import unicodedata
from pathlib import Path

from tests.bags import bag_zip, drop
from tests.house.house import open_house

MARKS = "\u0301\u0316" * 200_000
"""Combining marks of two classes by turns: sorting them costs the square of their number."""

TARGETS = {name: {"type": "folder", "path": f"archive-{name}"} for name in ("lab", "other")}


EXPECTED = {
    "title": "bad-request",
    "identifier": None,
    "label": None,
    "datacite": None,
    "fts": None,
    "side-car": "bad-sidecar",
    "yaml": "bad-sidecar",
    "keys": "bad-sidecar",
}


def dear_texts() -> dict[str, tuple[bytes, bytes | None]]:
    """What is dropped, by its name, with its side-car if it has one."""
    bag = {"Project/a.txt": b"alpha\n"}
    deep = b"[" * 200_000
    return {
        "title": (bag_zip(bag, info=[("PresQT-Title", "a" + MARKS)]), None),
        "identifier": (bag_zip(bag, info=[("External-Identifier", "a" + MARKS)]), None),
        "label": (bag_zip(bag, info=[("a" + MARKS, "x")]), None),
        "datacite": (bag_zip({**bag, "datacite.json": deep}), None),
        "fts": (bag_zip({**bag, "PRESQT_FTS_METADATA.json": deep}), None),
        "side-car": (bag_zip(bag), f"title: a{MARKS[:15_000]}\n".encode()),
        "yaml": (bag_zip(bag), b"k: [" * 15_000),
        "keys": (bag_zip(bag), b"".join(b"k%d: v\n" % number for number in range(6000))),
    }


def test_the_marks_are_as_dear_as_they_are_said_to_be() -> None:
    assert unicodedata.combining(MARKS[0]) != unicodedata.combining(MARKS[1]) != 0


def test_dear_texts_hold_up_no_drop_of_another_folder_and_no_stop(tmp_path: Path) -> None:
    with open_house(tmp_path, targets=TARGETS, staging={"workers": 2}) as house:
        house.start()
        for name, (content, sidecar) in dear_texts().items():
            if sidecar is not None:
                (house.inbox / "lab" / f"{name}.zip.yaml").write_bytes(sidecar)
            drop(content, house.inbox / "lab" / f"{name}.zip")
        drop(bag_zip(), house.inbox / "other" / "small.zip")
        assert house.ended("small.zip", 60)["status"] == "finished"
        codes = {name: house.ended(f"{name}.zip", 60)["error_code"] for name in dear_texts()}
        assert codes == EXPECTED
        assert house.stop() == 0
        assert "Traceback" not in house.log
