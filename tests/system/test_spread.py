import subprocess
from pathlib import Path

from presqt_daemon.system.spread import spread_folders


def test_a_folder_is_marked_where_the_file_system_can(tmp_path: Path) -> None:
    marked = spread_folders(tmp_path)
    assert spread_folders(tmp_path) == marked
    (tmp_path / "new").mkdir()
    if marked:
        shown = subprocess.run(
            ["lsattr", "-d", tmp_path], capture_output=True, text=True, check=True
        ).stdout
        assert "T" in shown.split()[0]


def test_a_file_system_without_marks_is_left_alone() -> None:
    assert not spread_folders(Path("/proc"))
