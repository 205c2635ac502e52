"""What names in the inbox stand for, and the names given there."""

import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presqt_daemon.inbox.files.names import (
    NameKind,
    aside_name,
    is_system_folder,
    kind_of,
    name_inside,
    name_of_aside,
    ticket_of_aside,
    unused_names,
)
from presqt_daemon.model import Route
from presqt_daemon.tickets.claim_record import ClaimRecord, Owner, shorten_name

TICKET = "0f8fad5b-d9cb-469f-a165-70867728950e"
FILE_NAMES = st.binary(min_size=1, max_size=255).filter(
    lambda name: not set(name) & {0, 0x2F} and name not in {b".", b".."}
)


@pytest.mark.parametrize(
    "name",
    ["bag.zip", "BAG.ZIP", "b.tar", "noending", "a b\n.zip", "x.cancel", "x.docx", "x.zip.tar",
     "\udcff.zip", "notes.json", "é" * 100 + ".zip"],
)  # fmt: skip
def test_every_other_regular_file_is_a_drop(name: str) -> None:
    assert kind_of(name, ()) is NameKind.DROP


@pytest.mark.parametrize(
    "name",
    [".hidden.zip", "x.zip~", "~$x.zip", "x.zip.part", "x.zip.PART", "x.tmp", "x.zip.crdownload",
     "x.filepart", "thumbs.db", "THUMBS.DB", "Desktop.ini", "Icon\r", ".presqt-daemon.lock",
     "bag.zip.yaml.unused", ".claimed-x",
     "x.zip.12345678.partial", "x.zip.aria2", "x.zip.!qB", "x.zip.!ut", "x.zip.opdownload",
     "x.zip.lock", "x.zip:Zone.Identifier", "x.zip.icloud", "#x.zip#", "x.zip.temp", "x.zip.lnk",
     "ehthumbs.db", "x.zip.sha256", "x.zip.swp", ".x.zip.AbCdEf", "x.zip.cancel.answer.txt",
     "bag.zip.yaml.unused-2", "x.zip.crswap", "x.zip.aB3dE9f0", "x.zip_.gstmp", "x.zip.bt.xltd",
     "x.zip.fdmdownload", "x.zip.dtapart", "x.zip.jc!", "x.zip.aspera-ckpt", "x.zip.sha256sum",
     "x.zip:AFP_AfpInfo", "x.zip:SmartScreen", "x.zip:com.dropbox.attrs",
     "x.zip\uf03aZone.Identifier"],
)  # fmt: skip
def test_junk_and_our_own_files_are_no_drops(name: str) -> None:
    assert kind_of(name, ()) is NameKind.OTHER


def test_our_own_files_are_no_drops_whatever_is_configured() -> None:
    for name in (".presqt-daemon.lock", "bag.zip.yaml.unused"):
        assert kind_of(name, ()) is NameKind.OTHER


@pytest.mark.parametrize(
    "name",
    [
        "lost+found",
        ".Trash-1000",
        ".snapshot",
        "@eaDir",
        ".stversions",
        ".hidden",
        ".Trashy",
        ".git",
        ".~tmp~",
        ".rsync-partial",
        ".recycle",
        "@Recycle",
        "#snapshot",
        "~snapshot",
        ".AppleDouble",
        "Network Trash Folder",
        "@tmp",
        "x.zip.download",
        "RECYCLER",
        "$RECYCLE.BIN",
        "@GMT-2026.01.01-00.00.00",
        "@__thumb",
        ":2eDS_Store",
        "FOUND.000",
        "x.zip.cyberducksegment",
    ],
)
def test_trash_and_snapshots_are_the_systems_own(name: str) -> None:
    assert is_system_folder(name)


@pytest.mark.parametrize("name", ["draft.part", "notes~", "Thumbs.db", "a.zfs", "abc12"])
def test_any_other_folder_may_be_named_after_a_container(name: str) -> None:
    assert not is_system_folder(name)


