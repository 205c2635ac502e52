import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from presqt_daemon.cli.tickets.drop import PlacedDrop, place
from presqt_daemon.system.files import rename_to_free

MANY = 16


def test_drops_of_one_name_at_one_moment_all_arrive(tmp_path: Path) -> None:
    for turn in range(20):
        folder = tmp_path / str(turn)
        folder.mkdir()
        ready = threading.Barrier(MANY)

        def drop(number: int, folder: Path = folder, ready: threading.Barrier = ready) -> Path:
            def fill(temporary: Path) -> None:
                temporary.write_bytes(b"%d" % number)
                ready.wait(60)

            return place(PlacedDrop(folder=folder, name="x.zip"), fill)

        with ThreadPoolExecutor(MANY) as pool:
            places = list(pool.map(drop, range(MANY)))
        assert [path.read_bytes() for path in places] == [b"%d" % n for n in range(MANY)]
        assert len(os.listdir(folder)) == MANY


def test_a_side_car_that_waits_for_its_zip_gets_no_strangers(tmp_path: Path) -> None:
    (tmp_path / "x.zip.yaml").write_bytes(b"title: of another\n")
    placed = place(PlacedDrop(folder=tmp_path, name="x.zip"), lambda path: path.touch())
    assert placed.name == "x-2.zip"


def test_a_source_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fill(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("the stick was pulled out")

    with pytest.raises(OSError, match="stick"):
        place(PlacedDrop(folder=tmp_path, name="x.zip", title="T"), fill)
    assert os.listdir(tmp_path) == []


def test_the_side_car_is_there_before_the_zip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def rename(source: str, destination: str) -> None:
        seen.append(sorted(name for name in os.listdir(tmp_path) if not name.startswith(".")))
        rename_to_free(source, destination)

    monkeypatch.setattr("presqt_daemon.cli.tickets.drop.rename_to_free", rename)
    place(PlacedDrop(folder=tmp_path, name="x.zip", title="T"), lambda path: path.touch())
    assert seen == [["x.zip.yaml"]]


def test_a_file_system_that_can_neither_rename_to_a_free_name_nor_link_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(source: str, destination: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("presqt_daemon.cli.tickets.drop.rename_to_free", cannot)
    placed = place(PlacedDrop(folder=tmp_path, name="x.zip"), lambda path: path.touch())
    assert os.listdir(tmp_path) == [placed.name] == ["x.zip"]
