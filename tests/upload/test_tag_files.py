"""`uploads.tag_files: folder`: manifests, bagit.txt and their like stand beside the payload."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from presqt_daemon.config import TargetConfig, UploadsConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.model import UploadResult
from presqt_daemon.records.receipt import write_receipt
from presqt_daemon.records.record import open_record
from presqt_daemon.targets.base import Traits
from presqt_daemon.targets.folder.target import connect
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.upload.ask_again import Now, PlaceAtTarget, ask_again
from tests.targets.memory import MemoryStore, Room
from tests.tickets.infos import finished_info
from tests.upload.tickets import Supervisor, folder_config, job_for, staged, tree_of

BESIDE = UploadsConfig(fts_metadata=False, tag_files="folder")
TAGS = ("bag-info.txt", "bagit.txt", "manifest-sha512.txt", "tagmanifest-sha512.txt")
PAYLOAD = {"a.txt", "sub/b.txt"}


def beside(folder: str) -> set[str]:
    return {f"{folder}/{name}" for name in TAGS}


def run(
    store: MemoryStore,
    folder: Path,
    *,
    supervisor: Supervisor | None = None,
    resource_id: str | None = None,
    keep: str = "payload",
) -> UploadResult:
    config = TargetConfig(name="memory", type="memory", keep=keep)
    job = job_for(folder, config, uploads=BESIDE, resource_id=resource_id)
    return (supervisor or Supervisor()).send(job, connect=store.connect)


def paths_in(store: MemoryStore) -> set[str]:
    (room,) = store.rooms.values()
    return {str(path) for path in room.files}


def test_the_tag_files_are_sent_into_a_folder_beside_the_payload(tmp_path: Path) -> None:
    store, supervisor, folder = MemoryStore(), Supervisor(), staged(tmp_path)
    result = run(store, folder, supervisor=supervisor)
    assert paths_in(store) == PAYLOAD | beside("bag-tags")
    (room,) = store.rooms.values()
    stored = room.files[PurePosixPath("bag-tags/manifest-sha512.txt")]
    assert stored == (folder / "bag/manifest-sha512.txt").read_bytes()
    assert (result.failed_fixity, result.unverified_fixity) == ((), ())
    last = supervisor.progress[-1]
    assert (last.files_done, last.files_total) == (6, 6)
    assert last.bytes_done == last.bytes_total == sum(map(len, room.files.values()))


def test_a_spoilt_tag_file_is_failed_fixity(tmp_path: Path) -> None:
    store = MemoryStore()
    store.spoilt["bag-tags/bagit.txt"] = 2
    assert run(store, staged(tmp_path)).failed_fixity == ("bagit.txt",)


def test_the_folders_are_made_where_the_target_wants_that(tmp_path: Path) -> None:
    store = MemoryStore(traits=Traits(algorithms=("sha256",), needs_folders=True))
    folder = staged(tmp_path)
    deep = folder / "bag" / "metadata" / "deep" / "dc.xml"
    deep.parent.mkdir(parents=True)
    deep.write_bytes(b"<dc/>")
    run(store, folder)
    assert paths_in(store) == PAYLOAD | beside("bag-tags") | {"bag-tags/metadata/deep/dc.xml"}


def test_in_an_existing_container_two_bags_do_not_mix(tmp_path: Path) -> None:
    store = MemoryStore()
    store.rooms["room-1"] = Room(title="T", mark="")
    for name in ("one", "two"):
        run(store, staged(tmp_path, {name: b"x"}, bag=name), resource_id="room-1")
    assert paths_in(store) == {"one", "two"} | beside("bag-tags/one") | beside("bag-tags/two")


@pytest.mark.parametrize(
    "payload", [{"P/Bag-Tags/bagit.txt": b"mine"}, {"P/bag-tags": b"mine", "P/a": b"a"}]
)
def test_a_payload_that_has_such_a_folder_itself_keeps_it(
    tmp_path: Path, payload: Mapping[str, bytes]
) -> None:
    store = MemoryStore()
    run(store, staged(tmp_path, payload))
    mine = {name.removeprefix("P/") for name in payload}
    assert paths_in(store) == mine | beside("bag-tags-2")


def test_a_bag_kept_whole_has_them_once(tmp_path: Path) -> None:
    store = MemoryStore()
    run(store, staged(tmp_path), keep="bag")
    assert paths_in(store) == {"data/Project/a.txt", "data/Project/sub/b.txt", *TAGS}


def test_a_packed_bag_holds_them_anyway(tmp_path: Path) -> None:
    store = MemoryStore(traits=Traits(algorithms=("md5",), has_folders=False))
    run(store, staged(tmp_path))
    assert paths_in(store) == {"Project.presqt.zip"}


def test_they_count_for_the_limits_of_the_target(tmp_path: Path) -> None:
    store = MemoryStore(traits=Traits(algorithms=("md5",), max_files=5))
    with pytest.raises(UserFault, match="has 6 files"):
        run(store, staged(tmp_path))
    assert store.rooms == {}


def test_sending_again_sends_none_of_them_again(tmp_path: Path) -> None:
    store, folder = MemoryStore(), staged(tmp_path)
    result = run(store, folder)
    puts = dict(store.puts)
    assert run(store, folder) == result
    assert dict(store.puts) == puts


def test_the_receipt_names_them_and_a_changed_one_is_found(tmp_path: Path) -> None:
    folder, archive = staged(tmp_path / "tickets"), tmp_path / "archive"
    config = folder_config(archive)
    supervisor = Supervisor()
    supervisor.send(job_for(folder, config, uploads=BESIDE))
    assert beside("bag-tags") <= set(tree_of(archive / "Project"))
    info = finished_info(ticket_number=folder.name)
    write_receipt(TicketFolder(folder), info, now=info.updated_at)
    (archive / "Project/bag-tags/bagit.txt").write_bytes(b"changed")
    target = connect(config, None)
    with open_record(folder / "receipt.json") as record:
        resource = record.tree["resource"]
        place = PlaceAtTarget(
            ticket=folder.name,
            resource_id=resource["id"],
            title=resource["title"],
            link=resource["link"],
            state=resource["state"],
        )
        assert record.files is not None
        said = dict(ask_again(target, place, record.files))
    target.close()
    assert said.pop("bagit.txt") is Now.CHANGED
    assert set(said.values()) == {Now.SAME}
    assert len(said) == 5
