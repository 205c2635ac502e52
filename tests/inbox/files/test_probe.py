"""What opening a file tells."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from presqt_daemon.inbox.files.probe import open_file, probe_file, writer_of
from presqt_daemon.inbox.files.stability import Content, Probe, Writer
from tests.bags import bag_zip


def probe(path: Path) -> Probe:
    folder = os.open(path.parent, os.O_RDONLY)
    handle = open_file(path.name, folder)
    try:
        return probe_file(handle, sees_writers=True)
    finally:
        os.close(handle)
        os.close(folder)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (bag_zip(), Content.WHOLE),
        (bag_zip()[:-1], Content.INCOMPLETE),
        (b"PK", Content.INCOMPLETE),
        (b"P", Content.INCOMPLETE),
        (b"\0" * 5000, Content.INCOMPLETE),
        (b"\0" * 4 + b"later", Content.INCOMPLETE),
        (b"", Content.EMPTY),
        (b"hello", Content.FOREIGN),
        (b"h", Content.FOREIGN),
        (b"\x1f\x8b\x08\0", Content.FOREIGN),
    ],
)
def test_content_is_judged_by_the_first_and_last_bytes(
    tmp_path: Path, content: bytes, kind: Content
) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    assert probe(path).content is kind


def test_a_tar_is_called_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "a.py")
    assert probe(path).says == "it is a tar archive"


def test_a_writer_is_seen_while_the_file_is_open_and_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(bag_zip())
    with path.open("ab"):
        assert probe(path).writer is Writer.OPEN
    assert probe(path).writer is Writer.NONE


def test_an_opener_in_the_moment_of_asking_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(bag_zip())
    script = "import sys\nfor _ in range(30000): open(sys.argv[1], 'ab').close()"
    other = subprocess.Popen([sys.executable, "-c", script, str(path)])
    handle = os.open(path, os.O_RDONLY)
    seen = set()
    while other.poll() is None:
        seen.add(writer_of(handle))
    os.close(handle)
    assert other.returncode == 0
    assert seen <= {Writer.OPEN, Writer.NONE}


def test_a_link_or_a_pipe_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "other")
    os.mkfifo(tmp_path / "pipe")
    folder = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(OSError):
        open_file("link", folder)
    os.close(open_file("pipe", folder))
    os.close(folder)
