import os
import tempfile
from multiprocessing import process
from pathlib import Path

import pytest

from presqt_daemon.system import temporary
from presqt_daemon.system.temporary import temporary_folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(temporary, "MAX_BASE_BYTES", 1000)
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    config = process.current_process()._config  # type: ignore[attr-defined]
    monkeypatch.setitem(config, "tempdir", None)
    return place


def test_what_a_killed_daemon_has_left_is_removed_by_the_next(place: Path, tmp_path: Path) -> None:
    first = temporary_folder(tmp_path / "media")
    folder = first.__enter__()
    (folder / "socket").touch()
    with temporary_folder(tmp_path / "media") as again:
        assert again == folder
        assert os.listdir(again) == []
        with temporary_folder(tmp_path / "other") as other:
            assert other != again
    assert os.listdir(place) == []


def test_a_link_that_somebody_has_put_there_is_not_followed(place: Path, tmp_path: Path) -> None:
    with temporary_folder(tmp_path / "media") as folder:
        name = folder
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    name.symlink_to(outside)
    with temporary_folder(tmp_path / "media") as folder:
        assert folder != name
    assert os.listdir(outside) == ["kept"]
