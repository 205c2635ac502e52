import io
import os
import random
import zipfile
from pathlib import Path

import pytest

from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.staging.bag_in_zip import find_root
from presqt_daemon.staging.code_page import open_bag_zip
from presqt_daemon.zips.entries import Archive
from tests.bags import bag_tree, zip_bytes
from tests.hostile_zips import GOOD, HOSTILE, PAYLOAD, bag_parts, build, part, with_parts

CONFIG = StagingConfig()


def names_in(content: bytes, folder: Path, config: StagingConfig = CONFIG) -> set[str]:
    path = folder / "x.zip"
    path.write_bytes(content)
    with open_bag_zip(path, config) as archive:
        return {member.name for member in archive.members}


def fault_of(content: bytes, folder: Path, config: StagingConfig = CONFIG) -> UserFault:
    with pytest.raises(UserFault) as caught:
        names_in(content, folder, config)
    return caught.value


IN_ITS_DIRECTORY = {
    name: case for name, case in HOSTILE.items() if case.error != "invalid-bag" and name != "crc"
}


@pytest.mark.parametrize("name", IN_ITS_DIRECTORY)
def test_a_hostile_zip_is_refused_before_a_byte_is_written(name: str, tmp_path: Path) -> None:
    case = IN_ITS_DIRECTORY[name]
    fault = fault_of(case.make(), tmp_path)
    assert fault.code == case.error
    if case.finding is not None:
        assert case.finding in {entry.code for entry in fault.findings}
    assert fault.message.isprintable()
    assert all(entry.message.isprintable() for entry in fault.findings)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_zip_is_read_as_zipfile_reads_it(name: str, tmp_path: Path) -> None:
    content = GOOD[name]()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert len(names_in(content, tmp_path)) == len(archive.infolist())


def test_all_problems_are_counted_and_the_first_fifty_told(tmp_path: Path) -> None:
    fault = fault_of(with_parts(*(part(f"../evil{n}", b"x") for n in range(120))), tmp_path)
    assert fault.findings_total == 120
    assert len(fault.findings) == 50
    assert "119 more" in fault.message


@pytest.mark.parametrize(
    ("config", "finding", "key"),
    [
        (StagingConfig(max_zip_bytes=100), "zip-too-large", "staging.max_zip_bytes"),
        (StagingConfig(max_unpacked_bytes=500), "unpacked-too-large", "staging.max_unpacked_bytes"),
        (StagingConfig(max_file_bytes=299), "file-too-large", "staging.max_file_bytes"),
    ],
)
def test_a_limit_names_its_key(
    config: StagingConfig, finding: str, key: str, tmp_path: Path
) -> None:
    fault = fault_of(GOOD["zipfile, deflated"](), tmp_path, config)
    assert fault.code == "too-large"
    assert fault.findings[0].code == finding
    assert key in fault.message


def test_a_zip_of_very_many_entries_is_refused_by_its_end_record(tmp_path: Path) -> None:
    content = with_parts(*(part(f"bag/data/{n}") for n in range(1100)))
    fault = fault_of(content, tmp_path, StagingConfig(max_files=10))
    assert (fault.code, fault.findings[0].code) == ("too-large", "too-many-entries")


def test_a_link_to_a_zip_and_a_pipe_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "real.zip").write_bytes(GOOD["zipfile, deflated"]())
    (tmp_path / "link.zip").symlink_to(tmp_path / "real.zip")
    with pytest.raises(OSError), open_bag_zip(tmp_path / "link.zip", CONFIG):
        pass
    os.mkfifo(tmp_path / "pipe.zip")
    with (
        pytest.raises(UserFault, match="regular file"),
        open_bag_zip(tmp_path / "pipe.zip", CONFIG),
    ):
        pass


def test_a_zip_written_to_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(GOOD["zipfile, deflated"]())
    with open_bag_zip(path, CONFIG) as archive:
        archive.check_unchanged()
        with path.open("ab") as stream:
            stream.write(b"more")
        with pytest.raises(UserFault, match="still being written") as caught:
            archive.check_unchanged()
    assert caught.value.code == "incomplete-zip"


def test_names_of_windows_and_of_other_code_pages_come_out_right(tmp_path: Path) -> None:
    assert "bag/data/B\u00fccher/\u00c4pfel.txt" in names_in(GOOD["Windows"](), tmp_path)
    assert "bag/data/\u6f22\u5b57.txt" in names_in(GOOD["Info-ZIP, another code page"](), tmp_path)
    assert "bag/data/Projet \u00e9t\u00e9/a.txt" in names_in(GOOD["Mac"](), tmp_path)


def test_a_unicode_path_that_belongs_to_another_name_is_not_believed(tmp_path: Path) -> None:
    field = b"\x75\x70\x08\x00\x01\0\0\0\0evi"
    content = with_parts(part(b"bag/data/\x82", b"x", extra=field))
    assert "bag/data/\u00e9" in names_in(content, tmp_path)


