from pathlib import Path, PurePosixPath

import pytest

from presqt_daemon.errors import UserFault
from presqt_daemon.model import PayloadFile
from presqt_daemon.targets.base import Traits
from presqt_daemon.upload.parcels.layout import (
    Layout,
    PayloadShape,
    layout_for,
    refuse_unfit,
    remote_folders,
    shape_of_payload,
    tag_parcels,
)
from tests.upload.tickets import staged


def look(*paths: str, folders: tuple[str, ...] = (), size: int = 1) -> PayloadShape:
    files = (PayloadFile(path=PurePosixPath(path), size=size, digests={}) for path in paths)
    return shape_of_payload(files, folders)


def layout(found: PayloadShape, *, is_new: bool = True, keeps_bag: bool = False) -> Layout:
    return layout_for(found, is_new=is_new, keeps_bag=keeps_bag, bag_folder="bag")


def remote(found: Layout, path: str) -> str:
    return str(found.remote(PurePosixPath(path)))


def texts(paths: list[PurePosixPath]) -> list[str]:
    return [str(path) for path in paths]


def test_a_new_resource_gets_the_content_of_the_only_top_folder() -> None:
    found = layout(look("Project/a", "Project/sub/b"))
    assert remote(found, "Project/sub/b") == "sub/b"
    assert remote(found, "Project/a") == "a"


@pytest.mark.parametrize("paths", [("P/a", "b"), ("P/a", "Q/b"), ("a", "b")])
def test_any_other_payload_goes_as_it_is(paths: tuple[str, ...]) -> None:
    found = layout(look(*paths))
    assert [remote(found, path) for path in paths] == list(paths)


def test_an_empty_top_folder_counts_as_one() -> None:
    assert remote(layout(look("P/a", folders=("Q",))), "P/a") == "P/a"


def test_an_existing_container_gets_everything_below_data() -> None:
    assert remote(layout(look("P/a"), is_new=False), "P/a") == "P/a"


def test_a_bag_kept_whole_stands_as_it_is_or_below_its_name() -> None:
    found = look("P/a")
    assert remote(layout(found, keeps_bag=True), "P/a") == "data/P/a"
    assert remote(layout(found, keeps_bag=True, is_new=False), "P/a") == "bag/data/P/a"


def test_folders_come_parents_first_and_empty_ones_on_request() -> None:
    found = look("P/x/y/f", folders=("P/x", "P/e/inner", "P/x/y"))
    there = layout(found)
    assert texts(remote_folders(found, there, with_empty=False)) == ["x", "x/y"]
    assert texts(remote_folders(found, there, with_empty=True)) == ["e", "x", "e/inner", "x/y"]
    assert texts(found.empty_folders) == ["P/e/inner"]


def test_the_tag_files_go_beside_data(tmp_path: Path) -> None:
    root = staged(tmp_path) / "bag"
    (root / "a link").symlink_to(root / "bagit.txt")
    (root / "a loop").symlink_to(root)
    for is_new, prefix in ((True, ""), (False, "bag/")):
        parcels = tag_parcels(layout(look("P/a"), is_new=is_new, keeps_bag=True), root, ("sha256",))
        names = ["bag-info.txt", "bagit.txt", "manifest-sha512.txt", "tagmanifest-sha512.txt"]
        assert [parcel.name for parcel in parcels] == names
        assert [str(parcel.remote) for parcel in parcels] == [prefix + name for name in names]


def refuse(traits: Traits, found: PayloadShape) -> UserFault:
    with pytest.raises(UserFault) as raised:
        refuse_unfit(
            traits, "osf", files=found.files, largest=found.largest, empty_files=found.empty_files
        )
    return raised.value


def test_a_file_too_large_for_the_target_is_named() -> None:
    fault = refuse(Traits(algorithms=(), max_file_bytes=5 * 10**9), look("P/a", size=6 * 10**9))
    assert fault.status_code == 413
    assert fault.message == "/P/a has 6.0 GB; osf takes files of at most 5.0 GB."


def test_too_many_files_for_the_target_are_counted() -> None:
    fault = refuse(Traits(algorithms=(), max_files=2), look("P/a", "P/b", "P/c"))
    assert (fault.code, fault.message) == (
        "too-large",
        "The bag has 3 files; osf takes at most 2.",
    )


def test_empty_files_are_named_where_the_target_takes_none() -> None:
    fault = refuse(Traits(algorithms=(), takes_empty_files=False), look("P/a", "P/b", size=0))
    assert fault.message.startswith(
        "osf takes no empty files, and nothing was sent: remove /P/a, /P/b and bag it again, or"
    )
    assert [finding.path for finding in fault.findings] == ["/P/a", "/P/b"]


def test_many_empty_files_are_counted_and_the_first_of_them_listed() -> None:
    many = look(*(f"P/{number:03}" for number in range(120)), size=0)
    fault = refuse(Traits(algorithms=(), takes_empty_files=False), many)
    assert "remove /P/000, /P/001, /P/002, /P/003, /P/004 and 115 more and" in fault.message
    assert (len(fault.findings), fault.findings_total) == (50, 120)
