"""What programs leave beside a drop is no ticket, and no line in the log each round."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.inbox.files.leftover_names import FILES, FOLDERS
from tests.bags import bag_zip, drop
from tests.inbox.running import Running, make_config, running, until

FOLDER_NAMES = (
    ".~tmp~", ".rsync-partial", ".recycle", "@Recycle", ".@__thumb", "#snapshot", "~snapshot",
    ".AppleDouble", "Network Trash Folder", "@tmp", ".syncthing", "s.zip.download", "RECYCLER",
    ".git",
)  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_config(tmp_path)


@pytest.fixture
def daemon(config: Config) -> Iterator[Running]:
    with running(config) as daemon:
        yield daemon


def filled(pattern: str) -> str:
    """A name that a pattern of the table matches."""
    return re.sub(r"\[[^]]*([^]])\]", r"\1", pattern).replace("*", "x")


def test_no_name_of_the_table_is_a_ticket_or_a_line(
    daemon: Running, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    place = config.inbox / "osf"
    for pattern, _ in FILES:
        (place / filled(pattern)).write_bytes(b"half of something" * 10)
    for name in {*FOLDER_NAMES, *(filled(pattern) for pattern, _ in FOLDERS)}:
        if not (place / name).exists():
            (place / name).mkdir()
            drop(bag_zip(), place / name / "x.zip")
    for _ in range(3):
        daemon.scanned()
    assert daemon.claimed == []
    assert caplog.messages == []
    drop(bag_zip(), place / "real.zip")
    assert daemon.claim().record.inbox_name == "real.zip"


@pytest.mark.parametrize("name", ["x.tar", "letter.docx", "notes"])
def test_what_is_no_leftover_still_gets_its_failed_ticket(
    daemon: Running, config: Config, name: str
) -> None:
    (config.inbox / "osf" / name).write_bytes(b"something else")
    error = daemon.claim().error
    assert error is not None
    assert error.code == "not-a-zip"


def test_patterns_of_the_configuration_add_to_the_table(tmp_path: Path) -> None:
    config = make_config(tmp_path, ignore=("*.own",))
    with running(config) as daemon:
        for name in ("a.own", "b.part"):
            (config.inbox / "osf" / name).write_bytes(b"x")
        daemon.scanned()
        daemon.scanned()
        assert daemon.claimed == []


@pytest.mark.parametrize("suffix", [".part", ".crdownload", ".aria2"])
def test_a_placeholder_waits_while_its_sibling_grows(
    daemon: Running, config: Config, suffix: str
) -> None:
    """Firefox makes an empty x.zip beside x.zip.part, and renames the one over the other."""
    place, content = config.inbox / "osf", bag_zip()
    (place / "x.zip").touch()
    part = place / f"x.zip{suffix}"
    step = len(content) // 8
    for number in range(8):  # longer in all than a file that rests is waited for
        with part.open("ab") as stream:
            stream.write(content[number * step : (number + 1) * step if number < 7 else None])
        began = daemon.inbox._context.clock()
        until(lambda began=began: daemon.inbox._context.clock() - began > 0.2)  # type: ignore[misc]
        assert daemon.claimed == []
    os.replace(part, place / "x.zip")
    claim = daemon.claim()
    assert claim.error is None


def test_a_placeholder_whose_sibling_rests_is_given_up(daemon: Running, config: Config) -> None:
    (config.inbox / "osf" / "x.zip").touch()
    (config.inbox / "osf" / "x.zip.part").write_bytes(b"PK")
    error = daemon.claim().error
    assert error is not None
    assert error.code == "not-a-zip"


def test_a_copy_that_lacks_its_middle_is_not_taken(tmp_path: Path) -> None:
    """Several streams, or a preallocated file whose end came first."""
    config = make_config(tmp_path, incomplete_after=3600.0)
    content = bag_zip({"P/a.bin": os.urandom(400_000)})
    path = config.inbox / "osf" / "x.zip"
    with running(config) as daemon:
        with path.open("wb") as stream:
            stream.truncate(len(content))
            stream.write(content[:65_536])
            stream.seek(len(content) - 65_536)
            stream.write(content[-65_536:])
        began = daemon.inbox._context.clock()
        until(lambda: daemon.inbox._context.clock() - began > 1.5)
        daemon.scanned()
        assert daemon.claimed == []
        with path.open("r+b") as stream:
            stream.write(content)
        assert daemon.claim().error is None


def test_a_hidden_or_system_folder_is_no_resource(daemon: Running, config: Config) -> None:
    for name in FOLDER_NAMES:
        (config.inbox / "osf" / name).mkdir()
        drop(bag_zip(), config.inbox / "osf" / name / "bag.zip")
    daemon.scanned()
    daemon.scanned()
    assert daemon.claimed == []
    shutil.rmtree(config.inbox / "osf" / ".recycle")


@pytest.mark.parametrize("part", ["x.Ab3dE6gH.zip.part", "Ab3dE6gH.zip.part"])
def test_a_placeholder_waits_for_a_part_of_another_name(
    daemon: Running, config: Config, part: str
) -> None:
    place, content = config.inbox / "osf", bag_zip()
    (place / "x.zip").touch()
    for number in range(8):  # longer in all than a file that rests is waited for
        with (place / part).open("ab") as stream:
            stream.write(content[number::8])
        began = daemon.inbox._context.clock()
        until(lambda began=began: daemon.inbox._context.clock() - began > 0.2)  # type: ignore[misc]
        assert daemon.claimed == []
    (place / part).write_bytes(content)
    os.replace(place / part, place / "x.zip")
    assert daemon.claim().error is None


@pytest.mark.parametrize("suffix", [".aria2", ".st", ".lftp-pget-status"])
def test_a_download_in_pieces_waits_for_its_control_file_to_go(tmp_path: Path, suffix: str) -> None:
    """Preallocated with zeros, its end first: there is no hole, and the end is that of a zip."""
    config = make_config(tmp_path, incomplete_after=3600.0)
    content = bag_zip({"P/a.bin": os.urandom(400_000)})
    path = config.inbox / "osf" / "x.zip"
    with running(config) as daemon:
        path.with_name(f"x.zip{suffix}").write_bytes(b"pieces")
        path.write_bytes(content[:65_536] + bytes(len(content) - 131_072) + content[-65_536:])
        began = daemon.inbox._context.clock()
        until(lambda: daemon.inbox._context.clock() - began > 1.0)
        daemon.scanned()
        assert daemon.claimed == []
        path.write_bytes(content)
        path.with_name(f"x.zip{suffix}").unlink()
        assert daemon.claim().error is None