def test_any_byte_of_the_structure_may_be_flipped_and_only_named_faults_come(
    tmp_path: Path, *, full: bool
) -> None:
    content = build(
        [*bag_parts({"a.txt": b"alpha"}), part("bag/data/d/", mode=0o040755)], zip64_end=True
    )
    places = range(len(content))
    chosen = places if full else random.Random(7).sample(places, 250)
    path = tmp_path / "x.zip"
    told: set[str] = set()
    for place in chosen:
        for flip in (0x01, 0x80, 0xFF):
            spoilt = bytearray(content)
            spoilt[place] ^= flip
            path.write_bytes(spoilt)
            try:
                with open_bag_zip(path, CONFIG) as archive:
                    assert isinstance(archive, Archive)
            except UserFault as fault:
                told.add(fault.message)
    assert len(told) > 10
    assert all(message.isprintable() for message in told)


def root_of(*names: str) -> str:
    return find_root(
        {name for name in names if not name.endswith("/")},
        {name[:-1] for name in names if name.endswith("/")},
    )


def malformed(*names: str) -> UserFault:
    with pytest.raises(UserFault) as caught:
        root_of(*names)
    assert caught.value.code == "malformed-bag"
    assert caught.value.message.startswith("PresQT Error: Bag is not formatted properly.")
    return caught.value


def test_the_bag_is_the_folder_with_the_declaration_or_the_whole_zip() -> None:
    assert root_of("b/bagit.txt", "b/data/x", "b/") == "b/"
    assert root_of("bagit.txt", "data/x") == ""
    assert root_of("bagit.txt", "data/inner/bagit.txt", "other/notes.txt") == ""
    assert root_of("b/bagit.txt", "b/data/inner/bagit.txt") == "b/"
    assert root_of("b/bagit.txt", "__MACOSX/b/._bagit.txt", ".DS_Store", "._b") == "b/"
    assert root_of("b/bagit.txt", "__MACOSX/bagit.txt") == "b/"


def test_two_bags_side_by_side_are_named() -> None:
    fault = malformed("b/bagit.txt", "a/bagit.txt")
    assert '"a/", "b/"' in fault.message
    assert fault.findings_total == 2


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (
            ("bagit.txt", "data/x", "second/bagit.txt", "second/data/y"),
            '(the zip\'s root, "second/")',
        ),
        (("bagit.txt", "data/x", "a/b/c/bagit.txt"), '(the zip\'s root, "a/b/c/")'),
        (("b/bagit.txt", "b/data/x", "b/tags/bagit.txt"), '("b/", "b/tags/")'),
        (("bagit.txt", "data/x", "a/bagit.txt", "a/data/in/bagit.txt"), '(the zip\'s root, "a/")'),
    ],
)
def test_a_second_bag_among_the_tag_files_of_the_first_is_named(
    names: tuple[str, ...], told: str
) -> None:
    fault = malformed(*names)
    assert told in fault.message
    assert {finding.code for finding in fault.findings} == {"more-than-one-bag"}
    assert fault.findings_total == 2


def test_what_lies_beside_the_bag_is_named() -> None:
    fault = malformed("b/bagit.txt", "b/data/x", "notes.txt", "more/")
    assert '"more", "notes.txt"' in fault.message


def test_a_bag_that_lies_too_deep_is_named() -> None:
    assert '"out/in/"' in malformed("out/in/bagit.txt", "out/in/data/x").message


@pytest.mark.parametrize(
    "names",
    [("b/data/x", "b/manifest-md5.txt"), ("b/data/",), ("b/manifest-md5.txt",)],
)
def test_a_bag_without_its_declaration_is_told_so(names: tuple[str, ...]) -> None:
    fault = malformed(*names)
    assert "bagit.txt is missing" in fault.message
    assert '"b/"' in fault.message


def test_a_declaration_in_other_letter_case_is_named() -> None:
    fault = malformed("b/BagIt.txt", "b/data/x")
    assert '"b/BagIt.txt"' in fault.message
    assert "called bagit.txt, in small letters" in fault.message


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        (("thesis.zip",), 'Drop "thesis.zip" itself'),
        (("out/thesis.zip", "__MACOSX/out/._thesis.zip"), 'Drop "thesis.zip" itself'),
        (("a.zip", "b.zip"), "Drop each zip that lies in it by itself"),
        (("thesis.tar.gz",), 'Unpack "thesis.tar.gz"'),
    ],
)
def test_a_zip_of_packed_files_is_told_which_to_drop(names: tuple[str, ...], advice: str) -> None:
    assert advice in malformed(*names).message


def test_a_zip_without_a_bag_is_told_what_it_holds() -> None:
    assert '"photo.png"' in malformed("photo.png", "__MACOSX/._photo.png").message
    assert "no files" in malformed().message


def test_a_zip_without_entries_holds_no_bag(tmp_path: Path) -> None:
    assert names_in(zip_bytes({}), tmp_path) == set()


def test_seventy_thousand_entries_are_read(tmp_path: Path, *, full: bool) -> None:
    count = 70_000 if full else 7_000
    tree = bag_tree(PAYLOAD)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in tree.items():
            archive.writestr(f"bag/{name}", content)
        for number in range(count):
            archive.writestr(f"bag/data/{number}", b"")
    assert len(names_in(buffer.getvalue(), tmp_path)) == count + len(tree)
