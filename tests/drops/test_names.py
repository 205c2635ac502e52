"""Zips of any name, as senders name them: each is deposited, noted and answered from outside."""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.bags import bag_zip
from tests.house.house import House, open_house, wait_until

UMLAUTS = "Übergrößen-Prüfung"
NAMES = (
    f"{UMLAUTS}.zip",
    unicodedata.normalize("NFD", f"Nachträge {UMLAUTS}.zip"),
    "論文データ.zip",
    unicodedata.normalize("NFD", "연구 자료.zip"),
    "a" * 251 + ".zip",
    "論" * 83 + ".zip",
    unicodedata.normalize("NFD", "ü" * 83) + ".zip",
    "[a] {b}*?.zip",
    "-rf.zip",
    "--help.zip",
    "x.zip.",
    "x.zip ",
    " blank first.zip",
    "y.zip.zip",
    "LOUD.ZIP",
    "quote'\".zip",
    "line\nbreak.zip",
    "per%2Fcent.zip",
    "~tilde.zip",
    "#hash.zip",
    "semi;colon & co.zip",
    "CON.zip",
    os.fsdecode(b"latin-\xfc.zip"),
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("names")) as house:
        house.start()
        yield house
        assert "Traceback" not in house.log


def drop(content: bytes, destination: Path) -> None:
    """In one step, by a name that leaves room for no other beside it."""
    aside = destination.with_name(".aside")
    aside.write_bytes(content)
    aside.rename(destination)


def ended(house: House, before: set[str]) -> dict[str, Any]:
    """The one new ticket, once it has ended."""

    def look() -> dict[str, Any] | None:
        new = set(house.tickets()) - before
        assert len(new) <= 1
        found = house.info(new.pop()) if new else None
        return found if found is not None and found["status"] != "in_progress" else None

    found: dict[str, Any] = wait_until(look, 120, what=house.log[-1000:])
    return found


def beside(house: House, info: dict[str, Any], kind: str) -> Path:
    """The only file of a kind for this ticket in the inbox."""

    def look() -> Path | None:
        mark = f".{info['ticket_number'][:8]}.{kind}.json"
        found = [path for path in (house.inbox / "archive").iterdir() if mark in path.name]
        return found[0] if found else None

    found: Path = wait_until(look, 60, what=f"for {kind}")
    return found


@pytest.mark.parametrize("number", range(len(NAMES)))
def test_a_zip_of_any_name_is_deposited_noted_and_answered(house: House, number: int) -> None:
    name, before = NAMES[number], set(house.tickets())
    path = house.inbox / "archive" / name
    if len(os.fsencode(name)) <= 250:
        path.with_name(f"{name}.yaml").write_text(f"title: Title {number}\n")
    drop(bag_zip({f"name{number}/a.txt": b"a"}), path)
    info = ended(house, before)
    assert info["status"] == "finished", info
    if len(os.fsencode(name)) <= 250:
        assert info["title"] == f"Title {number}"
    note, answer = beside(house, info, "ticket"), beside(house, info, "process_info")
    assert info["ticket_number"] in note.read_text()
    status = house.uploads / info["ticket_number"] / "process_info.json"
    wait_until(lambda: answer.read_bytes() == status.read_bytes(), 60)
    assert os.fsencode(note.name).startswith(os.fsencode(name)[:200])


@pytest.mark.parametrize("number", range(len(NAMES)))
def test_a_retry_of_any_name_is_taken_by_the_notes_name(house: House, number: int) -> None:
    name, before = NAMES[number], set(house.tickets())
    tree = bag_zip({"a.txt": b"a"}, algorithms=()) + b""
    drop(tree, house.inbox / "archive" / name)
    info = ended(house, before)
    assert info["status"] == "failed", info
    note = beside(house, info, "ticket")
    request = note.with_name(note.name.removesuffix(".ticket.json") + ".retry")
    request.touch()
    wait_until(lambda: not request.exists(), 60, what="for the request to be taken")
    wait_until(lambda: house.info(info["ticket_number"])["attempt"] == 2, 60)
    wait_until(lambda: house.info(info["ticket_number"])["status"] == "failed", 60)


def test_letters_in_another_form_mean_the_same_name(house: House) -> None:
    """A Mac writes an umlaut as two characters: its side-car and its request still count."""
    name, before = "Überblick.zip", set(house.tickets())
    decomposed = unicodedata.normalize("NFD", name)
    inbox = house.inbox / "archive"
    (inbox / f"{decomposed}.yaml").write_text("title: [no title]\n")
    drop(bag_zip({"forms/a.txt": b"a"}), inbox / name)
    info = ended(house, before)
    assert info["error_code"] == "bad-sidecar"
    (inbox / f"{decomposed.upper()}.retry").touch()
    wait_until(lambda: house.info(info["ticket_number"])["attempt"] == 2, 60)


@pytest.mark.parametrize(
    "near", ["Gerät.yaml", "Gerät.yml", "Gerät.zip.yaml.txt", "Gerät.zip .yaml", "GERÄT.YAML"]
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_near_name_in_any_form_refuses_the_drop(
    house: House,
    near: str,
    form: Literal["NFC", "NFD"],
) -> None:
    before, inbox = set(house.tickets()), house.inbox / "archive"
    (inbox / unicodedata.normalize(form, near)).write_text("title: Mine\n")
    drop(bag_zip({"near/a.txt": b"a"}), inbox / "Gerät.zip")
    info = ended(house, before)
    assert info["error_code"] == "bad-sidecar"
    assert "Gerät.zip.yaml" in info["message"]
    assert len(list(inbox.glob("*.unused*"))) == 1
    for path in inbox.glob("*.unused*"):
        path.unlink()


def test_options_for_a_zip_whose_second_ending_is_hidden_are_not_lost(house: House) -> None:
    before, inbox = set(house.tickets()), house.inbox / "archive"
    (inbox / "thesis.zip.yaml").write_text("title: Mine\n")
    drop(bag_zip({"hidden/a.txt": b"a"}), inbox / "thesis.zip.zip")
    info = ended(house, before)
    assert info["error_code"] == "bad-sidecar"
    assert "thesis.zip.zip.yaml" in info["message"]
