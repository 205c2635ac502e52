"""Rights: who else could give orders, and what is made under any umask."""

import os
import stat
from pathlib import Path

import pytest

from presqt_daemon.cli.check.rights import refuse_orders_of_others
from presqt_daemon.config import Config
from presqt_daemon.errors import ConfigError
from tests.bags import bag_zip, drop
from tests.house.house import open_house

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, Config]:
    """A configuration file and what it names, with rights that are in order."""
    tmp_path.chmod(0o755)
    file = tmp_path / "config.yaml"
    file.write_text("{}")
    file.chmod(0o644)
    config = Config(mediafiles=tmp_path / "mediafiles")
    config.control_folder.mkdir(parents=True, mode=0o700)
    return file, config


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_rights_that_are_in_order_stop_nothing(place: tuple[Path, Config]) -> None:
    refuse_orders_of_others(*place)


def test_what_a_group_may_write_stops_no_start(place: tuple[Path, Config]) -> None:
    file, config = place
    for path in (file, file.parent, config.control_folder):
        path.chmod(0o775)
    refuse_orders_of_others(file, config)


@pytest.mark.parametrize("what", ["file", "folder", "control"])
def test_orders_that_everybody_could_give_stop_the_start(
    place: tuple[Path, Config], what: str
) -> None:
    file, config = place
    path = {"file": file, "folder": file.parent, "control": config.control_folder}[what]
    path.chmod(0o777)
    with pytest.raises(ConfigError) as caught:
        refuse_orders_of_others(file, config)
    assert str(path) in caught.value.problems[0]
    assert "chmod o-w" in caught.value.problems[0]


@NEEDS_ROOT
@pytest.mark.parametrize("what", ["file", "control"])
def test_orders_that_a_third_user_could_give_stop_the_start(
    place: tuple[Path, Config], what: str
) -> None:
    file, config = place
    path = {"file": file, "control": config.control_folder}[what]
    os.chown(path, 12345, -1)
    with pytest.raises(ConfigError, match="belongs to user 12345"):
        refuse_orders_of_others(file, config)


def test_a_configuration_that_everybody_may_write_ends_a_run_with_78(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        house.configure()
        (house.root / "config.yaml").chmod(0o666)
        ended = house.run("run", "--once")
        assert ended.returncode == 78
        assert "everybody may change the configuration" in ended.stderr


@pytest.mark.parametrize("umask", [0o002, 0o077])
def test_modes_are_what_they_should_be_under_any_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with open_house(tmp_path) as house:
            house.start()
            drop(bag_zip(), house.inbox / "archive" / "one.zip")
            info = house.ended("one.zip")
            assert info["status"] == "finished"
            ticket = house.uploads / info["ticket_number"]
            modes = {
                "inbox": mode(house.inbox),
                "inbox/archive": mode(house.inbox / "archive"),
                "mediafiles": mode(house.root / "mediafiles"),
                "uploads": mode(house.uploads),
                "control": mode(house.control),
                "ticket": mode(ticket) & 0o777,
                "status": mode(ticket / "process_info.json"),
                "receipt": mode(ticket / "receipt.json"),
                "zip": mode(ticket / "one.zip"),
            }
    finally:
        os.umask(before)
    assert modes == {
        "inbox": 0o2775,
        "inbox/archive": 0o2775,
        "mediafiles": 0o755,
        "uploads": 0o755,
        "control": 0o700,
        "ticket": 0o755,
        "status": 0o644,
        "receipt": 0o644,
        "zip": 0o600,
    }


@NEEDS_ROOT
def test_a_ticket_belongs_to_the_group_of_the_folder_it_came_through(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        house.configure(permissions={"status": "0640"})
        house.start()
        os.chown(house.inbox / "archive", -1, 12345)
        drop(bag_zip(), house.inbox / "archive" / "one.zip")
        info = house.ended("one.zip")
        ticket = house.uploads / info["ticket_number"]
        assert (ticket.stat().st_gid, mode(ticket)) == (12345, 0o2750)
        for name in ("process_info.json", "receipt.json"):
            assert ((ticket / name).stat().st_gid, mode(ticket / name)) == (12345, 0o640)
        house.configure(permissions={"status": "0644"})
        assert house.run("reload").returncode == 0
        drop(bag_zip({"P2/a": b"2"}), house.inbox / "archive" / "two.zip")
        other = house.uploads / house.ended("two.zip")["ticket_number"]
        assert mode(other / "process_info.json") == 0o644
        assert mode(other) == 0o2755
