"""An archive whose disk is not mounted is known from a new one."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.upload.calls.archive_disk import (
    ID_NAME,
    THE_DISK,
    accept_archive,
    missing_archive,
    require_archive,
)
from presqt_daemon.upload.calls.patience import MustWait
from tests.tickets.infos import finished_info, write_info


class Site:
    """One folder target, and the mediafiles of its daemon."""

    def __init__(self, root: Path) -> None:
        self.target = TargetConfig(name="shelf", type="folder", path=root / "archive")
        self.archive = root / "archive"
        self.mediafiles = root / "mediafiles"
        self.uploads = Uploads(self.mediafiles)
        self.uploads.root.mkdir(parents=True)

    def require(self) -> None:
        require_archive(self.target, self.mediafiles)

    def problem(self) -> str | None:
        return missing_archive(self.target, self.mediafiles)

    def deposit(self, title: str) -> None:
        """A ticket that has put something there."""
        info = finished_info(target="shelf", title=title, resource_id=None)
        folder = self.uploads.folder(info.ticket_number)
        folder.path.mkdir()
        write_info(self.uploads, folder, info)
        (self.archive / title).mkdir(parents=True, exist_ok=True)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_new_archive_gets_its_id_and_is_known_by_it(site: Site) -> None:
    site.require()
    first = (site.archive / ID_NAME).read_bytes()
    site.require()
    assert (site.archive / ID_NAME).read_bytes() == first
    assert (site.mediafiles / "archives" / "shelf").read_bytes() == first


def unmounted(site: Site) -> None:
    site.archive.rename(site.archive.with_name("the disk"))
    site.archive.mkdir()


def removed(site: Site) -> None:
    shutil.rmtree(site.archive)


def exchanged(site: Site) -> None:
    unmounted(site)
    (site.archive / ID_NAME).write_text("0b0e6e0c-0000-4000-8000-000000000000\n")


def a_pipe(site: Site) -> None:
    (site.archive / ID_NAME).unlink()
    (site.archive / ID_NAME).symlink_to("/dev/zero")


@pytest.mark.parametrize("loss", [unmounted, removed, exchanged, a_pipe])
def test_deposits_wait_while_the_archive_is_not_the_one_that_was_there(
    site: Site, loss: Callable[[Site], None]
) -> None:
    site.require()
    loss(site)
    for _ in range(2):
        with pytest.raises(MustWait) as wait:
            site.require()
        assert wait.value.limited.waiting_for == THE_DISK
        assert "check --accept shelf" in wait.value.limited.reason
    if loss is unmounted:
        assert list(site.archive.iterdir()) == [], "nothing is left below the mount point"
        site.archive.rmdir()
        site.archive.with_name("the disk").rename(site.archive)
        site.require()


def test_at_the_first_start_after_an_upgrade_a_deposit_that_is_found_shows_the_archive(
    site: Site,
) -> None:
    site.deposit("One")
    site.deposit("Two")
    (site.archive / "One").rmdir()
    site.require()
    assert (site.archive / ID_NAME).exists()


def test_at_the_first_start_after_an_upgrade_an_empty_folder_is_not_taken_for_the_archive(
    site: Site,
) -> None:
    site.deposit("One")
    unmounted(site)
    with pytest.raises(MustWait, match="no earlier deposit"):
        site.require()
    assert list(site.archive.iterdir()) == []


def test_a_person_can_take_a_new_disk_on_purpose(site: Site) -> None:
    site.require()
    unmounted(site)
    assert site.problem() is not None
    accept_archive(site.target, site.mediafiles)
    assert site.problem() is None
    site.require()
    accept_archive(site.target, site.mediafiles)
    assert site.problem() is None


def test_a_new_daemon_takes_an_archive_that_another_has_filled(site: Site, tmp_path: Path) -> None:
    site.require()
    other = tmp_path / "other"
    (other / "uploads").mkdir(parents=True)
    require_archive(site.target, other)
    assert missing_archive(site.target, other) is None


def test_a_target_without_a_folder_has_no_disk(site: Site) -> None:
    require_archive(TargetConfig(name="osf", type="osf"), site.mediafiles)