@given(FILE_NAMES)
def test_a_side_car_that_is_put_away_has_a_name_that_fits_and_is_no_drop(raw: bytes) -> None:
    for name in itertools.islice(unused_names(os.fsdecode(raw)), 3):
        assert len(os.fsencode(name)) <= 255
        assert kind_of(name, ()) in {NameKind.OTHER, NameKind.ASIDE}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bag.zip.yaml", NameKind.SIDECAR),
        ("BAG.Zip.yaml", NameKind.SIDECAR),
        ("bag.zip.YML", NameKind.SIDECAR),
        ("x.yaml", NameKind.NEAR_SIDECAR),
        ("x.zip .yml", NameKind.NEAR_SIDECAR),
        ("x.zip.yaml.txt", NameKind.NEAR_SIDECAR),
        ("x.zip.yaml.rtf", NameKind.NEAR_SIDECAR),
        ("x.zip.yaml.bak", NameKind.NEAR_SIDECAR),
        ("x.zip.yaml.", NameKind.NEAR_SIDECAR),
        ("x.zip.yaml (1)", NameKind.NEAR_SIDECAR),
        ("x.zip.yaml(1).txt", NameKind.NEAR_SIDECAR),
        ("x.zip.yaml - Copy", NameKind.NEAR_SIDECAR),
        ("x.zip_yaml", NameKind.NEAR_SIDECAR),
        ("x.zip-yml.txt", NameKind.NEAR_SIDECAR),
        ("x.zip.\u200byaml", NameKind.NEAR_SIDECAR),
        ("x.yaml.zip", NameKind.DROP),
        ("yaml", NameKind.DROP),
        ("on yaml and json.docx", NameKind.DROP),
        ("x.yamlish", NameKind.DROP),
        ("x.yaml" + " (1)" * 50 + "!", NameKind.DROP),
        ("x.yaml" + " - copy" * 30 + "!", NameKind.DROP),
        ("x.zip.retry", NameKind.REQUEST),
        ("x.ticket.json", NameKind.NOTE),
        ("bag.zip.0f8fad5b.process_info.json", NameKind.COPY),
        ("bag.zip.0f8fad5b.cancel", NameKind.REQUEST),
        ("bag\n.zip.0f8fad5b.retry", NameKind.REQUEST),
        (f".claimed-{TICKET}-bag.zip", NameKind.ASIDE),
    ],
)
def test_files_beside_a_drop_are_known_by_their_names(name: str, kind: NameKind) -> None:
    assert kind_of(name, ()) is kind


@pytest.mark.parametrize("name", ["bag.zip", "Mein Projekt (2).ZIP", "ü%20#&'.zip", "bag.tar"])
def test_a_safe_name_is_kept_inside_the_ticket(name: str) -> None:
    assert name_inside(name) == name


@pytest.mark.parametrize(
    "name",
    ["a\nb.zip", "\udcff.zip", "x" * 201, "Process_Info.JSON", "receipt.json", "a\\b.zip",
     ".x.zip", "a\u2028b.zip"],
)  # fmt: skip
def test_an_unsafe_name_is_replaced_inside_the_ticket(name: str) -> None:
    assert name_inside(name) == "drop.zip"


@given(FILE_NAMES)
def test_any_name_has_a_note_and_an_aside_name_that_fit(raw: bytes) -> None:
    name = os.fsdecode(raw)
    record = ClaimRecord(
        ticket=TICKET, inbox_folder="/i", inbox_name=name, zip_name=None, sidecar_name=None,
        route=Route(target=None), dropped_by_uid=0, dropped_by_name=None, received_at="",
        owner=Owner(host="", boot_id="", pid=1, started=1),
    )  # fmt: skip
    assert len(os.fsencode(record.receipt_name)) <= 255
    assert record.receipt_name.endswith(".0f8fad5b.ticket.json")
    aside = aside_name(TICKET, name)
    assert len(os.fsencode(aside)) <= 255
    assert ticket_of_aside(aside) == TICKET
    assert name.lstrip(".").startswith(name_of_aside(aside)) or name_of_aside(aside) == "drop.zip"
    kind_of(name, ())


def test_a_long_name_is_cut_between_characters() -> None:
    assert shorten_name("aé", 3) == "aé"
    assert shorten_name("aéé", 4) == "aé"
    assert shorten_name("a𝄞b", 4) == "a"
    assert shorten_name("short", 255) == "short"
